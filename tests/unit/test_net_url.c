#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/net/allow.h"
#include "../../src/net/url.h"

static void test_origin(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin; /* NULL: refused */
    } cases[] = {
        {"https://Example.COM/a?b#c", "https://example.com:443"},
        {"http://h:8080/", "http://h:8080"},
        {"HTTPS://h", "https://h:443"},
        {"http://[::1]:99/x", "http://[::1]:99"},
        {"http://2130706433/", "http://127.0.0.1:80"}, /* as libcurl will connect to it */
        {"https://user:pw@h/", "https://h:443"},
        {"ftp://h/", NULL},
        {"file:///etc/passwd", NULL},
        {"gopher://h/", NULL},
        {"h/path", NULL},
        {"//h/path", NULL},
        {"https://", NULL},
        {"https:///path", "https://path:443"}, /* as libcurl will connect to it */
        {"https://h:99999/", NULL},
        {"https://h/a b", NULL},
        {"https://h/\r\nX: y", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char out[ORIGIN_MAX] = "";
        int r = ym_url_origin(cases[i].url, out, sizeof(out));
        assert_int_equal(r, cases[i].origin ? 0 : -EINVAL);
        assert_string_equal(out, cases[i].origin ? cases[i].origin : "");
    }
    char little[8];
    assert_int_equal(ym_url_origin("https://example.com", little, sizeof(little)), -EINVAL);
}

static void test_userinfo(void **state)
{
    (void)state;
    struct url u;
    assert_int_equal(url_parse("https://user@h/", &u), 0);
    assert_true(u.userinfo);
    assert_int_equal(url_parse("https://h/@x", &u), 0);
    assert_false(u.userinfo);
}

static void test_join(void **state)
{
    (void)state;
    static const struct {
        const char *location, *whole;
    } cases[] = {
        {"/x?y=1", "https://h:8443/x?y=1"}, {"z", "https://h:8443/a/z"},
        {"//other/x", "https://other/x"},   {"http://other:1/x#frag", "http://other:1/x"},
        {"https://e\r\nvil/", NULL},        {"", NULL},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOFREE char *whole = url_join("https://h:8443/a/b?q", cases[i].location);
        if (cases[i].whole)
            assert_string_equal(whole, cases[i].whole);
        else
            assert_null(whole);
    }
}

static void test_allow(void **state)
{
    (void)state;
    static const char *const list[] = {"http://127.0.0.1:7860/sdapi", "Localhost:8188",
                                       "https://api.example.com/v1", "no such thing", NULL};
    struct allow *a = allow_new(list);
    assert_true(allow_has(a, "http://127.0.0.1:7860"));
    assert_false(allow_has(a, "https://127.0.0.1:7860")); /* an origin names its scheme */
    assert_false(allow_has(a, "http://127.0.0.1:78600"));
    assert_true(allow_has(a, "http://localhost:8188"));
    assert_true(allow_has(a, "https://localhost:8188"));
    assert_false(allow_has(a, "http://localhost:81"));
    assert_true(allow_has(a, "https://api.example.com:443"));
    assert_false(allow_has(a, "http://api.example.com:80"));
    allow_free(a);
    a = allow_new(NULL);
    assert_false(allow_has(a, "https://h:443"));
    allow_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_origin),
                                       cmocka_unit_test(test_userinfo), cmocka_unit_test(test_join),
                                       cmocka_unit_test(test_allow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
