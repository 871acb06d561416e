/* Child processes: in a cage, listened to, ended for certain. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "spawn.h"

enum { TAIL = 2048, LINE_MAX_LEN = 4096, FEED_MAX = 256 << 10 };

struct running {
    const struct ym_child *c;
    pid_t pid;
    int pidfd;            /* or -1: then it is asked for more often */
    int in, out, err;     /* our ends, -1 = closed */
    char *feed;           /* what comes next for its standard input */
    size_t feed_at, feed_len;
    struct ym_buf line;
    bool line_long;       /* the rest of this line is dropped */
    char tail[TAIL];      /* the last it said on standard error */
    size_t tail_len;
    ym_mono until;
    int status;
    bool ended;
};

/* ---- what is made ready before it starts ---- */
static bool name_ok(const char *program)
{
    return *program && *program != '.' && !strchr(program, '/') && strlen(program) < 100;
}

bool ym_child_has(const char *program)
{
    char path[128];
    if (!name_ok(program))
        return false;
    snprintf(path, sizeof(path), "/usr/bin/%s", program);
    return access(path, X_OK) == 0;
}

static int memory_file(const char *name, const void *data, size_t len)
{
    YM_AUTOCLOSE int fd = memfd_create(name, MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);
        if (n < 0)
            return -errno;
        at += (size_t)n;
    }
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    return ym_steal_fd(&fd);
}

static bool any_open(const struct ym_child *c, bool writable)
{
    for (unsigned i = 0; i < c->nfiles; i++)
        if (((fcntl(c->files[i].fd, F_GETFL) & O_ACCMODE) != O_RDONLY) == writable)
            return true;
    return false;
}

/* In bubblewrap's cage a file can be opened anew for writing as soon as the filter lets any be; Landlock knows
 * them apart. So where a file that must stay as it is meets one that is written, Landlock is the better cage. */
static enum cage cage_for(const struct ym_child *c, enum cage best)
{
    bool mixed = any_open(c, true) && any_open(c, false);
    return best == CAGE_BUBBLE && mixed && land_abi() > 0 ? CAGE_LAND : best;
}

static void argv_make(const struct ym_child *c, enum cage cage, struct spawn *s)
{
    size_t n = cage == CAGE_BUBBLE ? bubble_argv(s->argv, s->seccomp < 0 ? -1 : SPAWN_SECCOMP, s->number) : 0;
    size_t count = 0;
    while (c->argv[count])
        count++;
    ym_assert(name_ok(c->argv[0]) && count <= SPAWN_ARGS);
    snprintf(s->program, sizeof(s->program), "/usr/bin/%s", c->argv[0]);
    for (size_t i = 0; i <= count; i++)
        s->argv[n + i] = c->argv[i];
    s->argv[n] = s->program;
}

static int cage_make(const struct ym_child *c, enum cage cage, struct spawn *s)
{
    size_t n = filter_make(s->code, any_open(c, true));
    s->filter = (struct sock_fprog){.len = (unsigned short)n, .filter = s->code};
    s->land = cage == CAGE_LAND;
    if (s->land) {
        if (n == 0)
            return -EOPNOTSUPP;
        s->ruleset = land_ruleset(c);
        return s->ruleset < 0 ? s->ruleset : 0;
    }
    if (n == 0)
        return 0; /* bubblewrap alone holds, too */
    s->seccomp = memory_file("ymago-filter", s->code, n * sizeof(s->code[0]));
    return s->seccomp < 0 ? s->seccomp : 0;
}

static void spawn_close(struct spawn *s)
{
    ym_closep(&s->seccomp);
    ym_closep(&s->ruleset);
    for (int i = 0; i < 3; i++)
        ym_closep(&s->stdio[i]);
}

