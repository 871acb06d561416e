/* Finding and saving bytes; what the journal says of a path is given here. */
#include "library_fixture.h"

#include <sys/resource.h>

static const char *row_path; /* the one path that the journal knows as ours */
static struct ym_row_ident row_ident;
static struct ym_digest row_b2;
static int journal_fails;

int ym_copy_get(struct ym_journal *j, const char *path, struct ym_row_ident *ret_id,
                struct ym_digest *ret_b2)
{
    (void)j;
    if (journal_fails)
        return journal_fails;
    if (!row_path || strcmp(path, row_path) != 0)
        return -ENOENT;
    *ret_id = row_ident;
    *ret_b2 = row_b2;
    return 0;
}

/* Puts a result of ours there, as journalled. */
static void put_ours(struct lib_fixture *f, const char *path, const char *bytes)
{
    struct ym_ident id;
    lib_put(f, path, bytes);
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, path, &id), 0);
    row_path = path;
    row_ident = (struct ym_row_ident){id.ino, id.btime_ns, id.size, id.mtime_ns};
    row_b2 = digest(bytes);
    journal_fails = 0;
}

static bool preserve(struct lib_fixture *f, const char *path, bool will_write)
{
    struct ym_err e = {.msg = ""};
    struct ym_digest b2 = {.b = {0}};
    bool ours = !will_write;
    int r = ym_library_preserve(&f->base.s, NULL, path, will_write, &ours, &b2, &e);
    if (r < 0)
        fail_msg("%d %s", r, e.msg);
    if (ours)
        assert_true(ym_digest_eq(&b2, &row_b2));
    return ours;
}

static void object_is(const struct lib_fixture *f, const char *bytes, const char *ext)
{
    struct ym_digest d = digest(bytes);
    YM_AUTOCLOSE int fd = ym_object_open(&f->base.s, &d, ext);
    if (fd < 0)
        fail_msg("\"%s\" was not saved", bytes);
    YM_AUTOFREE char *got = NULL;
    assert_int_equal(ym_read_fd(fd, 1000, &got, NULL), 0);
    assert_string_equal(got, bytes);
}

static bool object_there(const struct lib_fixture *f, const char *bytes, const char *ext)
{
    struct ym_digest d = digest(bytes);
    YM_AUTOCLOSE int fd = ym_object_open(&f->base.s, &d, ext);
    return fd >= 0;
}

static void before_a_removal(void **state)
{
    struct lib_fixture *f = *state;
    put_ours(f, "images/a.png", "PAID");
    assert_true(preserve(f, "images/a.png", false));
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/a.png", 0), 0);
    object_is(f, "PAID", "png");
}

static void before_a_write(void **state)
{
    struct lib_fixture *f = *state;
    put_ours(f, "images/a.png", "PAID");
    assert_true(preserve(f, "images/a.png", true));
    lib_put(f, "images/a.png", "mine now");
    object_is(f, "PAID", "png");
}

/* A replacement was broken off after the old result had been linked: the object is the very file. */
static void a_shared_object_is_parted_before_a_write(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_err e;
    put_ours(f, "images/a.png", "PAID");
    assert_int_equal(ym_object_link(&f->base.s, "images/a.png", &row_b2, "png", &e), 0);
    assert_true(preserve(f, "images/a.png", true));
    lib_put(f, "images/a.png", "mine now");
    object_is(f, "PAID", "png");
}

static void others_are_not_touched(void **state)
{
    struct lib_fixture *f = *state;
    put_ours(f, "images/a.png", "PAID");
    lib_put(f, "images/b.png", "holiday");
    assert_false(preserve(f, "images/b.png", true));
    assert_false(preserve(f, "images/none.png", true));
    assert_false(object_there(f, "holiday", "png"));
    /* Changed since: theirs, and not what we would save. */
    lib_put(f, "images/a.png", "PAID, retouched");
    assert_false(preserve(f, "images/a.png", true));
    lib_put(f, "images/a.png", "paid"); /* of the same length */
    assert_false(preserve(f, "images/a.png", false));
    assert_false(object_there(f, "PAID", "png") || object_there(f, "paid", "png"));
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/a.png", 0), 0);
    assert_false(preserve(f, "images/a.png", false));
    assert_int_equal(symlinkat("b.png", f->base.s.lib_fd, "images/a.png"), 0);
    assert_false(preserve(f, "images/a.png", false));
}

static void a_touched_one_is_still_ours(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_err e;
    put_ours(f, "images/a.png", "PAID");
    assert_int_equal(ym_placer_plain.touch(&f->base.s, "images/a.png", &e), 0);
    assert_true(preserve(f, "images/a.png", true));
    object_is(f, "PAID", "png");
}

/* Renamed by the user to another extension: it is found under that of its bytes. */
static void the_extension_is_that_of_the_bytes(void **state)
{
    struct lib_fixture *f = *state;
    static const char png[] = "\x89PNG\r\n\x1a\n with more behind it, enough to be looked at.............";
    put_ours(f, "images/a.jpg", png);
    assert_true(preserve(f, "images/a.jpg", false));
    object_is(f, png, "png");
}

