#include "store_fixture.h"

#include <sys/mman.h>

static void copy_and_check(int from, int to, size_t len)
{
    struct ym_err e;
    struct ym_digest a, b;
    int64_t n;
    assert_int_equal(ym_clone_fd(from, to, &e), 0);
    assert_int_equal(ym_digest_fd(from, &a, NULL), 0);
    assert_int_equal(ym_digest_fd(to, &b, &n), 0);
    assert_int_equal(n, (int64_t)len);
    assert_true(ym_digest_eq(&a, &b));
}

static int file_of(int dirfd, const char *name, size_t len)
{
    int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    YM_AUTOFREE char *data = ym_alloc(len + 1);
    ym_random(data, len);
    assert_int_equal(write(fd, data, len), (ssize_t)len); /* leaves the position at the end */
    struct ym_digest want = ym_digest_of(data, len), got;
    assert_int_equal(ym_digest_fd(fd, &got, NULL), 0);
    assert_true(ym_digest_eq(&want, &got));
    return fd;
}

static void copies_are_equal(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 4096, 262144, 1000003};
    for (size_t i = 0; i < YM_COUNT(sizes); i++) {
        YM_AUTOCLOSE int from = file_of(f->s.lib_fd, "from", sizes[i]);
        YM_AUTOCLOSE int to = file_of(f->s.lib_fd, "to", 0);
        copy_and_check(from, to, sizes[i]);
        /* To another file system, where extents cannot be shared. */
        YM_AUTOCLOSE int mem = memfd_create("copy", MFD_CLOEXEC);
        copy_and_check(from, mem, sizes[i]);
    }
}

/* copy_file_range answers 0 or an error for such files; the bytes must come all the same. */
static void files_without_a_size(void **state)
{
    struct fixture *f = *state;
    YM_AUTOCLOSE int from = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    YM_AUTOCLOSE int to = file_of(f->s.lib_fd, "to", 0);
    assert_int_equal(ym_clone_fd(from, to, NULL), 0);
    struct stat st;
    assert_int_equal(fstat(to, &st), 0);
    assert_true(st.st_size > 0);
}

static void errors_are_told(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    struct ym_digest d;
    YM_AUTOCLOSE int from = file_of(f->s.lib_fd, "from", 10);
    YM_AUTOCLOSE int read_only = openat(f->s.lib_fd, "from", O_RDONLY | O_CLOEXEC);
    assert_true(ym_clone_fd(from, read_only, &e) < 0);
    assert_int_equal(ym_digest_fd(f->s.lib_fd, &d, NULL), -EISDIR);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(copies_are_equal),
        T(files_without_a_size),
        T(errors_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
