#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS 4

/* Keys are in memory: no core files, no ptrace by others of the same user. */
static void harden(void)
{
    struct rlimit none = {0, 0};
    if (getenv("YMAGO_DEBUG"))
        return;
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void log_start(struct wire *w)
{
    enum ym_level level = YM_INFO;
    const char *name = ym_config_str(w->config, "log.level");
    if (name)
        ym_log_level_parse(name, &level);
    w->log_fd = w->wish.log_to_stderr
                    ? -1
                    : openat(w->store.state_fd, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ym_log_open(w->log_fd, level);
}

static int config_open(struct wire *w, struct ym_err *e)
{
    int r = ym_config_load(&w->wish.sources, &w->config, e);
    if (r == 0)
        log_start(w);
    return r;
}

static struct ym_config *config_reload(void *ctx, struct ym_err *e)
{
    struct wire *w = ctx;
    struct ym_config *c = NULL, *now = ym_engine_config(w->engine);
    struct ym_config_sources s = w->wish.sources;
    s.previous = now;
    if (ym_config_load(&s, &c, e) < 0)
        c = NULL;
    ym_config_unref(now);
    return c;
}

static int work_open(struct wire *w, struct ym_err *e)
{
    struct ym_net_options o = {.allow = ym_config_allow(w->config), .user_agent = "ymago/" YM_VERSION};
    int r = ym_net_new(&o, &w->net, e);
    if (r == 0)
        w->pool = ym_pool_new(WORKERS, "ymago-work");
    return r;
}

static int engine_open(struct wire *w, struct ym_err *e)
{
    struct ym_engine_parts p = {.store = &w->store, .journal = w->journal, .net = w->net, .pool = w->pool,
                                .clock = &ym_clock_real, .drivers = drivers, .config = w->config,
                                .mounted = w->wish.mountpoint != NULL, .socket = w->socket,
                                .mountpoint = w->wish.mountpoint, .paused = w->wish.paused};
    if (w->publisher) {
        p.placer = ym_publisher_placer(w->publisher);
    } else {
        p.placer = ym_placer_plain;
        p.placer.ctx = &w->store;
    }
    return ym_engine_new(&p, &w->engine, e);
}

static int models_json(struct ym_engine *e, const char *want, struct ym_buf *out)
{
    struct ym_config *c = ym_engine_config(e);
    struct ym_list **lists = ym_engine_lists(e);
    struct ym_models m = {.config = c, .drivers = ym_engine_drivers(e), .lists = lists};
    int r = ym_view_models(&m, want, out);
    ym_lists_free(lists);
    ym_config_unref(c);
    return r;
}

static int service_open(struct wire *w, struct ym_err *e)
{
    struct ym_service_parts p = {.engine = w->engine, .store = &w->store, .reload = config_reload,
                                 .reload_ctx = w, .working = ym_view_working,
                                 .status_text = ym_view_status_txt, .status_json = ym_view_status_json,
                                 .models = models_json};
    return ym_service_new(&p, &w->service, e);
}

/* ---- the first mount of a library ---- */
static bool count_prompt(void *ctx, const struct ym_scan_file *f)
{
    int64_t *n = ctx;
    if (f->name.cls == YM_NM_PROMPT && ym_path_kind(f->path) != YM_KIND_NONE)
        ++*n;
    return true;
}

static void first_mount(struct wire *w)
{
    static const char *const folders[] = {"images", "videos", "audio", "batches"};
    char *done = NULL;
    struct ym_err err;
    w->look_like_prompts = -1;
    if (!w->wish.mountpoint || ym_meta_get(w->journal, "folders", &done) == 0) {
        free(done);
        return;
    }
    w->look_like_prompts = 0;
    ym_library_scan(&w->store, "", count_prompt, &w->look_like_prompts, &err);
    for (size_t i = 0; i < YM_COUNT(folders); i++)
        if (mkdirat(w->store.lib_fd, folders[i], 0755) < 0 && errno != EEXIST)
            ym_log(YM_WARN, "main", "%s/ cannot be made: %s", folders[i], strerror(errno));
    ym_meta_put(w->journal, "folders", "1");
}

/* ---- the mount ---- */
static void mount_ready(void *ctx)
{
    struct wire *w = ctx;
    ym_engine_scan(w->engine);
    if (w->wish.ready)
        w->wish.ready(w->wish.ready_ctx, w->service);
}

static int mount_open(struct wire *w, struct ym_err *e)
{
    struct stat lib, mnt;
    bool same = fstat(w->store.lib_fd, &lib) == 0 && stat(w->wish.mountpoint, &mnt) == 0 &&
                lib.st_dev == mnt.st_dev && lib.st_ino == mnt.st_ino;
    struct ym_fs_parts p = {.store = &w->store, .service = w->service, .publisher = w->publisher,
                            .drivers = drivers, .mountpoint = w->wish.mountpoint, .in_place = same,
                            .allow_other = w->wish.allow_other, .options = w->wish.options,
                            .ready = mount_ready, .ready_ctx = w};
    return ym_fs_new(&p, &w->fs, e);
}

/* ---- order ---- */
static int start_all(struct wire *w, struct ym_err *e)
{
    int r = ym_store_open(w->wish.library, w->wish.create, &w->store, e);
    if (r < 0)
        return r;
    w->store_open = true;
    if ((r = ym_store_lock(&w->store, e)) < 0)
        return r;
    ym_store_lock_write_pid(&w->store);
    if ((r = ym_service_socket_path(w->wish.library, w->socket, e)) < 0)
        return r;
    /* The publisher before every thread and every handle, the journal before the mount. */
    if (w->wish.mountpoint && (r = ym_publisher_start(&w->publisher, e)) < 0)
        return r;
    if ((r = config_open(w, e)) < 0 || (r = ym_journal_open(w->store.state_fd, YM_JOURNAL_WRITE, &w->journal, e)) < 0)
        return r;
    first_mount(w);
    if ((r = work_open(w, e)) < 0 || (r = engine_open(w, e)) < 0 || (r = service_open(w, e)) < 0)
        return r;
    if (w->wish.mountpoint && (r = mount_open(w, e)) < 0)
        return r;
    ym_engine_start(w->engine);
    return ym_service_listen(w->service, w->socket, e);
}

int wire_start(const struct wire_wish *wish, struct wire **ret, struct ym_err *e)
{
    struct wire *w = ym_alloc(sizeof(*w));
    w->wish = *wish;
    w->log_fd = -1;
    harden();
    if (wish->mountpoint)
        umask(0); /* a mount gives explicit modes; the command line keeps its user's */
    int r = start_all(w, e);
    if (r < 0) {
        wire_stop(w, YM_MS(0));
        return r;
    }
    *ret = w;
    return 0;
}

int wire_loop(struct wire *w)
{
    return ym_fs_loop(w->fs);
}

void wire_stop(struct wire *w, ym_dur wait)
{
    if (!w)
        return;
    if (w->engine)
        ym_engine_stop(w->engine, wait);
    ym_fs_free(w->fs);
    ym_net_free(w->net);
    ym_pool_free(w->pool);
    ym_service_free(w->service);
    ym_engine_free(w->engine);
    ym_journal_close(w->journal);
    ym_publisher_stop(w->publisher);
    ym_config_unref(w->config);
    ym_log_open(-1, YM_INFO);
    if (w->log_fd >= 0)
        close(w->log_fd);
    if (w->store_open)
        ym_store_close(&w->store);
    free(w);
}
