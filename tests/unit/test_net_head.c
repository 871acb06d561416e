#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/net/head.h"

static void add(struct head *h, const char *line)
{
    assert_int_equal(head_add(h, line, strlen(line)), 0);
}

static void test_lines(void **state)
{
    (void)state;
    struct head h;
    head_init(&h);
    add(&h, "X-One:a");
    add(&h, "CONTENT-Type:  Image/PNG ; charset=x  ");
    add(&h, " folded: no");
    add(&h, "no colon");
    add(&h, ": no name");
    add(&h, "Content-Length: 12");
    add(&h, "Empty:");
    head_finish(&h);
    assert_int_equal(h.nlines, 4);
    assert_string_equal(h.lines[0], "x-one: a");
    assert_null(h.lines[4]);
    assert_string_equal(h.type, "image/png");
    assert_int_equal(h.length, 12);
    assert_string_equal(ym_header_get(h.lines, "X-One"), "a");
    assert_string_equal(ym_header_get(h.lines, "empty"), "");
    assert_null(ym_header_get(h.lines, "x-on"));
    assert_null(ym_header_get(NULL, "x"));
    head_reset(&h);
    head_finish(&h);
    assert_int_equal(h.length, -1);
    assert_string_equal(h.type, "");
    assert_null(h.lines[0]);
    head_fini(&h);
}

static void test_length(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t length;
    } cases[] = {{"content-length: 0", 0},
                 {"content-length: -1", -1},
                 {"content-length: 12x", -1},
                 {"content-length: 99999999999999999999", -1},
                 {"x: y", -1}};
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct head h;
        head_init(&h);
        add(&h, cases[i].line);
        head_finish(&h);
        assert_int_equal(h.length, cases[i].length);
        head_fini(&h);
    }
    struct head h;
    head_init(&h);
    add(&h, "content-length: 5");
    add(&h, "Transfer-Encoding: Chunked");
    head_finish(&h);
    assert_true(h.chunked);
    assert_int_equal(h.length, -1);
    head_fini(&h);
}

static void test_limits(void **state)
{
    (void)state;
    struct head h;
    head_init(&h);
    for (int i = 0; i < HEAD_LINES_MAX; i++)
        add(&h, "a: b");
    assert_int_equal(head_add(&h, "a: b", 4), -EOVERFLOW);
    head_finish(&h);
    assert_string_equal(h.lines[HEAD_LINES_MAX - 1], "a: b");
    head_reset(&h);
    static char big[HEAD_BYTES_MAX];
    memset(big, 'x', sizeof(big));
    big[1] = ':';
    assert_int_equal(head_add(&h, big, sizeof(big)), -EOVERFLOW);
    head_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_length),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
