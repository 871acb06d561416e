/* Preloaded into the daemon: at the N-th call that makes something durable in the state folder kills it, as
 * kill -9 would, or lets that one call fail. A write that is to die there is carried out by half.
 *
 *   YM_SHIM_KILL=N    at which call; 0 or unset: never
 *   YM_SHIM_FAIL=E    errno of a call that fails instead
 *   YM_SHIM_ARM=FILE  counting begins once that file exists; unset: at once
 *   YM_SHIM_LOG=FILE  a line for each call counted: number, call, file
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long kill_at;
static int fail_with; /* 0 = die */
static const char *arm_file, *log_file;
static bool on;
static atomic_bool armed;
static atomic_long count;

__attribute__((constructor)) static void start(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = 0;
    const char *base = strrchr(exe, '/');
    const char *number = getenv("YM_SHIM_KILL");
    on = base && strcmp(base, "/ymago") == 0; /* not what the daemon starts */
    kill_at = number ? strtol(number, NULL, 10) : 0;
    number = getenv("YM_SHIM_FAIL");
    fail_with = number ? (int)strtol(number, NULL, 10) : 0;
    arm_file = getenv("YM_SHIM_ARM");
    log_file = getenv("YM_SHIM_LOG");
    atomic_store(&armed, !arm_file);
}

static void note(long n, const char *call, const char *path)
{
    char line[4400];
    int fd = open(log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    int len = snprintf(line, sizeof(line), "%ld %s %s\n", n, call, path);
    syscall(SYS_write, fd, line, (size_t)len);
    close(fd);
}

static bool in_state(int fd, char path[static 4096])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = 0;
    return strstr(path, "/.ymago") != NULL;
}

/* Never returns, or -1 with errno as a failed call does. */
static int fault(void)
{
    while (!fail_with)
        kill(getpid(), SIGKILL);
    errno = fail_with;
    return -1;
}

/* True: this is the call that it is about. */
static bool counted(const char *call, const char *path)
{
    if (!atomic_load(&armed)) {
        if (access(arm_file, F_OK) < 0)
            return false;
        atomic_store(&armed, true);
    }
    long n = atomic_fetch_add(&count, 1) + 1;
    if (log_file)
        note(n, call, path);
    return n == kill_at;
}

static bool at_fd(const char *call, int fd)
{
    char path[4096];
    int keep = errno;
    bool now = on && in_state(fd, path) && counted(call, path);
    errno = keep;
    return now;
}

static bool at_names(const char *call, int from, int to, const char *name)
{
    char path[4096], shown[4400];
    int keep = errno;
    bool now = on && (in_state(from, path) || in_state(to, path));
    if (now) {
        snprintf(shown, sizeof(shown), "%.4000s/%.300s", path, name);
        now = counted(call, shown);
    }
    errno = keep;
    return now;
}

int fsync(int fd)
{
    return at_fd("fsync", fd) ? fault() : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return at_fd("fdatasync", fd) ? fault() : (int)syscall(SYS_fdatasync, fd);
}

/* With 64 bit offsets pwrite is the symbol pwrite64, and so on; both are wanted. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (!at_fd("pwrite", fd))
        return syscall(SYS_pwrite64, fd, data, len, at);
    if (!fail_with)
        syscall(SYS_pwrite64, fd, data, len / 2, at);
    return fault();
}

ssize_t plain_pwrite(int fd, const void *data, size_t len, off_t at) __asm__("pwrite");
ssize_t plain_pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (fd <= 2 || !at_fd("write", fd))
        return syscall(SYS_write, fd, data, len);
    if (!fail_with)
        syscall(SYS_write, fd, data, len / 2);
    return fault();
}

int ftruncate(int fd, off_t len)
{
    return at_fd("ftruncate", fd) ? fault() : (int)syscall(SYS_ftruncate, fd, len);
}

int plain_ftruncate(int fd, off_t len) __asm__("ftruncate");
int plain_ftruncate(int fd, off_t len)
{
    return ftruncate(fd, len);
}

int renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    return at_names("rename", from, to, b) ? fault() : (int)syscall(SYS_renameat2, from, a, to, b, flags);
}

int renameat(int from, const char *a, int to, const char *b)
{
    return renameat2(from, a, to, b, 0);
}

int linkat(int from, const char *a, int to, const char *b, int flags)
{
    return at_names("link", from, to, b) ? fault() : (int)syscall(SYS_linkat, from, a, to, b, flags);
}

int unlinkat(int dir, const char *name, int flags)
{
    return at_names("unlink", dir, dir, name) ? fault() : (int)syscall(SYS_unlinkat, dir, name, flags);
}
