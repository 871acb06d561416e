#include "store_fixture.h"

#include <time.h>

#include "../../src/store/path.h"

/* lib/a/b/file, lib/a/out -> ../.., lib/a/loop -> b, lib/ln -> a/b/file */
static void tree_make(int lib)
{
    assert_int_equal(mkdirat(lib, "a", 0755), 0);
    assert_int_equal(mkdirat(lib, "a/b", 0755), 0);
    file_put(lib, "a/b/file", "hello");
    assert_int_equal(symlinkat("../..", lib, "a/out"), 0);
    assert_int_equal(symlinkat("b", lib, "a/loop"), 0);
    assert_int_equal(symlinkat("a/b/file", lib, "ln"), 0);
    assert_int_equal(symlinkat("/etc", lib, "abs"), 0);
}

static const struct {
    const char *path;
    int flags;
    int want; /* 0 = opens */
} cases[] = {
    {"a/b/file", O_RDONLY, 0},
    {"a//b/./file", O_RDONLY, 0},
    {"./a", O_RDONLY | O_DIRECTORY, 0},
    {"a/b/", O_RDONLY, 0},
    {"", O_RDONLY | O_DIRECTORY, 0},
    {".", O_RDONLY | O_DIRECTORY, 0},
    {"..", O_RDONLY, -EXDEV},
    {"../x", O_RDONLY, -EXDEV},
    {"a/../a/b/file", O_RDONLY, -EXDEV},
    {"a/b/..", O_RDONLY, -EXDEV},
    {"/etc/passwd", O_RDONLY, -EXDEV},
    {"..a", O_RDONLY, -ENOENT},
    {"a/b/...", O_RDONLY, -ENOENT},
    {"ln", O_RDONLY, -ELOOP},
    {"ln", O_RDONLY | O_NOFOLLOW, -ELOOP},
    {"ln", O_PATH, -ELOOP},
    {"ln", O_PATH | O_NOFOLLOW, 0},
    {"ln", O_RDONLY | O_CREAT, -ELOOP},
    {"a/loop", O_RDONLY | O_DIRECTORY, -ELOOP},
    {"a/loop/file", O_RDONLY, -ELOOP},
    {"a/out/x", O_WRONLY | O_CREAT, -ELOOP},
    {"abs/passwd", O_RDONLY, -ELOOP},
    {"a/b/file/x", O_RDONLY, -ENOTDIR},
    {"a/b/file/", O_RDONLY, -ENOTDIR},
    {"a/none/x", O_RDONLY, -ENOENT},
    {"a/b/file", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
    {"a/b/new", O_WRONLY | O_CREAT | O_EXCL, 0},
    {"a/b/new/", O_WRONLY | O_CREAT, -EISDIR},
};

static void nothing_leads_outside(void **state)
{
    struct fixture *f = *state;
    tree_make(f->s.lib_fd);
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        int fd = ym_store_openat(&f->s, cases[i].path, cases[i].flags, 0644);
        if ((fd < 0 ? fd : 0) != cases[i].want)
            fail_msg("%s: %d, not %d", cases[i].path, fd, cases[i].want);
        if (fd >= 0) {
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
            close(fd);
        }
    }
}

static void walking_agrees_with_openat2(void **state)
{
    struct fixture *f = *state;
    tree_make(f->s.lib_fd);
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        if (cases[i].want == -EXDEV || cases[i].path[0] == '\0')
            continue; /* refused before either is asked */
        YM_AUTOCLOSE int fd = path_walk(f->s.lib_fd, cases[i].path, cases[i].flags, 0644);
        if ((fd < 0 ? fd : 0) != cases[i].want)
            fail_msg("%s: %d, not %d", cases[i].path, fd, cases[i].want);
    }
    struct ym_ident a, b;
    YM_AUTOCLOSE int fd = path_walk(f->s.lib_fd, "a/b/file", O_RDONLY, 0);
    assert_int_equal(ym_store_ident_fd(fd, &a), 0);
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/b/file", &b), 0);
    assert_true(ym_ident_unchanged(&a, &b));
}

