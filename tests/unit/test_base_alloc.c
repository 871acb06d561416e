#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under the address sanitizer an absurd size ends the process before we can. */
#if defined(__SANITIZE_ADDRESS__)
#define MALLOC_FAILS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MALLOC_FAILS 0
#endif
#endif
#ifndef MALLOC_FAILS
#define MALLOC_FAILS 1
#endif

static void memory_is_zeroed(void **state)
{
    (void)state;
    YM_AUTOFREE unsigned char *p = ym_alloc(100), *a = ym_alloc_array(10, 10), *none = ym_alloc(0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i] | a[i], 0);
    assert_non_null(none);
}

static void strings_are_copied(void **state)
{
    (void)state;
    YM_AUTOFREE char *a = ym_strdup("fox"), *b = ym_strndup("foxes", 3), *c = ym_strndup("f", 9),
                     *d = ym_asprintf("%d-%s", 7, "x");
    assert_string_equal(a, "fox");
    assert_string_equal(b, "fox");
    assert_string_equal(c, "f");
    assert_string_equal(d, "7-x");
    assert_null(ym_strdup(NULL));
    assert_null(ym_strndup(NULL, 3));
}

static void steal_leaves_nothing(void **state)
{
    (void)state;
    char *p = ym_strdup("x"), *q = ym_steal(&p);
    assert_null(p);
    free(q);
    int fd = 5;
    assert_int_equal(ym_steal_fd(&fd), 5);
    assert_int_equal(fd, -1);
}

static void close_keeps_errno(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;
    errno = ENOSPC;
    ym_closep(&fd);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    ym_closep(&fd); /* again: nothing happens */
}

/* Runs f in a child; true when it aborted, with its standard error in text. */
static bool aborts(void (*f)(void), char *text, size_t size)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        f();
        _exit(0);
    }
    close(fds[1]);
    ssize_t n, used = 0;
    while ((n = read(fds[0], text + used, size - 1 - (size_t)used)) > 0)
        used += n;
    text[used] = '\0';
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void break_a_promise(void)
{
    ym_assert(1 + 1 == 3);
}

static void want_too_much(void)
{
    free(ym_alloc_array(SIZE_MAX / 2, 16));
}

static void the_end_is_in_words(void **state)
{
    (void)state;
    char text[1024];
    assert_true(aborts(break_a_promise, text, sizeof text));
    assert_non_null(strstr(text, "1 + 1 == 3"));
    if (MALLOC_FAILS) {
        assert_true(aborts(want_too_much, text, sizeof text));
        assert_non_null(strstr(text, "no memory"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed),     cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(steal_leaves_nothing), cmocka_unit_test(close_keeps_errno),
        cmocka_unit_test(the_end_is_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
