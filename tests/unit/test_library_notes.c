#include "library_fixture.h"

struct put {
    char *path;
    struct ym_digest b2;
    struct ym_ident ident;
};

static int note(struct lib_fixture *f, const char *prompt, const char *text,
                const struct ym_digest *ours, struct put *p)
{
    struct ym_err e;
    return ym_place_note(&f->lib, prompt, "error", text, strlen(text), ours, &p->path, &p->b2,
                         &p->ident, &e);
}

static void written_replaced_removed(void **state)
{
    struct lib_fixture *f = *state;
    struct put a, b;
    struct ym_err e;
    struct stat st;
    lib_put(f, "images/sunset.txt", "A sunset");
    assert_int_equal(fchmodat(f->base.s.lib_fd, "images/sunset.txt", 0640, 0), 0);
    assert_int_equal(note(f, "images/sunset.txt", "one", NULL, &a), 0);
    assert_string_equal(a.path, "images/sunset.error.log");
    lib_is(f, a.path, "one");
    assert_int_equal(fstatat(f->base.s.lib_fd, a.path, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whoever may read the prompt */
    assert_int_equal(note(f, "images/sunset.txt", "two", &a.b2, &b), 0);
    assert_string_equal(b.path, a.path);
    lib_is(f, a.path, "two");
    struct ym_ident now;
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, b.path, &now), 0);
    assert_true(ym_ident_unchanged(&now, &b.ident));
    assert_int_equal(ym_remove_note(&f->lib, a.path, &a.b2, &e), 0); /* no longer what it was */
    lib_is(f, a.path, "two");
    assert_int_equal(ym_remove_note(&f->lib, a.path, &b.b2, &e), 0);
    assert_false(lib_has(f, a.path));
    assert_int_equal(ym_remove_note(&f->lib, a.path, &b.b2, &e), 0);
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 0);
    free(a.path);
    free(b.path);
}

static void never_over_a_users_file(void **state)
{
    struct lib_fixture *f = *state;
    struct put a, b;
    struct ym_err e;
    lib_put(f, "images/sunset.error.log", "my diary");
    assert_int_equal(note(f, "images/sunset.txt", "one", NULL, &a), 0);
    assert_string_equal(a.path, "images/sunset.txt.error.log");
    lib_is(f, "images/sunset.error.log", "my diary");
    /* The next one goes where the last one stands, even if the short name became free. */
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/sunset.error.log", 0), 0);
    assert_int_equal(note(f, "images/sunset.txt", "two", &a.b2, &b), 0);
    assert_string_equal(b.path, "images/sunset.txt.error.log");
    free(b.path);
    /* The user wrote into ours: it is theirs. */
    lib_put(f, "images/sunset.txt.error.log", "two, and my thoughts");
    assert_int_equal(note(f, "images/sunset.txt", "three", &a.b2, &b), 0);
    assert_string_equal(b.path, "images/sunset.error.log");
    lib_is(f, "images/sunset.txt.error.log", "two, and my thoughts");
    /* Links are never written through, and with both names taken there is no note. */
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/sunset.error.log", 0), 0);
    lib_put(f, "images/target", "T");
    assert_int_equal(symlinkat("target", f->base.s.lib_fd, "images/sunset.error.log"), 0);
    struct put c = {.path = NULL};
    assert_int_equal(note(f, "images/sunset.txt", "four", NULL, &c), -EEXIST);
    assert_null(c.path);
    lib_is(f, "images/target", "T");
    assert_int_equal(ym_remove_note(&f->lib, "images/sunset.error.log", &b.b2, &e), 0);
    assert_true(lib_has(f, "images/sunset.error.log"));
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 0);
    free(a.path);
    free(b.path);
}

static void the_same_text_is_not_written_twice(void **state)
{
    struct lib_fixture *f = *state;
    struct put a, b;
    assert_int_equal(note(f, "images/sunset.txt", "one", NULL, &a), 0);
    int before = f->publishes;
    assert_int_equal(note(f, "images/sunset.txt", "one", NULL, &b), 0); /* after a crash */
    assert_string_equal(b.path, a.path);
    assert_int_equal(f->publishes, before);
    free(a.path);
    free(b.path);
}

static void user_takes_the_name(struct lib_fixture *f, const char *path)
{
    f->before = NULL;
    lib_put(f, path, "mine");
}

static void a_lost_race(void **state)
{
    struct lib_fixture *f = *state;
    struct put a;
    f->before = user_takes_the_name;
    assert_int_equal(note(f, "images/sunset.txt", "one", NULL, &a), 0);
    assert_string_equal(a.path, "images/sunset.txt.error.log");
    lib_is(f, "images/sunset.error.log", "mine");
    free(a.path);
}

static void the_five_parts(void **state)
{
    (void)state;
    YM_AUTOFREE char *text = ym_error_note_text(&(struct ym_error_note){
        .what = "The picture was refused.", .words = "blocked:\n\x1b[31mSAFETY", .billed = "no",
        .next = "Nothing.", .advice = "Edit and save."});
    assert_string_equal(text, "What failed: The picture was refused.\n"
                              "The provider's words: blocked:\\x0A\\x1B[31mSAFETY\n"
                              "Billed: no\n"
                              "What ymago will do: Nothing.\n"
                              "What you can do: Edit and save.\n");
    YM_AUTOFREE char *bare = ym_error_note_text(&(struct ym_error_note){.what = "x"});
    assert_non_null(strstr(bare, "The provider's words: (none)\n"));
    assert_non_null(strstr(bare, "Billed: unknown\n"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, lib_setup, lib_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(written_replaced_removed),
        T(never_over_a_users_file),
        T(the_same_text_is_not_written_twice),
        T(a_lost_race),
        cmocka_unit_test(the_five_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
