/* `ymago mount`: one fork into the background before anything is opened, a pipe that tells the
 * parent when the mount truly works, signals handled by one thread. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN YM_SEC(30)

/* ---- what the parent prints ---- */
static void defaults_say(struct ym_buf *out, const struct ym_status *s)
{
    static const enum ym_kind shown[] = {YM_IMAGE, YM_VIDEO, YM_AUDIO, YM_SFX, YM_TEXT};
    char m[32];
    for (size_t i = 0; i < YM_COUNT(shown); i++) {
        const struct ym_kind_default *d = &s->defaults[shown[i]];
        if (!d->model[0])
            continue;
        ym_buf_addf(out, "  %-6s %s, ", ym_kind_name(shown[i]), d->model);
        if (d->free)
            ym_buf_adds(out, "free\n");
        else if (d->price_known)
            ym_buf_addf(out, "about %s each\n", ym_money_format(d->price, m));
        else
            ym_buf_adds(out, "price not known: held until you approve\n");
    }
    if (s->today_limit.micro_usd >= 0)
        ym_buf_addf(out, "  today  at most %s (cost/budget.toml)\n", ym_money_format(s->today_limit, m));
}

static void ready_say(struct ym_buf *out, const struct wire_wish *wish, struct ym_service *s, int64_t prompts)
{
    struct ym_status st;
    ym_engine_status(ym_service_engine(s), &st);
    ym_buf_addf(out, "Mounted %s.\n", wish->mountpoint);
    if (prompts > 0)
        ym_buf_addf(out, "  %lld files here look like prompts; none was started. Touch or edit one to start it.\n",
                    (long long)prompts);
    defaults_say(out, &st);
    if (prompts >= 0) /* the first mount of this library */
        ym_buf_adds(out, "  While it is mounted, back this folder up as yourself and by its name: root's and\n"
                         "  one-file-system backups do not see into it.\n");
}

/* ---- signals ---- */
struct signals {
    struct wire *w;
    sigset_t set;
    pthread_t thread;
};

static void reload_said(void *ctx, const cJSON *answer, int fd)
{
    (void)ctx;
    (void)fd;
    if (!ym_json_bool(answer, "ok", false))
        ym_log(YM_ERROR, "main", "reload: %s", ym_json_str_or(answer, "error", "refused"));
}

static void reload(struct wire *w)
{
    struct ym_caller me = {geteuid(), getegid(), getpid()};
    YM_AUTOJSON cJSON *q = cJSON_CreateObject();
    cJSON_AddStringToObject(q, "verb", "reload");
    ym_service_call(w->service, &me, q, reload_said, NULL);
}

static void *drain(void *arg)
{
    struct wire *w = arg;
    ym_engine_stop(w->engine, DRAIN);
    ym_fs_exit(w->fs);
    return NULL;
}

/* SIGTERM drains while still mounted; a second one ends at once; SIGHUP reloads; SIGUSR1 ends this. */
static void *signals_main(void *arg)
{
    struct signals *s = arg;
    pthread_t drainer;
    bool draining = false;
    int sig;
    while (sigwait(&s->set, &sig) == 0 && sig != SIGUSR1) {
        if (sig == SIGHUP) {
            reload(s->w);
        } else if (!draining) {
            ym_log(YM_INFO, "main", "stopping: waiting for what is already paid for");
            draining = pthread_create(&drainer, NULL, drain, s->w) == 0;
        } else {
            ym_engine_stop(s->w->engine, YM_MS(0));
        }
    }
    if (draining)
        pthread_join(drainer, NULL);
    return NULL;
}

