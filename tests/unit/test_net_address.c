#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ymago/net.h>

static const char *const private_ones[] = {"0.0.0.0",
                                           "0.1.2.3",
                                           "10.0.0.1",
                                           "10.255.255.255",
                                           "100.64.0.1",
                                           "100.127.255.255",
                                           "127.0.0.1",
                                           "127.255.0.1",
                                           "169.254.169.254",
                                           "172.16.0.1",
                                           "172.31.255.255",
                                           "192.0.0.8",
                                           "192.0.2.1",
                                           "192.168.1.1",
                                           "198.18.0.1",
                                           "198.19.255.255",
                                           "198.51.100.7",
                                           "203.0.113.9",
                                           "224.0.0.1",
                                           "239.255.255.255",
                                           "240.0.0.1",
                                           "255.255.255.255",
                                           "::",
                                           "::1",
                                           "::127.0.0.1",
                                           "::ffff:127.0.0.1",
                                           "::ffff:10.1.1.1",
                                           "64:ff9b::7f00:1",
                                           "64:ff9b::a9fe:a9fe",
                                           "64:ff9b:1::1",
                                           "100::1",
                                           "2001::1",
                                           "2001:db8::1",
                                           "2002:7f00:1::",
                                           "2002:c0a8:101::",
                                           "fc00::1",
                                           "fdff::1",
                                           "fe80::1",
                                           "fec0::1",
                                           "ff02::1",
                                           "3fff::1",
                                           "5f00::1"};
static const char *const public_ones[] = {"1.1.1.1",
                                          "8.8.8.8",
                                          "9.255.255.255",
                                          "11.0.0.1",
                                          "100.63.255.255",
                                          "100.128.0.1",
                                          "126.0.0.1",
                                          "128.0.0.1",
                                          "169.253.0.1",
                                          "172.15.255.255",
                                          "172.32.0.1",
                                          "192.0.1.1",
                                          "192.167.1.1",
                                          "198.17.0.1",
                                          "198.20.0.1",
                                          "223.255.255.255",
                                          "::ffff:8.8.8.8",
                                          "64:ff9b::808:808",
                                          "2001:4860:4860::8888",
                                          "2002:808:808::",
                                          "2606:4700::1111",
                                          "2a00:1450:4001::1"};

static bool judge(const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return ym_address_is_private(&v4);
    assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
    return ym_address_is_private(&v6);
}

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(private_ones); i++)
        if (!judge(private_ones[i]))
            fail_msg("%s must be private", private_ones[i]);
    for (size_t i = 0; i < YM_COUNT(public_ones); i++)
        if (judge(public_ones[i]))
            fail_msg("%s must be public", public_ones[i]);
}

static void test_other_families(void **state)
{
    (void)state;
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_true(ym_address_is_private(&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges),
                                       cmocka_unit_test(test_other_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
