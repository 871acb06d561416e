#include "engine_rig.h"

#include <time.h>
#include <ymago/media.h>

#include "../../src/engine/attempt/run.h"

#define STEP_MS 50
#define PID     4711

/* ---- life ---- */
static ym_mono clock_mono(void *ctx)
{
    return (ym_mono){((struct rig *)ctx)->mono_ns};
}

static ym_wall clock_wall(void *ctx)
{
    return (ym_wall){((struct rig *)ctx)->wall_ms};
}

/* It is noon wherever this runs: no test meets a midnight it did not ask for. */
static void noon(void)
{
    time_t now = time(NULL);
    struct tm tm;
    char tz[16];
    ym_assert(gmtime_r(&now, &tm) != NULL);
    snprintf(tz, sizeof(tz), "RIG%+d", tm.tm_hour - 12);
    setenv("TZ", tz, 1);
    tzset();
}

void rig_configure(struct rig *r, const char *toml)
{
    struct ym_err e = {0};
    bool running = r->e != NULL;
    if (running)
        rig_stop(r);
    ym_config_unref(r->config);
    YM_AUTOFREE char *path = ym_asprintf("%s/.ymago/test.toml", r->base.dir);
    YM_AUTOFREE char *text = ym_asprintf("%s%s", strstr(toml, "[defaults]") ? "" : "[defaults]\nimage_model = \"fal/paint\"\n", toml);
    ym_assert(ym_write_whole(r->base.s.state_fd, "test.toml", text, strlen(text), 0600, &e) == 0);
    struct ym_config_sources s = {.file = path};
    if (ym_config_load(&s, &r->config, &e) < 0)
        fail_msg("%s", e.msg);
    if (running)
        rig_start(r);
}

void rig_allow(struct rig *r, const char *origin)
{
    free(r->allow);
    r->allow = ym_strdup(origin);
    if (r->net)
        ym_net_allow(r->net, (const char *const[]){origin, NULL});
}

void rig_start(struct rig *r)
{
    struct ym_err e = {0};
    ym_assert(!r->e);
    pthread_mutex_lock(&r->lock);
    r->dying = false;
    pthread_mutex_unlock(&r->lock);
    if (ym_journal_open(r->base.s.state_fd, YM_JOURNAL_WRITE, &r->journal, &e) < 0)
        fail_msg("%s", e.msg);
    ym_assert(ym_net_new(&(struct ym_net_options){.user_agent = "test", .allow = (const char *const[]){r->allow, NULL}},
                         &r->net, &e) == 0);
    r->pool = ym_pool_new(3, "test-work");
    struct ym_engine_parts p = {.store = &r->base.s,
                                .journal = r->journal,
                                .net = r->net,
                                .pool = r->pool,
                                .clock = &r->clock,
                                .drivers = rig_drivers(r),
                                .config = r->config,
                                .placer = ym_placer_plain,
                                .mounted = true};
    p.placer.ctx = &r->base.s;
    if (ym_engine_new(&p, &r->e, &e) < 0)
        fail_msg("%s", e.msg);
    ym_engine_start(r->e);
}

static void rig_end(struct rig *r, ym_dur wait, bool killed)
{
    ym_engine_stop(r->e, wait);
    pthread_mutex_lock(&r->lock);
    r->dying = true;
    pthread_cond_broadcast(&r->cond);
    pthread_mutex_unlock(&r->lock);
    ym_net_free(ym_steal(&r->net)); /* first, as the program does: what is out comes back to a pool that is there */
    ym_pool_free(ym_steal(&r->pool));
    ym_engine_free(ym_steal(&r->e));
    if (killed) /* then it did not write down that it ended by itself */
        ym_assert(ym_meta_put(r->journal, "run", "open") == 0);
    ym_journal_close(ym_steal(&r->journal));
}

void rig_stop(struct rig *r)
{
    /* Of the rig's clock, which stands still: only an end of all work ends it. */
    rig_end(r, YM_SEC(30), false);
}

void rig_kill(struct rig *r)
{
    rig_end(r, YM_MS(0), true);
}

void rig_restart(struct rig *r)
{
    rig_kill(r);
    rig_start(r);
}