static void parent_and_base(void **state)
{
    struct fixture *f = *state;
    tree_make(f->s.lib_fd);
    static const struct {
        const char *path, *base;
        int want;
    } rows[] = {
        {"a/b/file", "file", 0},       {"new", "new", 0},
        {"a/b/not-yet", "not-yet", 0}, {"", NULL, -EINVAL},
        {".", NULL, -EINVAL},          {"a/", NULL, -EINVAL},
        {"a/.", NULL, -EINVAL},        {"a/..", NULL, -EXDEV},
        {"..", NULL, -EXDEV},          {"/x", NULL, -EXDEV},
        {"a/out/x", NULL, -ELOOP},     {"none/x", NULL, -ENOENT},
        {"ln/x", NULL, -ELOOP},        {"a/b/file/x", NULL, -ENOTDIR},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        const char *base = NULL;
        YM_AUTOCLOSE int fd = ym_store_parent(&f->s, rows[i].path, &base);
        if ((fd < 0 ? fd : 0) != rows[i].want)
            fail_msg("%s: %d, not %d", rows[i].path, fd, rows[i].want);
        if (rows[i].base)
            assert_string_equal(base, rows[i].base);
        else
            assert_null(base);
    }
    const char *base;
    YM_AUTOCLOSE int fd = ym_store_parent(&f->s, "a/b/file", &base);
    assert_true(exists(fd, base));
}

static void ident_follows_the_file(void **state)
{
    struct fixture *f = *state;
    tree_make(f->s.lib_fd);
    struct ym_ident before, after, other;
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/b/file", &before), 0);
    assert_int_equal(before.size, 5);
    assert_int_equal(renameat(f->s.lib_fd, "a/b/file", f->s.lib_fd, "a/moved"), 0);
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/moved", &after), 0);
    assert_true(ym_ident_unchanged(&before, &after));
    file_put(f->s.lib_fd, "a/moved", "hello!");
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/moved", &after), 0);
    assert_true(ym_ident_same_file(&before, &after));
    assert_false(ym_ident_unchanged(&before, &after));
    file_put(f->s.lib_fd, "a/second", "hello");
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/second", &other), 0);
    assert_false(ym_ident_same_file(&before, &other));
    /* A link is itself, never what it leads to. */
    assert_int_equal(symlinkat("a/moved", f->s.lib_fd, "l"), 0);
    assert_int_equal(ym_store_ident(f->s.lib_fd, "l", &other), 0);
    assert_false(ym_ident_same_file(&before, &other));
    assert_int_equal(ym_store_ident(f->s.lib_fd, "a/out/x", &other), -ELOOP);
    assert_int_equal(ym_store_ident(f->s.lib_fd, "none", &other), -ENOENT);
    assert_int_equal(ym_store_ident(f->s.lib_fd, "", &other), 0);
}

/* Birth times come from the kernel's tick: two births within one look the same. */
static void next_tick(void)
{
    struct timespec a, b;
    clock_gettime(CLOCK_REALTIME_COARSE, &a);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &b);
    while (a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec);
}

static void reused_inode_is_another_file(void **state)
{
    struct fixture *f = *state;
    struct ym_ident old, new;
    for (int i = 0; i < 50; i++) {
        file_put(f->s.lib_fd, "x", "1");
        assert_int_equal(ym_store_ident(f->s.lib_fd, "x", &old), 0);
        if (old.btime_ns == 0) {
            print_message("skipped: no birth times on this file system\n");
            skip();
        }
        assert_int_equal(unlinkat(f->s.lib_fd, "x", 0), 0);
        next_tick();
        file_put(f->s.lib_fd, "x", "2");
        assert_int_equal(ym_store_ident(f->s.lib_fd, "x", &new), 0);
        assert_false(ym_ident_same_file(&old, &new));
        if (old.ino == new.ino)
            return;
        assert_int_equal(unlinkat(f->s.lib_fd, "x", 0), 0);
    }
    print_message("skipped: this file system did not reuse an inode number\n");
    skip();
}

static void far_times_do_not_wrap(void **state)
{
    struct fixture *f = *state;
    file_put(f->s.lib_fd, "x", "1");
    struct timespec far[2] = {{.tv_sec = INT64_C(1) << 33}, {.tv_sec = INT64_C(1) << 33}};
    assert_int_equal(utimensat(f->s.lib_fd, "x", far, 0), 0);
    struct ym_ident id;
    assert_int_equal(ym_store_ident(f->s.lib_fd, "x", &id), 0);
    assert_true(id.mtime_ns > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_leads_outside),  T(walking_agrees_with_openat2),  T(parent_and_base),
        T(ident_follows_the_file), T(reused_inode_is_another_file), T(far_times_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