/* An MP4 that holds sound only is called m4a as a result, and must be found under that. */
static void the_extension_is_that_of_a_result(void **state)
{
    struct lib_fixture *f = *state;
    const char *tests = getenv("YM_TESTS");
    YM_AUTOFREE char *name = ym_asprintf("%s/fuzz/corpus/media/sound-only.mp4", tests ? tests : "tests");
    YM_AUTOCLOSE int from = open(name, O_RDONLY | O_CLOEXEC);
    YM_AUTOCLOSE int to = openat(f->base.s.lib_fd, "images/a.m4a", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(ym_clone_fd(from, to, NULL), 0);
    struct ym_ident id;
    assert_int_equal(ym_store_ident_fd(to, &id), 0);
    assert_int_equal(ym_digest_fd(to, &row_b2, NULL), 0);
    row_path = "images/a.m4a";
    row_ident = (struct ym_row_ident){id.ino, id.btime_ns, id.size, id.mtime_ns};
    journal_fails = 0;
    assert_true(preserve(f, "images/a.m4a", false));
    YM_AUTOCLOSE int found = ym_library_find_bytes(&f->base.s, NULL, 0, &row_b2, "m4a", id.size);
    assert_true(found >= 0);
}

static void a_journal_that_cannot_answer_stops_the_change(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_err e;
    struct ym_digest b2;
    bool ours = true;
    put_ours(f, "images/a.png", "PAID");
    journal_fails = -EIO;
    assert_int_equal(ym_library_preserve(&f->base.s, NULL, "images/a.png", true, &ours, &b2, &e), -EIO);
    assert_int_equal(e.cls, YM_BROKEN);
}

/* ---- finding ---- */

static int find(struct lib_fixture *f, const char *const *copies, size_t n, const char *bytes)
{
    struct ym_digest d = digest(bytes);
    return ym_library_find_bytes(&f->base.s, copies, n, &d, "png", (int64_t)strlen(bytes));
}

static void found_among_copies(void **state)
{
    struct lib_fixture *f = *state;
    static const char *const copies[] = {"images/gone.png", "no/folder.png", "../out.png", "images/link.png",
                                         "images/wrong.png", "images", "images/good.png"};
    lib_put(f, "images/wrong.png", "PAIX");
    lib_put(f, "images/good.png", "PAID");
    assert_int_equal(symlinkat("good.png", f->base.s.lib_fd, "images/link.png"), 0);
    assert_int_equal(find(f, copies, YM_COUNT(copies) - 1, "PAID"), -ENOENT);
    YM_AUTOCLOSE int fd = find(f, copies, YM_COUNT(copies), "PAID");
    assert_true(fd >= 0);
    YM_AUTOFREE char *got = NULL;
    assert_int_equal(ym_read_fd(fd, 100, &got, NULL), 0);
    assert_string_equal(got, "PAID");
}

static void a_damaged_object_is_not_handed_out(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_err e;
    struct ym_digest d = digest("PAID");
    char hex[65], path[120];
    lib_put(f, "images/a.png", "PAID");
    YM_AUTOCLOSE int from = ym_store_openat(&f->base.s, "images/a.png", O_RDONLY, 0);
    assert_int_equal(ym_object_put_fd(&f->base.s, from, &d, "png", &e), 0);
    YM_AUTOCLOSE int one = find(f, NULL, 0, "PAID");
    assert_true(one >= 0);
    ym_digest_hex(&d, hex);
    snprintf(path, sizeof(path), "%.2s/%s.png", hex, hex);
    assert_int_equal(fchmodat(f->base.s.objects_fd, path, 0600, 0), 0);
    file_put(f->base.s.objects_fd, path, "PAIX");
    assert_int_equal(find(f, NULL, 0, "PAID"), -ENOENT);
    static const char *const copies[] = {"images/a.png"};
    YM_AUTOCLOSE int two = find(f, copies, 1, "PAID");
    assert_true(two >= 0);
}

static void no_descriptors_is_not_gone(void **state)
{
    struct lib_fixture *f = *state;
    static const char *const copies[] = {"images/a.png"};
    struct rlimit was, none;
    lib_put(f, "images/a.png", "PAID");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = find(f, copies, 1, "PAID");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(r, -EMFILE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, lib_setup, lib_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(before_a_removal),
        T(before_a_write),
        T(a_shared_object_is_parted_before_a_write),
        T(others_are_not_touched),
        T(a_touched_one_is_still_ours),
        T(the_extension_is_that_of_the_bytes),
        T(the_extension_is_that_of_a_result),
        T(a_journal_that_cannot_answer_stops_the_change),
        T(found_among_copies),
        T(a_damaged_object_is_not_handed_out),
        T(no_descriptors_is_not_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
