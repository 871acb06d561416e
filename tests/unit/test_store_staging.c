#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tinyfs.h"

static void fill(char *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (char)((i * 31 + seed) >> 3);
}

static void digest_and_names_are_right(void **state)
{
    struct fixture *f = *state;
    size_t len = 700 * 1000 + 7;
    YM_AUTOFREE char *data = ym_alloc(len);
    fill(data, len, 5);
    struct ym_staging *st;
    struct ym_err e;
    assert_int_equal(ym_staging_new(&f->s, "ID.1.0", 2000000, &st, &e), 0);
    for (size_t at = 0; at < len;) {
        size_t n = len - at < 99991 ? len - at : 99991;
        assert_int_equal(ym_staging_write(st, data + at, n, &e), 0);
        at += n;
    }
    assert_int_equal(ym_staging_size(st), (int64_t)len);
    char head[4];
    assert_int_equal(pread(ym_staging_fd(st), head, 4, 0), 4);
    assert_memory_equal(head, data, 4);
    assert_true(exists(f->s.staging_fd, "ID.1.0.part"));
    struct ym_whole w;
    assert_int_equal(ym_staging_finish(st, (int64_t)len, true, &w, &e), 0);
    assert_string_equal(w.name, "ID.1.0.whole");
    assert_int_equal(w.size, (int64_t)len);
    struct ym_digest want = ym_digest_of(data, len);
    assert_true(ym_digest_eq(&want, &w.b2));
    assert_false(exists(f->s.staging_fd, "ID.1.0.part"));
    struct stat sb;
    assert_int_equal(fstatat(f->s.staging_fd, w.name, &sb, 0), 0);
    assert_int_equal(sb.st_size, (off_t)len);
    assert_int_equal(sb.st_mode & 07777, 0600);
    assert_true(sb.st_blocks * 512 < 1000000); /* what was reserved too much is given back */
}

static void wrong_length_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct ym_staging *st;
    struct ym_err e;
    assert_int_equal(ym_staging_new(&f->s, "ID.1.0", 0, &st, &e), 0);
    assert_int_equal(ym_staging_write(st, "abc", 3, &e), 0);
    struct ym_whole w = {.size = -7};
    assert_int_equal(ym_staging_finish(st, 4, true, &w, &e), -EBADMSG);
    assert_int_equal(e.cls, YM_AMBIGUOUS);
    assert_int_equal(w.size, -7);
    assert_int_equal(count_names(f->s.staging_fd, ""), 0);
}

static void drop_removes(void **state)
{
    struct fixture *f = *state;
    struct ym_staging *st;
    assert_int_equal(ym_staging_new(&f->s, "ID.1.0", 10, &st, NULL), 0);
    ym_staging_drop(st);
    ym_staging_drop(NULL);
    assert_int_equal(count_names(f->s.staging_fd, ""), 0);
}

static void left_over_part_is_truncated(void **state)
{
    struct fixture *f = *state;
    file_put(f->s.staging_fd, "ID.1.0.part", "old bytes that are longer");
    struct ym_staging *st;
    assert_int_equal(ym_staging_new(&f->s, "ID.1.0", 0, &st, NULL), 0);
    assert_int_equal(ym_staging_write(st, "new", 3, NULL), 0);
    struct ym_whole w;
    assert_int_equal(ym_staging_finish(st, -1, false, &w, NULL), 0);
    struct ym_digest want = ym_digest_of("new", 3);
    assert_true(ym_digest_eq(&want, &w.b2));
}

static void names_that_are_none(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", ".hidden"};
    struct ym_staging *st;
    for (size_t i = 0; i < YM_COUNT(bad); i++)
        assert_int_equal(ym_staging_new(&f->s, bad[i], 0, &st, NULL), -EINVAL);
    assert_int_equal(ym_staging_remove(&f->s, "../lock"), -EINVAL);
}

static void collect(void *ctx, const char *name)
{
    struct ym_buf *b = ctx;
    ym_buf_addf(b, "%s;", name);
}