static void signals_block(struct signals *s)
{
    sigemptyset(&s->set);
    sigaddset(&s->set, SIGTERM);
    sigaddset(&s->set, SIGINT);
    sigaddset(&s->set, SIGHUP);
    sigaddset(&s->set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &s->set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- the daemon ---- */
struct telling {
    int fd;                 /* to the parent; -1 in the foreground */
    struct wire **w;
    const struct wire_wish *wish;
};

static void tell(int fd, char code, const char *text)
{
    size_t len = strlen(text);
    if (fd < 0) {
        fputs(text, code ? stderr : stdout);
        fflush(code ? stderr : stdout);
        return;
    }
    ssize_t n = write(fd, &code, 1);
    while (n > 0 && len) {
        n = write(fd, text, len);
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
}

static void notify_systemd(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof(a.sun_path))
        return;
    memcpy(a.sun_path, path, strlen(path));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (a.sun_path[0] == '@')
        a.sun_path[0] = 0;
    YM_AUTOCLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&a, len) < 0)
        ym_log(YM_WARN, "main", "systemd was not told that the mount is ready");
}

static void on_ready(void *ctx, struct ym_service *s)
{
    struct telling *t = ctx;
    struct ym_buf text;
    ym_buf_init(&text, 65536);
    ready_say(&text, t->wish, s, (*t->w) ? (*t->w)->look_like_prompts : -1);
    tell(t->fd, 0, text.data);
    ym_buf_fini(&text);
    ym_closep(&t->fd);
    notify_systemd();
}

static void detach_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

static int daemon_run(const struct wire_wish *wish, int fd)
{
    struct wire *w = NULL;
    struct ym_err err;
    struct signals sig = {0};
    struct telling t = {.fd = fd, .w = &w, .wish = wish};
    struct wire_wish mine = *wish;
    mine.ready = on_ready;
    mine.ready_ctx = &t;
    signals_block(&sig);
    if (wire_start(&mine, &w, &err) < 0) {
        YM_AUTOFREE char *text = ym_asprintf("ymago: %s\n", err.msg);
        tell(fd, 1, text);
        return YM_EXIT_ERROR;
    }
    if (fd >= 0)
        detach_streams();
    sig.w = w;
    int r = pthread_create(&sig.thread, NULL, signals_main, &sig);
    ym_assert(r == 0);
    r = wire_loop(w);
    pthread_kill(sig.thread, SIGUSR1);
    pthread_join(sig.thread, NULL);
    wire_stop(w, DRAIN);
    return r == 0 ? YM_EXIT_DONE : YM_EXIT_ERROR;
}

/* ---- the parent ---- */
static int parent_wait(int fd, pid_t child)
{
    char buf[4096], code = 1;
    ssize_t n;
    bool first = true, any = false;
    while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
        char *p = buf;
        if (n < 0)
            continue;
        if (first) {
            code = *p++;
            n--;
            first = false;
        }
        any = true;
        fwrite(p, 1, (size_t)n, code ? stderr : stdout);
    }
    close(fd);
    if (!any) {
        int status = 0;
        waitpid(child, &status, 0);
        fprintf(stderr, "ymago: the mount ended before it was ready; .ymago/log in the library says why.\n");
        return YM_EXIT_ERROR;
    }
    return code ? YM_EXIT_ERROR : YM_EXIT_DONE;
}

int mount_run(const struct wire_wish *wish, bool foreground)
{
    struct ym_err err;
    int fds[2];
    /* The library itself may be mounted over, or its dead mount lie on it. */
    if (ym_fs_clean_stale(wish->mountpoint, &err) < 0 || ym_fs_clean_stale(wish->library, &err) < 0) {
        fprintf(stderr, "ymago: %s\n", err.msg);
        return YM_EXIT_ERROR;
    }
    if (foreground)
        return daemon_run(wish, -1);
    fflush(NULL);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return YM_EXIT_ERROR;
    pid_t pid = fork();
    if (pid < 0)
        return YM_EXIT_ERROR;
    if (pid > 0) {
        close(fds[1]);
        return parent_wait(fds[0], pid);
    }
    close(fds[0]);
    setsid();
    if (chdir("/") < 0)
        _exit(YM_EXIT_ERROR);
    _exit(daemon_run(wish, fds[1]));
}
