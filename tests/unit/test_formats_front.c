#include "unit.h"

#include <errno.h>
#include <ymago/formats.h>

static void heads_and_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text, *head, *body; /* head NULL = refused */
    } cases[] = {
        {"a fox", "", "a fox"},
        {"", "", ""},
        {"---\nn: 2\n---\na fox", "n: 2\n", "a fox"},
        {"---\r\nn: 2\r\n---\r\na fox\r\n", "n: 2\r\n", "a fox\r\n"},
        {"\xef\xbb\xbf---\nn: 2\n---\nfox", "n: 2\n", "fox"},
        {"\xef\xbb\xbf"
         "fox",
         "",
         "\xef\xbb\xbf"
         "fox"},
        {"---\n---\nfox", "", "fox"},
        {"---\nn: 2\n---", "n: 2\n", ""},
        {"--- \t\nn: 2\n---  \nfox", "n: 2\n", "fox"},
        {"---\na: |\n  --- not\n ---\n---\nfox", "a: |\n  --- not\n ---\n", "fox"},
        {"---\nn: 2\n---\nfox\n---\nmore", "n: 2\n", "fox\n---\nmore"},
        {"----\nfox", "", "----\nfox"},
        {"--- a fox ---\n", "", "--- a fox ---\n"},
        {"\n---\nn: 2\n---\n", "", "\n---\nn: 2\n---\n"},
        {"---", NULL, NULL},
        {"---\n", NULL, NULL},
        {"---\nn: 2\na fox\n", NULL, NULL},
        {"---\nn: 2\n----\n", NULL, NULL},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct ym_span head = {0}, body = {0};
        struct ym_err e;
        int r = ym_front_matter(cases[i].text, strlen(cases[i].text), &head, &body, &e);
        if (!cases[i].head) {
            assert_int_equal(r, -EINVAL);
            assert_int_equal(e.cls, YM_INVALID);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(head.len, strlen(cases[i].head));
        assert_memory_equal(head.s, cases[i].head, head.len);
        assert_int_equal(body.len, strlen(cases[i].body));
        assert_memory_equal(body.s, cases[i].body, body.len);
    }
}

static void the_head_is_bounded(void **state)
{
    (void)state;
    struct ym_span head, body;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 100000);
    ym_buf_adds(&b, "---\n");
    for (int i = 0; i < 16384 / 4; i++)
        ym_buf_adds(&b, "a:1\n");
    size_t full = b.len;
    ym_buf_adds(&b, "---\nfox");
    assert_int_equal(ym_front_matter(b.data, b.len, &head, &body, NULL), 0);
    assert_int_equal(head.len, 16384);
    b.len = full;
    ym_buf_adds(&b, "#\n---\nfox");
    assert_int_equal(ym_front_matter(b.data, b.len, &head, &body, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_and_bodies),
        cmocka_unit_test(the_head_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
