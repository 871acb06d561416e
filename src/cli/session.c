/* One way to call a verb: over the socket of whoever runs the engine, else in an engine of this
 * process. Waiting always happens here, so that an interruption is seen at once and never lost. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli_private.h"

/* ---- the wish to end ---- */
static int interrupts = -1; /* eventfd, readable once somebody wanted to end */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int sig)
{
    int err = errno;
    uint64_t one = 1;
    (void)sig;
    ssize_t n = write(interrupts, &one, sizeof(one));
    (void)n;
    errno = err;
}

/* The first signal asks, a second one ends the process as usual. */
static void interrupts_catch(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    if (interrupts >= 0)
        return;
    interrupts = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ym_assert(interrupts >= 0);
    for (size_t i = 0; i < YM_COUNT(signals); i++) {
        struct sigaction old;
        /* A command started with nohup stays deaf to what nohup told it to ignore. */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &sa, NULL);
    }
}

static void signals_block(sigset_t *old)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < YM_COUNT(signals); i++)
        sigaddset(&set, signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, old);
}

void interrupt_forget(void)
{
    uint64_t n;
    ssize_t r = read(interrupts, &n, sizeof(n));
    (void)r;
}

/* ---- one call ---- */
struct call {
    atomic_int users; /* who waits, and who answers */
    int done;         /* eventfd */
    cJSON *request, *answer;
    int fd;
    struct ym_err err; /* cls YM_OK: answer is there */
    char socket[128];
};

static void call_unref(struct call *c)
{
    if (!c || atomic_fetch_sub(&c->users, 1) > 1)
        return;
    cJSON_Delete(c->request);
    cJSON_Delete(c->answer);
    ym_closep(&c->fd);
    ym_closep(&c->done);
    free(c);
}

static void call_answered(struct call *c)
{
    uint64_t one = 1;
    ssize_t n = write(c->done, &one, sizeof(one));
    ym_assert(n == sizeof(one));
    call_unref(c);
}

static void on_reply(void *ctx, const cJSON *answer, int fd)
{
    struct call *c = ctx;
    c->answer = cJSON_Duplicate(answer, true);
    c->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    call_answered(c);
}

static void *client_main(void *arg)
{
    struct call *c = arg;
    struct ym_client *client = NULL;
    struct ym_err err;
    int r = ym_client_connect(c->socket, &client, &err);
    if (r == 0)
        r = ym_client_call(client, c->request, &c->answer, &c->fd, &err);
    ym_client_free(client);
    if (r < 0)
        c->err = err;
    call_answered(c);
    return NULL;
}

static void client_start(struct call *c)
{
    pthread_t t;
    sigset_t old;
    signals_block(&old);
    int r = pthread_create(&t, NULL, client_main, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0) {
        pthread_detach(t);
        return;
    }
    ym_fail(&c->err, YM_LOCAL, r, "This machine lets no further thread start: %s.",
            strerrordesc_np(r));
    call_answered(c);
}

