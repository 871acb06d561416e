/* Paths as people write them, and names from prompts. */
#include "unit.h"

#include "../../src/cli/path.h"

static void absolute(void **state)
{
    (void)state;
    static const struct {
        const char *cwd, *in, *out;
    } rows[] = {
        {"/home/me", "a.txt", "/home/me/a.txt"},
        {"/home/me", "./x/../a.txt", "/home/me/a.txt"},
        {"/home/me", "../../../../etc", "/etc"},
        {"/home/me", "/a//b/", "/a/b"},
        {"/home/me", "", "/home/me"},
        {"/home/me", "..", "/home"},
        {"/", "a", "/a"},
        {"/", "..", "/"},
        {"/home/me", "...", "/home/me/..."},
        {"/home/me", ".hidden/..b", "/home/me/.hidden/..b"},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *got = path_absolute(rows[i].cwd, rows[i].in);
        assert_string_equal(got, rows[i].out);
    }
}

static void below(void **state)
{
    (void)state;
    assert_string_equal(path_below("/lib", "/lib/images/a.txt"), "images/a.txt");
    assert_string_equal(path_below("/lib", "/lib"), "");
    assert_null(path_below("/lib", "/library/a.txt"));
    assert_null(path_below("/lib", "/other"));
    assert_string_equal(path_below("/", "/a/b"), "a/b");
    YM_AUTOFREE char *a = path_join("/lib", "a"), *b = path_join("/lib", ""),
                     *c = path_join("/", "a");
    assert_string_equal(a, "/lib/a");
    assert_string_equal(b, "/lib");
    assert_string_equal(c, "/a");
}

static void verb_targets(void **state)
{
    (void)state;
    static const char id[] = "01M7WFGH7HRHVKHF48ESD9TMB4";
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"images/a.txt", "images/a.txt"},
        {".ymago/jobs/01M7WFGH7HRHVKHF48ESD9TMB4/state", id},
        {".ymago/failed/01M7WFGH7HRHVKHF48ESD9TMB4", id},
        {".ymago/wait/images/a.txt", "images/a.txt"},
        {".ymago/jobs/../a", ".ymago/jobs/../a"},
        {".ymago/other/01M7WFGH7HRHVKHF48ESD9TMB4", ".ymago/other/01M7WFGH7HRHVKHF48ESD9TMB4"},
        {".ymago/status", ".ymago/status"},
        {".ymagox/wait/a", ".ymagox/wait/a"},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *got = path_verb_target(rows[i].in);
        assert_string_equal(got, rows[i].out);
    }
}

static void slugs(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"A sunset over the sea", "a-sunset-over-the-sea"},
        {"  ../../etc/passwd  ", "etc-passwd"},
        {"...", "image"},
        {"", "image"},
        {"a\nb\tc\x1b[31m", "a-b-c-31m"},
        {"Übermütige Katze!", "Übermütige-katze"},
        {"夕焼け、海", "夕焼け-海"},
        {"x\u202egnp.exe", "x-gnp-exe"},
        {"1234567890123456789012345678901234567890123", "1234567890123456789012345678901234567890"},
        {"123456789012345678901234567890123456789 x", "123456789012345678901234567890123456789"},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *got = path_slug(rows[i].in);
        assert_string_equal(got, rows[i].out);
        assert_true(strlen(got) <= 120);
        assert_int_equal(ym_utf8_valid(got, strlen(got)), strlen(got));
    }
    YM_AUTOFREE char *wide = ym_alloc(400);
    for (int i = 0; i < 60; i++)
        memcpy(wide + i * 4, "\U0001F408", 4);
    YM_AUTOFREE char *cut = path_slug(wide);
    assert_int_equal(strlen(cut), 120); /* thirty whole cats */
}

static void split(void **state)
{
    (void)state;
    static const struct {
        const char *in, *stem, *ext;
    } rows[] = {
        {"sunset.png", "sunset", "png"}, {"a.b.JPG", "a.b", "JPG"}, {"v1.2", "v1.2", NULL},
        {"plain", "plain", NULL},        {".png", ".png", NULL},    {"x.", "x.", NULL},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *stem = NULL;
        YM_AUTOFREE char *ext = NULL;
        path_split(rows[i].in, &stem, &ext);
        assert_string_equal(stem, rows[i].stem);
        if (rows[i].ext)
            assert_string_equal(ext, rows[i].ext);
        else
            assert_null(ext);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absolute), cmocka_unit_test(below), cmocka_unit_test(verb_targets),
        cmocka_unit_test(slugs),    cmocka_unit_test(split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
