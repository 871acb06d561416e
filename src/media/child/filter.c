/* Which system calls a caged child may make. What is not listed does not exist for it (ENOSYS), so that
 * programs fall back to what is. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "cage.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef ARCH

/* clang-format off */
static const uint16_t allowed[] = {
    /* files that are open, and reading others */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2,
    SYS_pwritev2, SYS_close, SYS_close_range, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs,
    SYS_fstatfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fcntl,
    SYS_dup, SYS_dup3, SYS_pipe2, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
    SYS_eventfd2, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_fadvise64, SYS_sync_file_range,
    SYS_copy_file_range, SYS_sendfile, SYS_umask,
    /* memory */
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_msync, SYS_mincore, SYS_brk, SYS_mlock,
    SYS_munlock, SYS_membarrier, SYS_get_mempolicy,
    /* threads, signals of its own, time */
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_getcpu, SYS_exit, SYS_exit_group, SYS_execve, SYS_wait4, SYS_waitid,
    SYS_prctl, SYS_getpriority, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending,
    SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_nanosleep, SYS_clock_nanosleep,
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times, SYS_getrusage, SYS_setitimer, SYS_getitimer,
    SYS_restart_syscall,
    /* questions about itself and the machine */
    SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid, SYS_getsid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_capget, SYS_uname, SYS_sysinfo, SYS_getrandom,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_futex_waitv
    SYS_futex_waitv,
#endif
#ifdef SYS_getrlimit
    SYS_getrlimit, SYS_setrlimit,
#endif
#ifdef SYS_open /* the older forms, where a processor has them */
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select,
    SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_time, SYS_alarm, SYS_pause, SYS_getpgrp, SYS_arch_prctl,
#endif
};

/* Allowed when (argument & mask) == value; 32 bits are enough for these. */
struct condition { uint16_t nr, arg; uint32_t mask, value; };
static const struct condition conditions[] = {
    {SYS_clone, 0, CLONE_THREAD, CLONE_THREAD}, /* threads, no processes */
    {SYS_prlimit64, 0, ~0u, 0},                 /* its own limits */
    {SYS_ioctl, 1, ~0u, 0x5401},                /* TCGETS: is it a terminal? */
    {SYS_ioctl, 1, ~0u, FIONREAD},
    {SYS_ioctl, 1, ~0u, FIOCLEX},               /* Python sets close-on-exec with it */
};
#define WRITE_FLAGS (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
static const struct condition reading[] = { /* where nothing may be written */
    {SYS_openat, 2, WRITE_FLAGS, 0},
#ifdef SYS_open
    {SYS_open, 1, WRITE_FLAGS, 0},
#endif
};
static const struct condition writing[] = { /* but none opened for reading is cut: older Landlocks let that pass */
    {SYS_openat, 2, O_TRUNC, 0}, {SYS_openat, 2, O_ACCMODE, O_WRONLY}, {SYS_openat, 2, O_ACCMODE, O_RDWR},
#ifdef SYS_open
    {SYS_open, 1, O_TRUNC, 0}, {SYS_open, 1, O_ACCMODE, O_WRONLY}, {SYS_open, 1, O_ACCMODE, O_RDWR},
#endif
};
/* clang-format on */

struct program {
    struct sock_filter *out;
    size_t n;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    ym_assert(p->n < FILTER_MAX);
    p->out[p->n++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void result(struct program *p, uint32_t what)
{
    add(p, BPF_RET | BPF_K, what, 0, 0);
}

static void allow(struct program *p, uint32_t nr)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
}

static void allow_when(struct program *p, const struct condition *c)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, c->nr, 0, 5);
    load(p, offsetof(struct seccomp_data, args) + 8u * c->arg);
    add(p, BPF_ALU | BPF_AND | BPF_K, c->mask, 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    load(p, offsetof(struct seccomp_data, nr));
}

size_t filter_make(struct sock_filter out[static FILTER_MAX], bool writes)
{
    struct program p = {.out = out};
    load(&p, offsetof(struct seccomp_data, arch));
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    result(&p, SECCOMP_RET_KILL_PROCESS);
    load(&p, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < YM_COUNT(allowed); i++)
        allow(&p, allowed[i]);
    for (size_t i = 0; i < YM_COUNT(conditions); i++)
        allow_when(&p, &conditions[i]);
    for (size_t i = 0; writes && i < YM_COUNT(writing); i++)
        allow_when(&p, &writing[i]);
    for (size_t i = 0; !writes && i < YM_COUNT(reading); i++)
        allow_when(&p, &reading[i]);
    result(&p, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA));
    return p.n;
}

#else

size_t filter_make(struct sock_filter out[static FILTER_MAX], bool writes)
{
    (void)out;
    (void)writes;
    return 0;
}

#endif