/* Its three ends into s->stdio, ours into *r. */
static int stdio_make(const struct ym_child *c, struct spawn *s, struct running *r)
{
    int p[2];
    if (c->feed) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
            return -errno;
        r->in = p[0];
        s->stdio[0] = p[1];
        shutdown(r->in, SHUT_RD);
    } else if (c->input) {
        s->stdio[0] = memory_file("ymago-input", c->input, c->input_len);
    } else {
        s->stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (s->stdio[0] < 0)
        return -errno;
    if (c->out || c->line) {
        if (pipe2(p, O_CLOEXEC) < 0)
            return -errno;
        r->out = p[0];
        s->stdio[1] = p[1];
    } else if ((s->stdio[1] = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0) {
        return -errno;
    }
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    r->err = p[0];
    s->stdio[2] = p[1];
    return fcntl(r->err, F_SETFL, O_NONBLOCK) < 0 || (r->out >= 0 && fcntl(r->out, F_SETFL, O_NONBLOCK) < 0) ? -errno : 0;
}

static int child_start(const struct ym_child *c, enum cage cage, struct running *r)
{
    struct spawn *s = ym_alloc(sizeof(*s));
    int64_t seconds = (r->until.ns - ym_mono_now().ns) / 1000000000 + 1;
    *s = (struct spawn){.stdio = {-1, -1, -1}, .files = c->files, .nfiles = c->nfiles, .seccomp = -1, .ruleset = -1};
    s->memory = c->max_memory ? c->max_memory : (int64_t)2 << 30;
    s->file_size = c->max_file ? c->max_file : (int64_t)4 << 30;
    s->cpu_seconds = seconds * sysconf(_SC_NPROCESSORS_ONLN) + 1;
    ym_assert(c->nfiles <= SPAWN_FILES);
    for (unsigned i = 0; i < c->nfiles; i++)
        ym_assert(c->files[i].fd >= 0 && c->files[i].as >= 3 && c->files[i].as <= SPAWN_AS_MAX);
    int rc = cage_make(c, cage, s);
    if (rc == 0) {
        argv_make(c, cage, s);
        rc = stdio_make(c, s, r);
    }
    if (rc == 0)
        rc = spawn_start(s);
    if (rc > 0) {
        r->pid = rc;
        r->pidfd = (int)syscall(SYS_pidfd_open, rc, 0);
        rc = 0;
    }
    spawn_close(s);
    free(s);
    return rc;
}

/* ---- listening ---- */
static void lines_take(struct running *r, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            ym_buf_add(&r->line, "", 0);
            r->c->line(r->c->ctx, r->line.len ? r->line.data : "");
            ym_buf_fini(&r->line);
            ym_buf_init(&r->line, LINE_MAX_LEN);
            r->line_long = false;
        } else if (!r->line_long) {
            r->line_long = ym_buf_add(&r->line, &data[i], 1) < 0;
        }
    }
}

static int out_take(struct running *r, const char *data, size_t len)
{
    if (r->c->line)
        lines_take(r, data, len);
    else if (ym_buf_add(r->c->out, data, len) < 0)
        return -E2BIG;
    return 0;
}

static void tail_take(struct running *r, const char *data, size_t len)
{
    if (len >= TAIL) {
        data += len - TAIL;
        len = TAIL;
    }
    size_t keep = r->tail_len + len > TAIL ? TAIL - len : r->tail_len;
    memmove(r->tail, r->tail + r->tail_len - keep, keep);
    memcpy(r->tail + keep, data, len);
    r->tail_len = keep + len;
}

