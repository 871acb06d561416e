#include "fs_rig.h"
#include "fs_daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ymago/fs.h>

#define LONG_MS 10000

int rig_main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "__publisher") == 0)
        return ym_publisher_main((int)strtol(argv[2], NULL, 10));
    if (argc >= 5 && strcmp(argv[1], "__daemon") == 0)
        return fs_daemon_main(argc, argv);
    alarm(55); /* a test that hangs must end, and its mount with it */
    return -1;
}

/* ---- what the daemon tells ---- */

static void take_in(struct rig *r, const char *text)
{
    size_t n = strlen(text);
    r->log = ym_realloc(r->log, r->len + n + 2);
    memcpy(r->log + r->len, text, n);
    memcpy(r->log + r->len + n, "\n", 2);
    r->len += n + 1;
}

/* One message into text; false when none came in time. */
static bool hear(struct rig *r, char *text, size_t size, int ms)
{
    struct pollfd p = {.fd = r->sock, .events = POLLIN}; /* -1 only waits */
    if (poll(&p, 1, ms) <= 0)
        return false;
    ssize_t n = recv(r->sock, text, size - 1, 0);
    if (n <= 0) { /* it ended */
        close(r->sock);
        r->sock = -1;
        return false;
    }
    text[n] = '\0';
    return true;
}

static int count(struct rig *r, const char *line, bool prefix)
{
    char text[4600];
    while (hear(r, text, sizeof(text), 0))
        take_in(r, text);
    int n = 0;
    size_t len = strlen(line);
    for (const char *l = r->log, *end; l && *l; l = end + 1) {
        end = strchr(l, '\n');
        n += strncmp(l, line, len) == 0 && (prefix || l[len] == '\n');
    }
    return n;
}

int rig_count(struct rig *r, const char *line)
{
    return count(r, line, false);
}

int rig_count_prefix(struct rig *r, const char *prefix)
{
    return count(r, prefix, true);
}

void rig_forget(struct rig *r)
{
    count(r, "", true);
    r->len = 0;
    if (r->log)
        *r->log = '\0';
}

void rig_wait(struct rig *r, const char *line)
{
    char text[4600];
    while (count(r, line, false) == 0) {
        if (!hear(r, text, sizeof(text), LONG_MS))
            fail_msg("'%s' was never told; but:\n%s", line, r->log ? r->log : "");
        take_in(r, text);
    }
}

int rig_tell(struct rig *r, const char *fmt, ...)
{
    char text[4600];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_int_equal(send(r->sock, text, (size_t)n, MSG_NOSIGNAL), n);
    for (;;) {
        if (!hear(r, text, sizeof(text), LONG_MS))
            fail_msg("no answer to '%s'", fmt);
        if (strncmp(text, "result ", 7) == 0)
            return (int)strtol(text + 7, NULL, 10);
        take_in(r, text);
    }
}

void rig_until(bool (*is)(void *ctx), void *ctx)
{
    for (int ms = 0; !is(ctx); ms += 10) {
        if (ms > LONG_MS)
            fail_msg("what was waited for did not come");
        usleep(10000);
    }
}

/* ---- its life ---- */

void rig_start(struct rig *r)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_adddup2(&a, pair[1], 9);
    char name[] = "daemon", verb[] = "__daemon", fd[] = "9";
    char *argv[] = {name, verb, fd, r->lib, r->mnt, NULL};
    assert_int_equal(posix_spawn(&r->pid, "/proc/self/exe", &a, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&a);
    close(pair[1]);
    if (r->sock >= 0)
        close(r->sock);
    r->sock = pair[0];
    rig_wait(r, "ready");
}