struct call *call_begin(struct session *s, cJSON *request)
{
    struct call *c = ym_alloc(sizeof(*c));
    *c = (struct call){
        .users = 2, .request = request, .fd = -1, .done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    ym_assert(c->done >= 0);
    memcpy(c->socket, s->socket, sizeof(c->socket));
    if (s->local) {
        struct ym_caller me = {geteuid(), getegid(), getpid()};
        ym_service_call(s->local, &me, request, on_reply, c);
    } else {
        client_start(c);
    }
    return c;
}

int calls_wait(struct call *const *c, size_t n, int ms)
{
    struct pollfd p[8] = {{.fd = interrupts, .events = POLLIN}};
    ym_assert(n < YM_COUNT(p));
    for (size_t i = 0; i < n; i++)
        p[i + 1] = (struct pollfd){.fd = c[i] ? c[i]->done : -1, .events = POLLIN};
    ym_mono start = ym_mono_now();
    for (;;) {
        int64_t left = ms < 0 ? -1 : ms - ym_mono_until(start, ym_mono_now()).ms;
        int r = poll(p, n + 1, ms < 0 ? -1 : left > 0 ? (int)left : 0);
        if (r < 0 && errno == EINTR)
            continue;
        ym_assert(r >= 0);
        for (size_t i = 0; i < n; i++)
            if (p[i + 1].revents)
                return (int)i;
        if (p[0].revents)
            return -EINTR;
        if (r == 0)
            return -ETIME;
    }
}

int call_end(struct call *c, cJSON **ret, int *ret_fd, struct ym_err *e)
{
    int r = 0;
    if (c->err.cls != YM_OK) {
        *e = c->err;
        r = -c->err.err;
    } else if (!ym_json_bool(c->answer, "ok", false)) {
        r = ym_fail(e, ym_class_parse(ym_json_str(c->answer, "class")), EINVAL, "%s",
                    ym_json_str_or(c->answer, "error", "The engine refused without saying why."));
    } else {
        *ret = ym_steal(&c->answer);
        if (ret_fd)
            *ret_fd = ym_steal_fd(&c->fd);
    }
    call_unref(c);
    return r;
}

void call_leave(struct call *c)
{
    call_unref(c);
}

int session_call(struct session *s, cJSON *request, int ms, cJSON **ret, int *ret_fd,
                 struct ym_err *e)
{
    struct call *c = call_begin(s, request);
    int r = calls_wait(&c, 1, ms);
    if (r == 0)
        return call_end(c, ret, ret_fd, e);
    call_leave(c);
    if (r == -EINTR)
        return ym_fail(e, YM_CANCELLED, EINTR, "Interrupted.");
    return ym_fail(e, YM_TRANSIENT, ETIMEDOUT,
                   "The engine does not answer; is the machine very busy?");
}

cJSON *request_new(const char *verb, const char *path)
{
    cJSON *q = cJSON_CreateObject();
    cJSON_AddStringToObject(q, "verb", verb);
    if (path)
        cJSON_AddStringToObject(q, "path", path);
    return q;
}

/* ---- who runs the engine ---- */
static bool holder_answers(const char *socket)
{
    struct ym_client *c = NULL;
    struct ym_err ignored;
    if (ym_client_connect(socket, &c, &ignored) < 0)
        return false;
    ym_client_free(c);
    return true;
}

static int local_start(struct session *s, unsigned flags, struct ym_err *e)
{
    struct ym_cli_common common = s->c->common;
    sigset_t old;
    common.send_nothing = flags & SESSION_QUIET;
    signals_block(&old);
    int r = s->c->h->engine_start(&common, s->w->library, flags & SESSION_CREATE, &s->local,
                                  &s->handle, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* Somebody has the lock but does not answer yet: it is starting, or ending. */
static int either_start(struct session *s, unsigned flags, struct ym_err *e)
{
    ym_mono start = ym_mono_now();
    for (;;) {
        if (holder_answers(s->socket))
            return 0;
        if (flags & SESSION_HOLDER)
            return ym_fail(e, YM_LOCAL, ENOTCONN,
                           "Nobody works on %s now: `ymago mount` or `ymago run` does.",
                           s->w->library);
        int r = local_start(s, flags, e);
        if (r != -EBUSY || ym_mono_until(start, ym_mono_now()).ms > 5000)
            return r;
        if (calls_wait(NULL, 0, 50) == -EINTR)
            return ym_fail(e, YM_CANCELLED, EINTR, "Interrupted.");
    }
}

int session_open(struct cli *c, const struct where *w, unsigned flags, struct session *ret,
                 struct ym_err *e)
{
    struct session s = {.c = c, .w = w};
    interrupts_catch();
    if (w->fallback && !(flags & SESSION_CREATE) && access(w->library, F_OK) < 0)
        return ym_fail(e, YM_INVALID, ENOENT,
                       "There is no library here: go into one, or name one with --library DIR.");
    if (w->socket && strlen(w->socket) < sizeof(s.socket)) {
        snprintf(s.socket, sizeof(s.socket), "%s", w->socket);
    } else {
        int r = ym_service_socket_path(w->library, s.socket, e);
        if (r < 0)
            return r;
    }
    int r = either_start(&s, flags, e);
    if (r < 0)
        return r;
    if (!s.local && (c->common.api_key || c->common.api_key_file))
        out_warn(c, "an engine runs already and uses its own key; yours is not used");
    *ret = s;
    return 0;
}

void session_close(struct session *s)
{
    if (s->handle)
        s->c->h->engine_end(s->handle);
    *s = (struct session){0};
}