int rig_setup(void **state)
{
    struct rig *r = ym_alloc(sizeof(*r));
    void *base;
    noon();
    fixture_setup(&base);
    r->base = *(struct fixture *)base;
    free(base);
    r->mono_ns = ym_mono_now().ns +
                 INT64_C(864000000000000); /* ahead, so that the inbox sleeps until told */
    r->wall_ms =
        ym_wall_now().ms + 3600000; /* the disk's clock is the real one: what it dates is past */
    r->clock = (struct ym_clock){clock_mono, clock_wall, r};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->cond, NULL);
    int log = openat(r->base.s.state_fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ym_log_open(log, YM_DEBUG);
    ym_assert(mkdirat(r->base.s.lib_fd, "images", 0755) == 0);
    rig_configure(r, "");
    rig_start(r);
    *state = r;
    return 0;
}

int rig_teardown(void **state)
{
    struct rig *r = *state;
    if (r->e)
        rig_kill(r);
    free(r->allow);
    ym_config_unref(r->config);
    ym_log_open(-1, YM_INFO);
    ym_store_close(&r->base.s);
    tmpdir_remove(r->base.dir);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->cond);
    free(r);
    return 0;
}

/* ---- running code on its thread ---- */
struct errand {
    struct rig *r;
    void (*fn)(struct rig *r, void *ctx);
    void *ctx;
    bool over, ok;
};

static void errand_run(struct ym_engine *e, void *ctx)
{
    (void)e;
    struct errand *a = ctx;
    if (a->fn)
        a->fn(a->r, a->ctx);
}

static void errand_after(void *ctx, bool ok)
{
    struct errand *a = ctx;
    pthread_mutex_lock(&a->r->lock);
    a->over = true;
    a->ok = ok;
    pthread_cond_broadcast(&a->r->cond);
    pthread_mutex_unlock(&a->r->lock);
}

void rig_on(struct rig *r, void (*fn)(struct rig *r, void *ctx), void *ctx)
{
    struct errand a = {.r = r, .fn = fn, .ctx = ctx};
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    ym_engine_post(r->e, errand_run, errand_after, &a);
    pthread_mutex_lock(&r->lock);
    while (!a.over)
        if (pthread_cond_timedwait(&r->cond, &r->lock, &limit) == ETIMEDOUT)
            ym_assert(!"the engine's thread hangs");
    pthread_mutex_unlock(&r->lock);
    assert_true(a.ok);
}

/* ---- time ---- */
struct look {
    bool (*cond)(struct rig *r, void *ctx);
    void *ctx;
    bool held, busy;
};

/* Something is under way on another thread and will report; what waits at the gate does not. */
static bool engine_busy(struct rig *r)
{
    int64_t n = r->e->tasks;
    for (struct run *run = r->e->runs; run; run = run->next)
        n += run->inflight;
    pthread_mutex_lock(&r->lock);
    n -= r->gated;
    pthread_mutex_unlock(&r->lock);
    return n > 0 || r->e->indexing > 0;
}

static void look(struct rig *r, void *ctx)
{
    struct look *l = ctx;
    l->busy = engine_busy(r);
    l->held = l->cond && l->cond(r, l->ctx);
}

bool rig_until(struct rig *r, int64_t ms, bool (*cond)(struct rig *r, void *ctx), void *ctx)
{
    struct timespec nap = {.tv_nsec = 200000};
    int naps = 0;
    for (;;) {
        struct look l = {cond, ctx, false, false};
        rig_on(r, look, &l);
        if (l.held)
            return true;
        if (l.busy) { /* its time does not count */
            ym_assert(naps++ < 100000);
            nanosleep(&nap, NULL);
            continue;
        }
        naps = 0;
        if (ms <= 0)
            return false;
        r->mono_ns += STEP_MS * 1000000LL;
        r->wall_ms += STEP_MS;
        ms -= STEP_MS;
    }
}

static bool never(struct rig *r, void *ctx)
{
    (void)r;
    (void)ctx;
    return false;
}

void rig_advance(struct rig *r, int64_t ms)
{
    rig_until(r, ms, never, NULL);
}

static bool is_idle(struct rig *r, void *ctx)
{
    (void)ctx;
    return engine_idle(r->e) && !engine_busy(r);
}

void rig_idle(struct rig *r)
{
    struct look l = {is_idle, NULL, false, false};
    do { /* what a look finds may be changed by the very round it is in: by a time that has come */
        rig_on(r, NULL, NULL);
        assert_true(rig_until(r, 120000, is_idle, NULL));
        rig_on(r, look, &l);
    } while (!l.held);
    rig_on(r, NULL, NULL); /* whoever waited for it has been told */
}

