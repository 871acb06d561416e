#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/net/classify.h"

static void test_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum ym_class cls;
    } cases[] = {{200, YM_OK},        {204, YM_OK},        {299, YM_OK},        {301, YM_INVALID},
                 {400, YM_INVALID},   {401, YM_AUTH},      {403, YM_AUTH},      {404, YM_INVALID},
                 {408, YM_THROTTLED}, {409, YM_INVALID},   {413, YM_INVALID},   {429, YM_THROTTLED},
                 {499, YM_INVALID},   {500, YM_TRANSIENT}, {503, YM_TRANSIENT}, {599, YM_TRANSIENT},
                 {600, YM_INVALID},   {100, YM_INVALID},   {0, YM_INVALID},     {-1, YM_INVALID}};
    for (size_t i = 0; i < YM_COUNT(cases); i++)
        assert_int_equal(ym_http_class(cases[i].status), cases[i].cls);
}

static void test_retry_after(void **state)
{
    (void)state;
    const ym_wall now = {1794182400000}; /* Mon, 09 Nov 2026 00:00:00 GMT */
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {{"0", 0},
                 {"7", 7000},
                 {" 7 ", 7000},
                 {"1.5", 2000},
                 {"86400", 86400000},
                 {"86401", 86400000},
                 {"99999999", 86400000},
                 {"99999999999999999999999", 0},
                 {"-5", 0},
                 {"5s", 0},
                 {"5.", 0},
                 {"", 0},
                 {"soon", 0},
                 {"Mon, 09 Nov 2026 00:00:30 GMT", 30000},
                 {"Sun, 08 Nov 2026 00:00:30 GMT", 0},
                 {"Mon, 09 Nov 2099 00:00:30 GMT", 86400000}};
    for (size_t i = 0; i < YM_COUNT(cases); i++)
        if (ym_retry_after(cases[i].value, now).ms != cases[i].ms)
            fail_msg("\"%s\" gave %lld", cases[i].value,
                     (long long)ym_retry_after(cases[i].value, now).ms);
    assert_int_equal(ym_retry_after(NULL, now).ms, 0);
}

static void test_curl_codes(void **state)
{
    (void)state;
    static const struct {
        CURLcode code;
        bool sent;
        enum ym_effect effect;
        enum ym_class cls;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, false, YM_PAYS, YM_OFFLINE},
        {CURLE_COULDNT_CONNECT, false, YM_SAFE, YM_OFFLINE},
        {CURLE_OPERATION_TIMEDOUT, false, YM_PAYS, YM_OFFLINE},
        {CURLE_PEER_FAILED_VERIFICATION, false, YM_PAYS, YM_OFFLINE},
        {CURLE_SSL_CONNECT_ERROR, false, YM_PAYS, YM_TRANSIENT},
        {CURLE_UNSUPPORTED_PROTOCOL, false, YM_PAYS, YM_INVALID},
        {CURLE_SEND_FAIL_REWIND, true, YM_PAYS, YM_AMBIGUOUS},
        {CURLE_COULDNT_CONNECT, true, YM_PAYS, YM_AMBIGUOUS}, /* when in doubt */
        {CURLE_RECV_ERROR, true, YM_PAYS, YM_AMBIGUOUS},
        {CURLE_PARTIAL_FILE, true, YM_IDEMPOTENT, YM_TRANSIENT},
        {CURLE_OPERATION_TIMEDOUT, true, YM_SAFE, YM_TRANSIENT},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct ym_err e = {0};
        classify_curl(cases[i].code, cases[i].sent, cases[i].effect, "h", "", &e);
        assert_int_equal(e.cls, cases[i].cls);
        assert_true(e.err > 0);
        assert_non_null(strstr(e.msg, "h "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_status),
                                       cmocka_unit_test(test_retry_after),
                                       cmocka_unit_test(test_curl_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