static int rig_new(void **state, bool in_place)
{
    struct rig *r = ym_alloc(sizeof(*r));
    const char *tmp = getenv("TMPDIR");
    snprintf(r->dir, sizeof(r->dir), "%s/ymago-fs-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->mnt, sizeof(r->mnt), "%s/mnt", r->dir);
    snprintf(r->lib, sizeof(r->lib), "%s/%s", r->dir, in_place ? "mnt" : "lib");
    mkdir(r->mnt, 0755);
    mkdir(r->lib, 0755);
    r->sock = -1;
    *state = r;
    rig_start(r);
    rig_forget(r);
    return 0;
}

int rig_in_place(void **state)
{
    return rig_new(state, true);
}

int rig_apart(void **state)
{
    return rig_new(state, false);
}

void rig_kill(struct rig *r)
{
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    r->pid = 0;
}

bool rig_mounted(const struct rig *r)
{
    struct stat a, b;
    return lstat(r->mnt, &a) < 0 || lstat(r->dir, &b) < 0 || a.st_dev != b.st_dev;
}

void rig_ask_end(struct rig *r)
{
    send(r->sock, "exit", 4, MSG_NOSIGNAL);
}

int rig_stop(void **state)
{
    struct rig *r = *state;
    if (r->pid) {
        rig_ask_end(r);
        int status = -1;
        for (int ms = 0; waitpid(r->pid, &status, WNOHANG) == 0; ms += 10) {
            if (ms > LONG_MS) {
                rig_kill(r);
                break;
            }
            usleep(10000);
        }
        if (status != 0)
            print_error("the daemon ended with status %d\n", status);
        assert_int_equal(status, 0);
    }
    if (rig_mounted(r)) {
        ym_fs_umount(r->mnt, true, NULL);
        fail_msg("the daemon left its mount behind");
    }
    sh(r, "rm -rf \"$DIR\"");
    if (r->sock >= 0)
        close(r->sock);
    free(r->log);
    free(r);
    return 0;
}

/* Children are listed with the thread that started them. */
static pid_t child_of(pid_t pid, const char *task)
{
    char path[400], buf[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    pid_t child = fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0 ? (pid_t)strtol(buf, NULL, 10) : 0;
    if (fd >= 0)
        close(fd);
    return child;
}

pid_t rig_publisher(const struct rig *r)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    pid_t pid = 0;
    for (struct dirent *e; d && !pid && (e = readdir(d));)
        if (e->d_name[0] != '.')
            pid = child_of(r->pid, e->d_name);
    if (d)
        closedir(d);
    return pid;
}

/* ---- files ---- */

static const char *join(const char *folder, const char *rel)
{
    static char ring[8][512];
    static unsigned next;
    char *out = ring[next++ % 8];
    snprintf(out, sizeof(ring[0]), "%s/%s", folder, rel);
    return out;
}

const char *at(const struct rig *r, const char *rel)
{
    return join(r->mnt, rel);
}

const char *below(const struct rig *r, const char *rel)
{
    assert_string_not_equal(r->lib, r->mnt);
    return join(r->lib, rel);
}

void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

char *get(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = ym_alloc(1 << 20);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, (1 << 20) - 1 - len)) > 0)
        len += (size_t)n;
    int err = errno;
    close(fd);
    if (n < 0) {
        free(text);
        errno = err;
        return NULL;
    }
    return text;
}

void stage(struct rig *r, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), ".ymago/staging/%s", name);
    put(below(r, path), text);
}

void sh(struct rig *r, const char *script)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("MNT", r->mnt, 1);
        setenv("LIB", r->lib, 1);
        setenv("DIR", r->dir, 1);
        setenv("HOME", r->dir, 1);
        execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    char text[4600];
    while (waitpid(pid, &status, WNOHANG) == 0) /* the daemon waits when nobody listens */
        if (hear(r, text, sizeof(text), 5))
            take_in(r, text);
    if (status != 0)
        fail_msg("status %d: %s", status, script);
}

/* ---- inotify ---- */

int watch_new(const char *path)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(fd >= 0 && inotify_add_watch(fd, path,
                                             IN_ALL_EVENTS & ~(unsigned)(IN_ACCESS | IN_OPEN |
                                                                         IN_CLOSE_NOWRITE)) >= 0);
    return fd;
}

static void name_event(struct ym_buf *b, const struct inotify_event *e)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{IN_MOVED_TO, "MOVED_TO"},       {IN_MOVED_FROM, "MOVED_FROM"},
                 {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},
                 {IN_ATTRIB, "ATTRIB"},           {IN_MODIFY, "MODIFY"},
                 {IN_CLOSE_WRITE, "CLOSE_WRITE"}, {IN_Q_OVERFLOW, "OVERFLOW"}};
    for (size_t i = 0; i < YM_COUNT(names); i++)
        if (e->mask & names[i].bit)
            ym_buf_addf(b, "%s %s\n", names[i].name, e->len ? e->name : "");
}

char *watch_take(int fd)
{
    struct ym_buf b;
    ym_buf_init(&b, 1 << 22);
    _Alignas(struct inotify_event) char buf[8192];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 200) > 0) {
        ssize_t n = read(fd, buf, sizeof(buf));
        for (ssize_t i = 0; i < n;) {
            const struct inotify_event *e = (const void *)(buf + i);
            name_event(&b, e);
            i += (ssize_t)(sizeof(*e) + e->len);
        }
    }
    return ym_buf_steal(&b);
}
