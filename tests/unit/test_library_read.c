#include "library_fixture.h"

static void a_prompt(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_file_facts k;
    struct ym_err e;
    lib_put(f, "images/a.txt", "A sunset\n");
    assert_int_equal(ym_library_read(&f->base.s, "images/a.txt", &k, &e), 0);
    assert_true(k.exists && k.regular && !k.too_big);
    assert_string_equal(k.bytes, "A sunset\n");
    assert_int_equal(k.len, 9);
    struct ym_digest want = digest("A sunset\n");
    assert_true(ym_digest_eq(&k.b2, &want));
    assert_int_equal(k.mode, 0644);
    assert_int_equal(k.ident.size, 9);
    ym_file_facts_fini(&k);
}

static void no_prompt(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_file_facts k;
    struct ym_err e;
    static const char *const missing[] = {"images/none.txt", "none/a.txt", "images/f/a.txt"};
    lib_put(f, "images/f", "");
    for (size_t i = 0; i < YM_COUNT(missing); i++) {
        assert_int_equal(ym_library_read(&f->base.s, missing[i], &k, &e), 0);
        assert_false(k.exists);
        assert_null(k.bytes);
    }
    assert_int_equal(symlinkat("f", f->base.s.lib_fd, "images/link.txt"), 0);
    assert_int_equal(mkfifoat(f->base.s.lib_fd, "images/pipe.txt", 0600), 0);
    assert_int_equal(mkdirat(f->base.s.lib_fd, "images/dir.txt", 0700), 0);
    static const char *const odd[] = {"images/link.txt", "images/pipe.txt", "images/dir.txt"};
    for (size_t i = 0; i < YM_COUNT(odd); i++) {
        assert_int_equal(ym_library_read(&f->base.s, odd[i], &k, &e), 0);
        assert_true(k.exists);
        assert_false(k.regular);
        assert_null(k.bytes);
    }
    assert_int_equal(ym_library_read(&f->base.s, "../etc/passwd", &k, &e), -EXDEV);
    assert_int_equal(e.cls, YM_INVALID);
    assert_int_equal(ym_library_read(&f->base.s, "/etc/passwd", &k, &e), -EXDEV);
}

static void sizes(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_file_facts k;
    struct ym_err e;
    lib_put(f, "images/a.txt", "");
    assert_int_equal(ym_library_read(&f->base.s, "images/a.txt", &k, &e), 0);
    assert_true(k.exists && k.bytes && k.len == 0);
    ym_file_facts_fini(&k);
    YM_AUTOCLOSE int fd = openat(f->base.s.lib_fd, "images/a.txt", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, YM_PROMPT_MAX), 0);
    assert_int_equal(ym_library_read(&f->base.s, "images/a.txt", &k, &e), 0);
    assert_true(!k.too_big && k.len == YM_PROMPT_MAX);
    ym_file_facts_fini(&k);
    assert_int_equal(ftruncate(fd, YM_PROMPT_MAX + 1), 0);
    assert_int_equal(ym_library_read(&f->base.s, "images/a.txt", &k, &e), 0);
    assert_true(k.exists && k.regular && k.too_big);
    assert_null(k.bytes);
    ym_file_facts_fini(&k);
}

