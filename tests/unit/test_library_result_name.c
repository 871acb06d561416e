#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <ymago/library.h>

static void candidates(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *output;
        int idx;
        const char *ext;
        int attempt;
        const char *want;
    } cases[] = {
        {"sunset.txt", NULL, 0, "png", 0, "sunset.png"},
        {"sunset.txt", NULL, 0, "png", 1, "sunset.txt.png"},
        {"sunset.txt", NULL, 0, "png", 2, "sunset.txt-2.png"},
        {"sunset.txt", NULL, 0, "png", 9, "sunset.txt-9.png"},
        {"sunset.txt", NULL, 1, "jpg", 0, "sunset-2.jpg"},
        {"sunset.txt", NULL, 63, "jpg", 0, "sunset-64.jpg"},
        /* Not sunset.txt-2.jpg: that is the third choice for the first picture. */
        {"sunset.txt", NULL, 1, "jpg", 1, "sunset-2.txt.jpg"},
        {"sunset.txt", NULL, 1, "jpg", 2, "sunset-2.txt-2.jpg"},
        {"sunset.x4.txt", NULL, 0, "png", 0, "sunset.png"},
        {"sunset.x4.txt", NULL, 3, "png", 0, "sunset-4.png"},
        {"sunset.x4.txt", NULL, 0, "png", 1, "sunset.x4.txt.png"},
        {"sunset.txt", "hero", 0, "png", 0, "hero.png"},
        {"sunset.txt", "hero", 2, "png", 0, "hero-3.png"},
        {"sunset.txt", "hero", 0, "png", 1, "hero.txt.png"},
        {"again.json", NULL, 0, "png", 0, "again.png"},
        {"story.txt", NULL, 0, "out.md", 0, "story.out.md"},
        {"noext", NULL, 0, "png", 0, "noext.png"},
    };
    char out[256];
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        assert_int_equal(ym_result_name(cases[i].prompt, cases[i].output, cases[i].idx,
                                        cases[i].ext, cases[i].attempt, out),
                         0);
        assert_string_equal(out, cases[i].want);
    }
}

static void a_sidecar_fits_too(void **state)
{
    (void)state;
    char name[256], out[256] = "untouched";
    memset(name, 'a', sizeof(name));
    memcpy(name + 246, ".txt", 5); /* 246 + ".png" = 250, + ".json" = 255 */
    assert_int_equal(ym_result_name(name, NULL, 0, "png", 0, out), 0);
    assert_int_equal(strlen(out), 250);
    memset(name, 'a', sizeof(name));
    memcpy(name + 247, ".txt", 5);
    memcpy(out, "untouched", 10);
    assert_int_equal(ym_result_name(name, NULL, 0, "png", 0, out), -ENAMETOOLONG);
    assert_string_equal(out, "untouched");
}

static void hostile_output_filenames(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "a:b", "a<b", "a>b", "a|b",
        "a?b", "a*b", "a\"b", ".hidden", "-rf", "a\nb", "a\tb", "a\x1b[31m", "a\x7f", "\xc2\x85x",
        "a\xe2\x80\xaegnp", "a\xe2\x81\xa6x", "a\xe2\x80\xa8x", "bad\xff", "\xc0\xaf", " x", "x ", "x.",
        "con", "NUL", "com1", "LPT9.x", "aux.thing", "README", "README-2", "STATUS", "_x", "#x",
        "pose.in", "pose.in2",
    };
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        struct ym_err e = {.cls = YM_OK};
        if (ym_output_filename_check(bad[i], &e) != -EINVAL)
            fail_msg("accepted: \"%s\"", bad[i]);
        assert_int_equal(e.cls, YM_INVALID);
        assert_non_null(strstr(e.msg, "output_filename"));
        assert_false(ym_text_has_control(e.msg, strlen(e.msg)));
    }
    char longest[202];
    memset(longest, 'a', 201);
    longest[201] = '\0';
    assert_int_equal(ym_output_filename_check(longest, NULL), -EINVAL);
    longest[200] = '\0';
    assert_int_equal(ym_output_filename_check(longest, NULL), 0);
    static const char *const good[] = {"hero", "hero image 2", "h\xc3\xa4user", "a.b.c", "a-b_c",
                                       "\xe6\x97\xa5\xe6\x9c\xac", "console", "com10", "a'b", "100%d",
                                       "$(rm -r)", "sunset.in17"};
    for (size_t i = 0; i < YM_COUNT(good); i++)
        if (ym_output_filename_check(good[i], NULL) != 0)
            fail_msg("refused: \"%s\"", good[i]);
}

static void note_paths(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *note;
        bool full;
        const char *want;
    } cases[] = {
        {"images/sunset.txt", "error", false, "images/sunset.error.log"},
        {"images/sunset.txt", "error", true, "images/sunset.txt.error.log"},
        {"images/sunset.x4.txt", "held", false, "images/sunset.held.log"},
        {"sunset.md", "working", false, "sunset.working.log"},
        {"batches/prompts.csv", "held", true, "batches/prompts.csv.held.log"},
        {"cost/budget.toml", "error", false, "cost/budget.error.log"},
        {"images/folder.toml", "error", false, "images/folder.error.log"},
        {"bulk-20261120T10.15", "held", false, "bulk-20261120T10.15.held.log"},
        {"a.b/noext", "error", false, "a.b/noext.error.log"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOFREE char *got = ym_note_path(cases[i].prompt, cases[i].note, cases[i].full);
        assert_string_equal(got, cases[i].want);
    }
    char name[256];
    memset(name, 'a', sizeof(name));
    memcpy(name + 251, ".txt", 5);
    YM_AUTOFREE char *got = ym_note_path(name, "error", true);
    assert_int_equal(strlen(got), 255);
    assert_string_equal(got + 245, ".error.log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates),
        cmocka_unit_test(a_sidecar_fits_too),
        cmocka_unit_test(hostile_output_filenames),
        cmocka_unit_test(note_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
