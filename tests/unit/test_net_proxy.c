#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/net/proxy.h"

static void test_exceptions(void **state)
{
    (void)state;
    static const struct {
        const char *except, *host;
        bool direct;
    } cases[] = {
        {NULL, "example.com", false},
        {"*", "example.com", true},
        {"example.com", "example.com", true},
        {".example.com", "api.example.com", true},
        {"example.com", "api.example.com", true},
        {"example.com", "notexample.com", false},
        {"a.org, EXAMPLE.com", "example.com", true},
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/9", "10.200.2.3", false},
        {"10.0.0.0/8", "example.com", false},
        {"fd00::/8", "[fd12::1]", true},
        {"fd00::/8", "[fe80::1]", false},
        {"10.0.0.0/99", "10.1.2.3", false},
        {NULL, "localhost", true},
        {NULL, "127.0.0.2", true},
        {NULL, "[::1]", true},
        {"", "example.com", false},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char url[] = "http://proxy:3128", except[32] = "";
        if (cases[i].except)
            snprintf(except, sizeof(except), "%s", cases[i].except);
        struct proxy p = {.url = url, .except = cases[i].except ? except : NULL};
        bool direct = proxy_for(&p, cases[i].host) == NULL;
        if (direct != cases[i].direct)
            fail_msg("no_proxy=%s host=%s", except, cases[i].host);
    }
}

static void test_environment(void **state)
{
    (void)state;
    struct proxy p;
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    unsetenv("no_proxy");
    setenv("http_proxy", "http://wrong:1", 1);
    proxy_init(&p);
    assert_null(p.url);
    assert_null(proxy_for(&p, "h"));
    proxy_fini(&p);
    setenv("HTTPS_PROXY", "http://p:1", 1);
    setenv("NO_PROXY", "corp", 1);
    proxy_init(&p);
    assert_string_equal(proxy_for(&p, "h"), "http://p:1");
    assert_null(proxy_for(&p, "x.corp"));
    proxy_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exceptions),
                                       cmocka_unit_test(test_environment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