void rig_wall_shift(struct rig *r, int64_t ms)
{
    r->wall_ms += ms;
}

/* ---- gestures ---- */
static void tell(struct rig *r, enum ym_touch_what what, const char *path, const char *path2,
                 pid_t pid, bool dirty, bool over)
{
    struct ym_touch t = {
        .what = what, .path = path, .path2 = path2, .pid = pid, .dirty = dirty, .over = over};
    ym_engine_touch(r->e, &t);
}

void rig_tell(struct rig *r, enum ym_touch_what what, const char *path, bool dirty)
{
    tell(r, what, path, NULL, PID, dirty, false);
}

void rig_save_pid(struct rig *r, const char *path, const char *text, pid_t pid)
{
    bool is_new = !exists(r->base.s.lib_fd, path);
    if (is_new)
        tell(r, YM_TOUCH_CREATED, path, NULL, pid, false, false);
    tell(r, YM_TOUCH_OPENED, path, NULL, pid, false, false);
    file_put(r->base.s.lib_fd, path, text);
    tell(r, YM_TOUCH_CLOSED, path, NULL, pid, true, false);
}

void rig_save(struct rig *r, const char *path, const char *text)
{
    rig_save_pid(r, path, text, PID);
}

void rig_touch(struct rig *r, const char *path)
{
    assert_int_equal(utimensat(r->base.s.lib_fd, path, NULL, 0), 0);
    tell(r, YM_TOUCH_NOW, path, NULL, PID, false, false);
}

/* What the mount does before a result of ours is lost. */
static void preserve(struct rig *r, const char *path)
{
    struct ym_journal *reader;
    struct ym_digest b2;
    struct ym_err e;
    bool ours = false;
    assert_int_equal(ym_journal_open(r->base.s.state_fd, YM_JOURNAL_READ, &reader, &e), 0);
    assert_int_equal(ym_library_preserve(&r->base.s, reader, path, false, &ours, &b2, &e), 0);
    ym_journal_close(reader);
    if (ours)
        tell(r, YM_TOUCH_PRESERVED, path, NULL, PID, false, false);
}

void rig_unlink(struct rig *r, const char *path)
{
    preserve(r, path);
    assert_int_equal(unlinkat(r->base.s.lib_fd, path, 0), 0);
    tell(r, YM_TOUCH_UNLINKED, path, NULL, PID, false, false);
}

void rig_rename(struct rig *r, const char *from, const char *to)
{
    bool over = exists(r->base.s.lib_fd, to);
    if (over)
        preserve(r, to);
    assert_int_equal(renameat(r->base.s.lib_fd, from, r->base.s.lib_fd, to), 0);
    tell(r, YM_TOUCH_RENAMED, from, to, PID, false, over);
}

/* ---- verbs ---- */
struct verb {
    rig_verb *fn;
    const char *target;
    bool approve;
    ym_money amount;
    int result;
};

static void verb_run(struct rig *r, void *ctx)
{
    struct verb *v = ctx;
    struct ym_err e;
    v->result =
        v->approve ? ym_engine_approve(r->e, v->target, v->amount, &e) : v->fn(r->e, v->target, &e);
}

int rig_do(struct rig *r, rig_verb *fn, const char *target)
{
    struct verb v = {.fn = fn, .target = target};
    rig_on(r, verb_run, &v);
    return v.result;
}

int rig_approve(struct rig *r, const char *target, int64_t micro_usd)
{
    struct verb v = {.target = target, .approve = true, .amount = {micro_usd}};
    rig_on(r, verb_run, &v);
    return v.result;
}

/* ---- looking ---- */
struct job_look {
    const char *path;
    int idx;
    bool found;
    struct ym_slot_row slot;
    struct ym_job_row job;
};

static void slot_look(struct rig *r, void *ctx)
{
    struct job_look *l = ctx;
    l->found = ym_slot_get(r->journal, l->path, l->idx, &l->slot) == 0;
}

static void job_look(struct rig *r, void *ctx)
{
    struct job_look *l = ctx;
    slot_look(r, l);
    if (!l->found)
        return;
    l->found = ym_job_get(r->journal, l->slot.job.s, &l->job) == 0;
    ym_slot_row_fini(&l->slot);
}