/* Reads what is there, not more than a few pieces, so that a child that prints for ever is asked about too. */
static int pipe_read(struct running *r, int *fd)
{
    char piece[16384];
    for (int i = 0; i < 16 && *fd >= 0; i++) {
        ssize_t n = read(*fd, piece, sizeof(piece));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0) {
            ym_closep(fd);
            *fd = -1;
            return 0;
        }
        int rc = 0;
        if (fd == &r->out)
            rc = out_take(r, piece, (size_t)n);
        else
            tail_take(r, piece, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int feed_write(struct running *r)
{
    if (r->feed_at == r->feed_len) {
        if (!r->feed)
            r->feed = ym_alloc(FEED_MAX);
        ssize_t n = r->c->feed(r->c->ctx, r->feed, FEED_MAX);
        if (n < 0)
            return (int)n;
        ym_assert((size_t)n <= FEED_MAX);
        r->feed_at = 0;
        r->feed_len = (size_t)n;
    }
    ssize_t n = r->feed_len ? send(r->in, r->feed + r->feed_at, r->feed_len - r->feed_at, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n > 0)
        r->feed_at += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) { /* the end, or it does not listen any more */
        ym_closep(&r->in);
        r->in = -1;
    }
    return 0;
}

static void child_look(struct running *r)
{
    if (!r->ended && waitpid(r->pid, &r->status, WNOHANG) == r->pid)
        r->ended = true;
}

static int child_turn(struct running *r, int ms)
{
    struct pollfd p[4] = {{r->in, POLLOUT, 0}, {r->out, POLLIN, 0}, {r->err, POLLIN, 0}, {r->ended ? -1 : r->pidfd, POLLIN, 0}};
    int rc = 0;
    if (poll(p, 4, ms) < 0 && errno != EINTR)
        return -errno;
    if (r->in >= 0 && p[0].revents)
        rc = feed_write(r);
    if (rc == 0 && r->out >= 0 && p[1].revents)
        rc = pipe_read(r, &r->out);
    if (rc == 0 && r->err >= 0 && p[2].revents)
        rc = pipe_read(r, &r->err);
    child_look(r);
    return rc;
}

static int child_listen(struct running *r)
{
    while (!r->ended) {
        int64_t left = (r->until.ns - ym_mono_now().ns) / 1000000;
        int rc = left <= 0 ? -ETIME : child_turn(r, left < 250 ? (int)left + 1 : r->pidfd < 0 ? 20 : 250);
        if (rc == 0 && r->c->stopped && r->c->stopped(r->c->ctx))
            rc = -ECANCELED;
        if (rc < 0)
            return rc;
    }
    /* What it said last is still in the pipes; a grandchild that escaped would keep them open. */
    for (int i = 0; i < 20 && (r->out >= 0 || r->err >= 0); i++) {
        int rc = child_turn(r, 50);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void child_end(struct running *r)
{
    if (!r->ended) {
        kill(-r->pid, SIGKILL);
        kill(r->pid, SIGKILL); /* before it had a group of its own */
        while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
            ;
        /* bubblewrap takes its tree along; it has done so when nobody holds the pipe any more. */
        for (int i = 0; i < 40 && r->err >= 0; i++) {
            struct pollfd p = {r->err, POLLIN, 0};
            if (poll(&p, 1, 50) > 0)
                pipe_read(r, &r->err);
        }
    }
    ym_closep(&r->pidfd);
    ym_closep(&r->in);
    ym_closep(&r->out);
    ym_closep(&r->err);
    free(r->feed);
}

/* ---- what came of it ---- */
static void words_set(struct running *r, struct ym_err *e)
{
    char text[TAIL + 1];
    size_t len = r->tail_len;
    memcpy(text, r->tail, len);
    const char *s = ym_text_trim(text, &len);
    size_t max = e ? sizeof(e->words) - 32 : 0, skip = len > max ? len - max : 0;
    const char *nl = skip ? memchr(s + skip, '\n', len - skip) : NULL;
    if (nl && nl + 1 < s + len)
        skip = (size_t)(nl + 1 - s);
    if (!e || len == skip)
        return;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 4 * TAIL);
    for (size_t i = skip; i < len; i++)
        ym_buf_add(&b, s[i] == '\n' ? " " : &s[i], 1);
    YM_AUTOBUF struct ym_buf shown;
    ym_buf_init(&shown, sizeof(e->words) - 1);
    ym_text_escape(&shown, b.data, b.len, sizeof(e->words) - 1);
    snprintf(e->words, sizeof(e->words), "%s", shown.data);
}

static int child_verdict(struct running *r, int rc, struct ym_err *e)
{
    const char *name = r->c->argv[0];
    int code = WIFEXITED(r->status) ? WEXITSTATUS(r->status) : 128 + WTERMSIG(r->status);
    if (rc == -ECANCELED)
        return ym_fail(e, YM_CANCELLED, ECANCELED, "Cancelled while %s was at work.", name);
    if (rc == -ETIME)
        rc = ym_fail(e, YM_LOCAL, ETIME, "%s took too long and was ended.", name);
    else if (rc == -E2BIG)
        rc = ym_fail(e, YM_LOCAL, E2BIG, "%s printed more than can be right and was ended.", name);
    else if (rc < 0)
        rc = ym_fail(e, YM_LOCAL, -rc, "%s could not be worked with (%s).", name, strerror(-rc));
    else if (code == 128 + SIGXFSZ)
        rc = ym_fail(e, YM_LOCAL, EIO, "%s was ended: its file grew too large.", name);
    else if (code > 128)
        rc = ym_fail(e, YM_LOCAL, EIO, "%s broke down (signal %d).", name, code - 128);
    else if (code)
        rc = ym_fail(e, YM_LOCAL, EIO, "%s failed (status %d).", name, code);
    else
        return 0;
    words_set(r, e);
    return rc;
}

int child_run_in(enum cage cage, const struct ym_child *c, struct ym_err *e)
{
    struct running r = {.c = c, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    r.until = ym_mono_add(ym_mono_now(), c->limit.ms > 0 ? c->limit : YM_SEC(60));
    ym_buf_init(&r.line, LINE_MAX_LEN);
    int rc = child_start(c, cage, &r);
    if (rc < 0) {
        r.ended = true;
        child_end(&r);
        return ym_fail(e, YM_LOCAL, -rc, "%s cannot be started (%s).", c->argv[0], strerror(-rc));
    }
    rc = child_listen(&r);
    child_end(&r);
    if (rc == 0 && c->line && r.line.len)
        c->line(c->ctx, r.line.data); /* a last line without its end */
    ym_buf_fini(&r.line);
    return child_verdict(&r, rc, e);
}

int ym_child_run(const struct ym_child *c, struct ym_err *e)
{
    if (!ym_child_has(c->argv[0]))
        return ym_fail(e, YM_LOCAL, ENOENT, "%s is not installed.", c->argv[0]);
    enum cage cage = cage_find();
    if (cage == CAGE_NONE)
        return ym_fail(e, YM_LOCAL, EPERM,
                       "%s is not run without a cage: install bubblewrap, or use a kernel with Landlock.", c->argv[0]);
    return child_run_in(cage_for(c, cage), c, e);
}
