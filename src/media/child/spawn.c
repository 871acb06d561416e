/* Starting a child. The daemon has many threads: between fork and exec there are system calls only. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Noreturn static void give_up(const char *what)
{
    const char *parts[] = {"the child process could not be started: ", what, "\n"};
    for (size_t i = 0; i < YM_COUNT(parts); i++)
        if (write(2, parts[i], strlen(parts[i])) < 0)
            break;
    _exit(126);
}

static void signals_reset(void)
{
    sigset_t none;
    struct sigaction act = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &act, NULL); /* some numbers refuse */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First all out of the way, then each to its number; what else is open goes. */
static void files_arrange(const struct spawn *s)
{
    int from[3 + SPAWN_FILES + 1], to[3 + SPAWN_FILES + 1];
    unsigned n = 0;
    for (; n < 3; n++) {
        from[n] = s->stdio[n];
        to[n] = (int)n;
    }
    for (unsigned i = 0; i < s->nfiles; i++, n++) {
        from[n] = s->files[i].fd;
        to[n] = s->files[i].as;
    }
    if (s->seccomp >= 0) {
        from[n] = s->seccomp;
        to[n++] = SPAWN_SECCOMP;
    }
    if (s->ruleset >= 0) {
        from[n] = s->ruleset;
        to[n++] = SPAWN_SECCOMP;
    }
    for (unsigned i = 0; i < n; i++)
        if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, SPAWN_SECCOMP + 1)) < 0)
            give_up("no more descriptors");
    for (int fd = 0; fd <= SPAWN_SECCOMP; fd++)
        close(fd);
    for (unsigned i = 0; i < n; i++)
        if (dup2(from[i], to[i]) < 0)
            _exit(126);
    if (syscall(SYS_close_range, SPAWN_SECCOMP + 1, ~0u, 0) < 0)
        for (int fd = SPAWN_SECCOMP + 1; fd < 65536; fd++)
            close(fd);
}

static void limit_set(int what, int64_t value)
{
    struct rlimit r, old;
    if (getrlimit((__rlimit_resource_t)what, &old) < 0)
        return;
    r.rlim_cur = r.rlim_max = old.rlim_max < (rlim_t)value ? old.rlim_max : (rlim_t)value;
    if (setrlimit((__rlimit_resource_t)what, &r) < 0)
        give_up("a limit cannot be set");
}

/* RLIMIT_NPROC counts what else its user runs, and for root nothing at all: the filter, which
 * allows no new process, is what holds. */
static void limits_set(const struct spawn *s)
{
    limit_set(RLIMIT_CORE, 0);
    limit_set(RLIMIT_NOFILE, 256);
    limit_set(RLIMIT_CPU, s->cpu_seconds);
    limit_set(RLIMIT_FSIZE, s->file_size);
    limit_set(RLIMIT_AS, s->memory);
    setpriority(PRIO_PROCESS, 0, 5); /* whoever waits at the keyboard comes first */
}

static void rights_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    for (int i = 0; i < 64; i++)
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) < 0)
        give_up("rights cannot be given up");
}

static void land_enter(const struct spawn *s)
{
    rights_drop();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up("no_new_privs");
    if (syscall(SYS_landlock_restrict_self, SPAWN_SECCOMP, 0) < 0)
        give_up("Landlock");
    close(SPAWN_SECCOMP);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &s->filter) < 0)
        give_up("seccomp");
}

_Noreturn static void child_main(const struct spawn *s, pid_t parent)
{
    static char *const no_env[] = {NULL};
    char *const *argv = (char *const *)(const void *)s->argv;
    signals_reset();
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || chdir("/") < 0)
        _exit(126);
    umask(077);
    files_arrange(s);
    limits_set(s);
    if (s->land)
        land_enter(s);
    execve(s->land ? s->program : s->argv[0], argv, no_env);
    give_up("exec");
}

int spawn_start(const struct spawn *s)
{
    sigset_t all, old;
    pid_t parent = getpid();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* none of our handlers runs in the child */
    pid_t pid = fork();
    int err = errno;
    if (pid == 0)
        child_main(s, parent);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return pid < 0 ? -err : pid;
}