static void each_and_remove(void **state)
{
    struct fixture *f = *state;
    file_put(f->s.staging_fd, "A.1.0.whole", "");
    file_put(f->s.staging_fd, "B.1.0.part", "");
    file_put(f->s.staging_fd, ".whole", "");
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 1000);
    assert_int_equal(ym_staging_each(&f->s, ".whole", collect, &b), 0);
    assert_string_equal(b.data, "A.1.0.whole;");
    assert_int_equal(ym_staging_remove(&f->s, "A.1.0.whole"), 0);
    assert_int_equal(ym_staging_remove(&f->s, "A.1.0.whole"), 0);
    assert_false(exists(f->s.staging_fd, "A.1.0.whole"));
    assert_int_equal(ym_staging_sync(&f->s), 0);
}

/* Killed by SIGXFSZ in the middle of a write: a .part may lie there, a .whole never. */
static void killed_while_writing(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {8192, 8192};
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &limit);
        struct ym_staging *st;
        struct ym_whole w;
        YM_AUTOFREE char *data = ym_alloc(20000);
        if (ym_staging_new(&f->s, "ID.1.0", 0, &st, NULL) == 0)
            ym_staging_write(st, data, 20000, NULL);
        ym_staging_finish(st, -1, true, &w, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXFSZ);
    assert_true(exists(f->s.staging_fd, "ID.1.0.part"));
    assert_int_equal(count_names(f->s.staging_fd, ".whole"), 0);
}

static void full_disk(void **state)
{
    (void)state;
    char *dir = tmpdir_new();
    if (!tinyfs_mount(dir, "size=512k,mode=0700")) {
        tmpdir_remove(dir);
        TINYFS_SKIP();
    }
    struct ym_store s;
    struct ym_err e;
    struct ym_staging *st;
    assert_int_equal(ym_store_open(dir, true, &s, &e), 0);
    /* Said before anything is written, hence before anything is paid. */
    assert_int_equal(ym_staging_new(&s, "ID.1.0", 4 << 20, &st, &e), -ENOSPC);
    assert_int_equal(e.cls, YM_LOCAL);
    assert_int_equal(count_names(s.staging_fd, ""), 0);
    /* Found on the way: the same bytes can be written again when there is room. */
    YM_AUTOFREE char *data = ym_alloc(300 * 1024);
    fill(data, 300 * 1024, 9);
    file_put(s.state_fd, "big", "x");
    YM_AUTOCLOSE int big = openat(s.state_fd, "big", O_RDWR | O_CLOEXEC);
    assert_int_equal(posix_fallocate(big, 0, 300 * 1024), 0);
    assert_int_equal(ym_staging_new(&s, "ID.1.0", 0, &st, &e), 0);
    assert_int_equal(ym_staging_write(st, data, 1000, &e), 0);
    assert_int_equal(ym_staging_write(st, data + 1000, 299 * 1024, &e), -ENOSPC);
    assert_int_equal(e.cls, YM_LOCAL);
    assert_int_equal(ym_staging_size(st), 1000);
    assert_int_equal(lseek(ym_staging_fd(st), 0, SEEK_END), 1000);
    assert_int_equal(ftruncate(big, 0), 0);
    assert_int_equal(ym_staging_write(st, data + 1000, 299 * 1024, &e), 0);
    struct ym_whole w;
    assert_int_equal(ym_staging_finish(st, 1000 + 299 * 1024, true, &w, &e), 0);
    struct ym_digest want = ym_digest_of(data, 1000 + 299 * 1024);
    assert_true(ym_digest_eq(&want, &w.b2));
    ym_store_close(&s);
    ym_closep(&big);
    umount2(dir, MNT_DETACH);
    tmpdir_remove(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(digest_and_names_are_right),  T(wrong_length_leaves_no_trace), T(drop_removes),
        T(left_over_part_is_truncated), T(names_that_are_none),          T(each_and_remove),
        T(killed_while_writing),        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
