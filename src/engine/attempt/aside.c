/* Requests beside the one that is awaited: looks at its progress, and calling it off. They are safe,
 * never decide what becomes of the money on their own, and their failure costs nothing but the look. */
#include "run.h"

#include <fcntl.h>
#include <unistd.h>

#define CANCEL_TRIES 4
#define PREVIEW_MAX  (4 << 20)

static int aside_call(struct run *run, struct ym_reply *rep, struct ym_next *ret, struct ym_err *err)
{
    struct ym_call call;
    run_call(run, &call);
    if (run->aside_what == ASIDE_CANCEL && run->members)
        return run->driver->gather->cancel(&call, &run->state, rep, ret, err);
    if (run->aside_what == ASIDE_CANCEL)
        return run->driver->cancel(&call, &run->state, rep, ret, err);
    return run->driver->progress(&call, run->state, rep, ret, err);
}

static void aside_over(struct run *run)
{
    asked_unref(ym_steal(&run->aside));
    run->aside_what = ASIDE_NONE;
    run->aside_at = (ym_mono){0};
}

/* ---- calling it off ---- */
void run_called_off(struct ym_engine *e, struct run *run, bool known, ym_money cost)
{
    struct ym_err err;
    char m[32];
    if (run->driver->is_free || (known && cost.micro_usd == 0))
        ym_fail(&err, YM_CANCELLED, ECANCELED, "Cancelled at the provider; nothing was billed.");
    else if (known)
        ym_fail(&err, YM_CANCELLED, ECANCELED, "Cancelled at the provider; %s was billed.", ym_money_format(cost, m));
    else
        ym_fail(&err, YM_CANCELLED, ECANCELED, "Cancelled at the provider; whether it was billed is not known, up to %s counts as spent.",
                ym_money_format(run->reserved, m));
    if (!run->now)
        run->now = asked_new();
    run->now->nx.cost_known = known || run->driver->is_free;
    run->now->nx.cost = cost;
    run_fail(e, run, &err);
}

static void cancel_done(struct ym_engine *e, struct run *run, const struct ym_next *nx)
{
    if (nx->runs_on)
        run_live(e, run, -1, run->members ? "" : "could not be stopped any more; what is paid for arrives");
    else if (run->members)
        carrier_called_off(e, run, nx);
    else
        run_called_off(e, run, nx->cost_known, nx->cost_known ? nx->cost : (ym_money){0});
}

/* ---- looking ---- */
static void preview_keep(struct ym_engine *e, struct run *run, const struct received *m)
{
    YM_AUTOCLOSE int fd = m->is_media ? openat(e->p.store->staging_fd, m->whole.name, O_RDONLY | O_CLOEXEC) : -1;
    char *bytes = NULL;
    size_t len = 0;
    if (fd >= 0 && strncmp(m->mime, "image/", 6) == 0 && ym_read_fd(fd, PREVIEW_MAX, &bytes, &len) == 0)
        live_preview(e, &run->row.id, bytes, len);
}

static void progress_done(struct ym_engine *e, struct run *run, const struct ym_next *nx, const struct received *media,
                          unsigned nmedia)
{
    live_set(e, &run->row.id, nx->progress, nx->detail);
    if (nx->nmedia && nx->media[0] < nmedia)
        preview_keep(e, run, &media[nx->media[0]]);
    run->aside_at = ym_mono_add(engine_mono(e), nx->wait.ms < 500 ? YM_MS(500) : nx->wait);
    engine_at(e, run->aside_at);
}

/* ---- both ---- */
static void aside_step(struct ym_engine *e, struct run *run, struct ym_reply *rep, const struct received *media, unsigned nmedia)
{
    struct ym_err err = {.cls = YM_OK};
    struct asked *a = asked_new();
    enum aside_what what = run->aside_what;
    if (aside_call(run, rep, &a->nx, &err) < 0) {
        asked_unref(a);
        aside_failed(e, run, &err);
        return;
    }
    if (a->nx.what == YM_NEXT_SEND) {
        asked_unref(run->aside);
        run->aside = a;
        exchange_all(e, run, a);
        return;
    }
    aside_over(run);
    if (what == ASIDE_CANCEL)
        cancel_done(e, run, &a->nx);
    else
        progress_done(e, run, &a->nx, media, nmedia);
    asked_unref(a);
}

void aside_begin(struct ym_engine *e, struct run *run, enum aside_what what)
{
    if (run->aside_what != ASIDE_NONE || run->ended)
        return; /* once the other is back: see aside_tick */
    if (what == ASIDE_CANCEL)
        run->cancel_wanted = false;
    run->aside_what = what;
    aside_step(e, run, NULL, NULL, 0);
}

void aside_reply(struct ym_engine *e, struct run *run, struct ym_reply *rep, const struct received *media, unsigned nmedia)
{
    YM_AUTOFREE struct ym_staged *staged = staged_show(media, nmedia);
    rep->media = staged;
    rep->nmedia = nmedia;
    rep->media_first = 0;
    aside_step(e, run, rep, media, nmedia);
}

void aside_failed(struct ym_engine *e, struct run *run, const struct ym_err *err)
{
    bool cancel = run->aside_what == ASIDE_CANCEL;
    aside_over(run);
    ym_log(cancel ? YM_INFO : YM_DEBUG, "engine", "job=%s %s: %s", run->row.id.s, cancel ? "cancelling failed" : "a look failed",
           err->msg);
    if (cancel && ++run->cancel_tries < CANCEL_TRIES) {
        run->cancel_wanted = true;
        run->aside_at = ym_mono_add(engine_mono(e), YM_MS(500 << run->cancel_tries));
        engine_at(e, run->aside_at);
    }
}

void aside_tick(struct ym_engine *e, struct run *run)
{
    ym_mono now = engine_mono(e);
    if (run->aside_what != ASIDE_NONE || (!run->aside_at.ns && !run->cancel_wanted))
        return;
    if (run->aside_at.ns > now.ns) {
        engine_at(e, run->aside_at);
    } else if (run->cancel_wanted) {
        aside_begin(e, run, ASIDE_CANCEL);
    } else {
        run->aside_at = (ym_mono){0};
        if (run->inflight > 0 && !run->waiting) /* the paying request is still out */
            aside_begin(e, run, ASIDE_PROGRESS);
    }
}
