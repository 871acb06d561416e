#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void written_whole_with_its_mode(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    static const mode_t masks[] = {0, 077};
    for (size_t i = 0; i < YM_COUNT(masks); i++) {
        mode_t old = umask(masks[i]);
        assert_int_equal(ym_write_whole(f->s.lib_fd, "note", "text\0more", 9, 0644, &e), 0);
        umask(old);
        struct stat st;
        assert_int_equal(fstatat(f->s.lib_fd, "note", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
    }
    YM_AUTOFREE char *text = NULL;
    size_t len;
    assert_int_equal(ym_read_whole(f->s.lib_fd, "note", 9, &text, &len), 0);
    assert_int_equal(len, 9);
    assert_memory_equal(text, "text\0more", 10);
    assert_int_equal(count_names(f->s.lib_fd, ".tmp"), 0);
    assert_int_equal(ym_write_whole(f->s.lib_fd, "a/b", "x", 1, 0644, &e), -EINVAL);
    /* The folder may be held by O_PATH, the name may be as long as names can be. */
    const char *base;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    YM_AUTOCLOSE int parent = ym_store_parent(&f->s, "note", &base);
    assert_int_equal(ym_write_whole(parent, name, "x", 1, 0600, &e), 0);
    assert_true(exists(f->s.lib_fd, name));
}

static int write_under_limit(const struct fixture *f, void (*action)(int))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {8192, 8192};
        signal(SIGXFSZ, action);
        setrlimit(RLIMIT_FSIZE, &limit);
        YM_AUTOFREE char *data = ym_alloc(20000);
        _exit(-ym_write_whole(f->s.lib_fd, "note", data, 20000, 0600, NULL));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void interrupted_write_changes_nothing(void **state)
{
    struct fixture *f = *state;
    YM_AUTOFREE char *text = NULL;
    int status = write_under_limit(f, SIG_DFL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXFSZ);
    assert_false(exists(f->s.lib_fd, "note"));
    file_put(f->s.lib_fd, "note", "old");
    assert_true(WIFSIGNALED(write_under_limit(f, SIG_DFL)));
    assert_int_equal(ym_read_whole(f->s.lib_fd, "note", 100, &text, NULL), 0);
    assert_string_equal(text, "old");
}

static void failed_write_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    int status = write_under_limit(f, SIG_IGN);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EFBIG);
    assert_false(exists(f->s.lib_fd, "note"));
    assert_int_equal(count_names(f->s.lib_fd, ".tmp"), 0);
}

static void reading_is_bounded_and_regular(void **state)
{
    struct fixture *f = *state;
    YM_AUTOFREE char *text = NULL;
    size_t len;
    file_put(f->s.lib_fd, "x", "12345");
    assert_int_equal(ym_read_whole(f->s.lib_fd, "x", 4, &text, &len), -EFBIG);
    assert_null(text);
    assert_int_equal(ym_read_whole(f->s.lib_fd, "none", 4, &text, &len), -ENOENT);
    assert_int_equal(mkfifoat(f->s.lib_fd, "pipe", 0600), 0);
    alarm(10); /* a reader that waits for the pipe's other end would stay for ever */
    assert_int_equal(ym_read_whole(f->s.lib_fd, "pipe", 4, &text, &len), -EINVAL);
    alarm(0);
    assert_int_equal(symlinkat("x", f->s.lib_fd, "ln"), 0);
    assert_int_equal(ym_read_whole(f->s.lib_fd, "ln", 10, &text, &len), -ELOOP);
    assert_int_equal(ym_read_whole(f->s.lib_fd, "", 10, &text, &len), -EINVAL);
    /* A file that does not know its size. */
    YM_AUTOCLOSE int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ym_read_fd(fd, 1 << 20, &text, &len), 0);
    assert_true(len > 100 && strlen(text) == len);
    YM_AUTOFREE char *more = NULL;
    assert_int_equal(ym_read_fd(fd, 100, &more, &len), -EFBIG);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(written_whole_with_its_mode),
        T(interrupted_write_changes_nothing),
        T(failed_write_leaves_no_trace),
        T(reading_is_bounded_and_regular),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