bool rig_job(struct rig *r, const char *path, int idx, struct ym_job_row *ret)
{
    struct job_look l = {.path = path, .idx = idx};
    rig_on(r, job_look, &l);
    if (l.found)
        *ret = l.job;
    return l.found;
}

bool rig_slot(struct rig *r, const char *path, int idx, struct ym_slot_row *ret)
{
    struct job_look l = {.path = path, .idx = idx};
    rig_on(r, slot_look, &l);
    if (l.found)
        *ret = l.slot;
    return l.found;
}

enum ym_state rig_state(struct rig *r, const char *path)
{
    struct ym_job_row j;
    if (!rig_job(r, path, 0, &j))
        return YM_JOB_NONE;
    enum ym_state s = j.state;
    ym_job_row_fini(&j);
    return s;
}

void rig_state_is(struct rig *r, const char *path, enum ym_state want)
{
    struct ym_job_row j = {0};
    enum ym_state s = rig_job(r, path, 0, &j) ? j.state : YM_JOB_NONE;
    if (s != want)
        print_error("%s is %s, not %s%s%s\n", path, ym_state_name(s), ym_state_name(want),
                    j.error ? ": " : "", j.error ? j.error : "");
    ym_job_row_fini(&j);
    assert_int_equal(s, want);
}

struct becoming {
    const char *path;
    enum ym_state want;
};

static bool has_become(struct rig *r, void *ctx)
{
    struct becoming *b = ctx;
    struct job_look l = {.path = b->path};
    job_look(r, &l);
    bool yes = (l.found ? l.job.state : YM_JOB_NONE) == b->want;
    if (l.found)
        ym_job_row_fini(&l.job);
    return yes;
}

bool rig_state_becomes(struct rig *r, const char *path, enum ym_state want, int64_t ms)
{
    struct becoming b = {path, want};
    return rig_until(r, ms, has_become, &b);
}

int rig_sent(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
    int n = r->sent;
    pthread_mutex_unlock(&r->lock);
    return n;
}

static void spent_look(struct rig *r, void *ctx)
{
    char day[16];
    ym_wall_day((ym_wall){r->wall_ms}, day);
    *(int64_t *)ctx = ym_spend(r->journal, day, NULL, NULL, false).micro_usd +
                      ym_spend(r->journal, day, NULL, NULL, true).micro_usd;
}

int64_t rig_spent(struct rig *r)
{
    int64_t sum = 0;
    rig_on(r, spent_look, &sum);
    return sum;
}

struct count_look {
    enum ym_state s;
    int64_t n;
};

static void count_look(struct rig *r, void *ctx)
{
    struct count_look *c = ctx;
    int64_t all[YM_JOB_STATE_COUNT];
    ym_assert(ym_job_count(r->journal, all) == 0);
    c->n = all[c->s];
}

int64_t rig_count(struct rig *r, enum ym_state s)
{
    struct count_look c = {s, 0};
    rig_on(r, count_look, &c);
    return c.n;
}

bool rig_has(struct rig *r, const char *path)
{
    return exists(r->base.s.lib_fd, path);
}

char *rig_text(struct rig *r, const char *path)
{
    char *text = NULL;
    const char *base;
    YM_AUTOCLOSE int dir = ym_store_parent(&r->base.s, path, &base);
    return dir < 0 || ym_read_whole(dir, base, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

struct ym_digest rig_picture(struct rig *r, const char *path)
{
    struct ym_media_info info;
    struct ym_digest b2;
    struct ym_err e;
    int64_t size;
    YM_AUTOCLOSE int fd = ym_store_openat(&r->base.s, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        fail_msg("%s is not there", path);
    assert_int_equal(ym_digest_fd(fd, &b2, &size), 0);
    assert_int_equal(ym_media_probe_fd(fd, size, &info, &e), 0);
    return b2;
}

bool rig_has_object(struct rig *r, const struct ym_digest *b2)
{
    YM_AUTOCLOSE int fd = ym_object_open(&r->base.s, b2, "png");
    return fd >= 0;
}

int rig_notes(struct rig *r, const char *folder, const char *part)
{
    YM_AUTOCLOSE int dir =
        ym_store_openat(&r->base.s, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return dir < 0 ? 0 : count_names(dir, part);
}
