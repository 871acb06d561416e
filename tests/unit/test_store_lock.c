#include "store_fixture.h"

#include <sys/prctl.h>
#include <sys/wait.h>

static void second_holder_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    assert_int_equal(ym_store_holder(&f->s), 0);
    assert_int_equal(ym_store_lock(&f->s, &e), 0);
    struct ym_store other;
    assert_int_equal(ym_store_open(f->dir, false, &other, &e), 0);
    assert_int_equal(ym_store_lock(&other, &e), -EBUSY);
    char pid[32];
    snprintf(pid, sizeof(pid), "process %d;", (int)getpid());
    assert_non_null(strstr(e.msg, pid));
    assert_int_equal(ym_store_holder(&other), getpid());
    /* Asking did not take it, and a failed try left nothing behind. */
    assert_int_equal(other.lock_fd, -1);
    ym_store_close(&f->s);
    assert_int_equal(ym_store_holder(&other), 0);
    assert_int_equal(ym_store_lock(&other, &e), 0);
    ym_store_close(&other);
}

/* A pid left by a process that is gone must not be taken for a holder. */
static void stale_pid_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    file_put(f->s.state_fd, "lock", "1234567890\n");
    assert_int_equal(ym_store_holder(&f->s), 0);
    assert_int_equal(ym_store_lock(&f->s, &e), 0);
    YM_AUTOFREE char *text = NULL, *want = ym_asprintf("%d\n", (int)getpid());
    assert_int_equal(ym_read_whole(f->s.state_fd, "lock", 100, &text, NULL), 0);
    assert_string_equal(text, want);
}

/* The process that took the lock ends; its child, the daemon, keeps it and writes its own pid. */
static pid_t daemon_start(const char *dir, int told, int stop)
{
    pid_t first = fork();
    assert_true(first >= 0);
    if (first == 0) {
        struct ym_store s;
        if (ym_store_open(dir, false, &s, NULL) < 0 || ym_store_lock(&s, NULL) < 0)
            _exit(1);
        pid_t second = fork();
        if (second != 0)
            _exit(second < 0 ? 1 : 0);
        ym_store_lock_write_pid(&s);
        pid_t me = getpid();
        char c;
        if (write(told, &me, sizeof(me)) != sizeof(me))
            _exit(1);
        _exit(read(stop, &c, 1) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(first, &status, 0), first);
    assert_int_equal(status, 0);
    return first;
}

static void lock_survives_a_fork(void **state)
{
    struct fixture *f = *state;
    int told[2], stop[2];
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    alarm(30);
    pid_t first = fork(); /* so that the writing end of `stop` is only here */
    assert_true(first >= 0);
    if (first == 0) {
        close(stop[1]);
        daemon_start(f->dir, told[1], stop[0]);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(first, &status, 0), first);
    assert_int_equal(status, 0);
    pid_t holder = 0;
    assert_int_equal(read(told[0], &holder, sizeof(holder)), (ssize_t)sizeof(holder));
    struct ym_err e;
    assert_int_equal(ym_store_holder(&f->s), holder);
    assert_int_equal(ym_store_lock(&f->s, &e), -EBUSY);
    char pid[32];
    snprintf(pid, sizeof(pid), "process %d;", (int)holder);
    assert_non_null(strstr(e.msg, pid));
    close(stop[1]);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_int_equal(ym_store_holder(&f->s), 0);
    assert_int_equal(ym_store_lock(&f->s, &e), 0);
    alarm(0);
    close(stop[0]);
    close(told[0]);
    close(told[1]);
}

static void lock_is_not_inherited_by_programs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ym_store_lock(&f->s, NULL), 0);
    int fds[] = {f->s.lib_fd, f->s.state_fd, f->s.staging_fd, f->s.objects_fd, f->s.lock_fd};
    for (size_t i = 0; i < YM_COUNT(fds); i++)
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(second_holder_is_refused),
        T(stale_pid_is_nobody),
        T(lock_survives_a_fork),
        T(lock_is_not_inherited_by_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