static void folder_defaults_from_the_root_down(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_folder_text *t;
    struct ym_err e;
    size_t n;
    assert_int_equal(mkdirat(f->base.s.lib_fd, "images/trip", 0755), 0);
    assert_int_equal(mkdirat(f->base.s.lib_fd, "images/trip/day1", 0755), 0);
    assert_int_equal(ym_library_folder_texts(&f->base.s, "images/trip/day1/a.txt", &t, &n, &e), 0);
    assert_int_equal(n, 0);
    ym_folder_texts_free(t, n);
    lib_put(f, "folder.toml", "root");
    lib_put(f, "images/folder.toml", "images");
    lib_put(f, "images/trip/day1/folder.toml", "day");
    assert_int_equal(ym_library_folder_texts(&f->base.s, "images/trip/day1/a.txt", &t, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_string_equal(t[0].folder, "");
    assert_string_equal(t[0].text, "root");
    assert_string_equal(t[1].folder, "images");
    assert_string_equal(t[1].text, "images");
    assert_string_equal(t[2].folder, "images/trip/day1");
    assert_int_equal(t[2].len, 3);
    ym_folder_texts_free(t, n);
    assert_int_equal(ym_library_folder_texts(&f->base.s, "a.txt", &t, &n, &e), 0);
    assert_int_equal(n, 1);
    ym_folder_texts_free(t, n);
}

static void folder_defaults_are_not_skipped_silently(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_folder_text *t;
    struct ym_err e;
    size_t n;
    lib_put(f, "elsewhere", "x");
    assert_int_equal(symlinkat("../elsewhere", f->base.s.lib_fd, "images/folder.toml"), 0);
    assert_int_equal(ym_library_folder_texts(&f->base.s, "images/a.txt", &t, &n, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "images/folder.toml"));
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/folder.toml", 0), 0);
    lib_put(f, "images/folder.toml", "x");
    YM_AUTOCLOSE int fd = openat(f->base.s.lib_fd, "images/folder.toml", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 64 * 1024 + 1), 0);
    assert_int_equal(ym_library_folder_texts(&f->base.s, "images/a.txt", &t, &n, &e), -EFBIG);
}

/* ---- references ---- */

static const char png[] = "\x89PNG\r\n\x1a\n and what follows, long enough to be looked at.............";

static void references_beside_a_prompt(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_ref *r;
    struct ym_err e;
    size_t n;
    lib_put(f, "images/a.txt", "x");
    assert_int_equal(ym_library_refs(&f->base.s, "images/a.txt", &r, &n, &e), 0);
    assert_int_equal(n, 0);
    ym_refs_free(r, n);
    lib_put(f, "images/a.in.png", png);
    lib_put(f, "images/a.in3.JPG", png); /* told by its bytes */
    lib_put(f, "images/b.in.png", png);
    lib_put(f, "images/a.in17.png", png);
    lib_put(f, "images/a.in.txt", png);
    assert_int_equal(ym_library_refs(&f->base.s, "images/a.x4.txt", &r, &n, &e), 0);
    assert_int_equal(n, 2); /* the second was deleted */
    assert_string_equal(r[0].path, "images/a.in.png");
    assert_string_equal(r[0].mime, "image/png");
    struct ym_digest want = digest(png);
    assert_true(ym_digest_eq(&r[0].b2, &want));
    assert_int_equal(r[0].size, strlen(png));
    assert_false(r[0].is_url);
    assert_string_equal(r[1].path, "images/a.in3.JPG");
    assert_string_equal(r[1].mime, "image/png");
    ym_refs_free(r, n);
}

static void bad_references(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_ref *r;
    struct ym_err e;
    size_t n;
    lib_put(f, "images/a.in.png", "<svg/>");
    assert_int_equal(ym_library_refs(&f->base.s, "images/a.txt", &r, &n, &e), -EINVAL);
    assert_int_equal(e.cls, YM_INVALID);
    assert_non_null(strstr(e.msg, "images/a.in.png"));
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/a.in.png", 0), 0);
    lib_put(f, "secret.png", png);
    assert_int_equal(symlinkat("../secret.png", f->base.s.lib_fd, "images/a.in.png"), 0);
    assert_int_equal(ym_library_refs(&f->base.s, "images/a.txt", &r, &n, &e), -EINVAL);
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/a.in.png", 0), 0);
    lib_put(f, "images/a.in.png", png);
    YM_AUTOCLOSE int fd = openat(f->base.s.lib_fd, "images/a.in.png", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 64 * 1024 * 1024 + 1), 0);
    assert_int_equal(ym_library_refs(&f->base.s, "images/a.txt", &r, &n, &e), -EFBIG);
}

static void references_by_path(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_ref r;
    struct ym_err e;
    lib_put(f, "images/pose.png", png);
    lib_put(f, "pose.png", png);
    lib_put(f, "top.png", png);
    lib_put(f, "images/.x.png", png);
    lib_put(f, ".ymago/x.png", png);
    static const char *const cases[][2] = {
        {"pose.png", "images/pose.png"}, {"./pose.png", "images/pose.png"}, {"top.png", "top.png"},
        {"images/pose.png", "images/pose.png"}, {".//images//pose.png", "images/pose.png"}};
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        if (ym_library_ref(&f->base.s, "images/a.txt", cases[i][0], YM_REF_REFERENCE, &r, &e) < 0)
            fail_msg("%s: %s", cases[i][0], e.msg);
        assert_string_equal(r.path, cases[i][1]);
        free(r.path);
    }
    assert_int_equal(ym_library_ref(&f->base.s, "images/a.txt", "https://x.example/a.png", YM_REF_SOURCE, &r, &e), 0);
    assert_true(r.is_url);
    assert_string_equal(r.mime, "");
    free(r.path);
    static const char *const bad[] = {
        "", "/etc/passwd", "../pose.png", "images/../pose.png", ".ymago/x.png", ".ssh/id.png", "images/.x.png",
        "file:///etc/passwd", "http://x.example/a.png", "ftp://x/a.png", "a\nb.png", "a\\b.png",
        "https://", "https://x.example/a b", "bad\xff.png", ".", "@pose.png", "none.png"};
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        if (ym_library_ref(&f->base.s, "images/a.txt", bad[i], YM_REF_REFERENCE, &r, &e) >= 0)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(e.cls, YM_INVALID);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, lib_setup, lib_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_prompt),
        T(no_prompt),
        T(sizes),
        T(folder_defaults_from_the_root_down),
        T(folder_defaults_are_not_skipped_silently),
        T(references_beside_a_prompt),
        T(bad_references),
        T(references_by_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
