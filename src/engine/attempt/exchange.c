/* Carrying out what a driver asked for: requests on the net thread, computations on a worker. */
#include "run.h"

#include <fcntl.h>
#include <unistd.h>

struct exchange {
    struct ym_msg msg;           /* first: travels net -> worker -> engine */
    struct run *run;
    struct receive rx;
    struct asked *asked;         /* what it belongs to; referenced */
    const struct ym_http *http;  /* into asked->nx; NULL for a computation */
    struct ym_secret *basic;     /* "user:password" in base64; owned */
    struct ym_call call;         /* for work */
    struct ym_err prepare;       /* opening the references failed */
    int place;                   /* whose, in a carrier; -1 = no member's */
};

static void exchange_free(struct exchange *x)
{
    receive_fini(&x->rx);
    asked_unref(x->asked);
    ym_secret_free(x->basic);
    free(x);
}

static void exchange_drop(struct ym_msg *m)
{
    exchange_free((struct exchange *)m);
}

static struct exchange *exchange_new(struct ym_engine *e, struct run *run, struct asked *a, const struct ym_http *h)
{
    struct exchange *x = ym_alloc(sizeof(*x));
    x->run = run;
    x->asked = a;
    x->http = h;
    x->place = -1;
    a->refs++;
    receive_init(&x->rx, e->p.store, run->row.id.s, run->row.tries_total, run->named, h);
    run->named += RECEIVE_MEDIA;
    run->inflight++;
    return x;
}

/* ---- back on the engine's thread ---- */
static void media_take(struct run *run, struct receive *rx)
{
    for (unsigned i = 0; i < rx->nmedia; i++)
        if (run->nmedia < RECEIVE_MEDIA)
            received_add(&run->media, &run->nmedia, &run->media_room, &rx->media[i]);
        else if (rx->media[i].whole.name[0])
            ym_staging_remove(rx->store, rx->media[i].whole.name);
    rx->nmedia = 0;
}

static const struct ym_err *exchange_error(const struct exchange *x)
{
    if (x->prepare.cls != YM_OK)
        return &x->prepare;
    if (x->rx.err.cls != YM_OK)
        return &x->rx.err;
    return x->rx.result.err.cls != YM_OK ? &x->rx.result.err : NULL;
}

static void exchange_reply(struct ym_engine *e, struct exchange *x)
{
    struct run *run = x->run;
    struct ym_reply rep = {.tag = x->http ? x->http->tag : x->asked->nx.work_tag,
                           .status = x->rx.status,
                           .headers = (const char *const *)x->rx.headers,
                           .json = x->rx.json,
                           .text = x->rx.text.data ? x->rx.text.data : "",
                           .sieve = x->rx.sieve,
                           .media_first = run->nmedia};
    if (x->asked == run->aside) {
        aside_reply(e, run, &rep, x->rx.media, x->rx.nmedia);
        receive_discard(&x->rx);
    } else {
        media_take(run, &x->rx);
        run_step(e, run, &rep);
    }
}

static void exchange_back(void *owner, struct ym_msg *m)
{
    struct ym_engine *e = owner;
    struct exchange *x = (struct exchange *)m;
    struct run *run = x->run;
    const struct ym_err *failed = exchange_error(x);
    bool aside = x->asked == run->aside;
    run->inflight--;
    if (run->ended || (!aside && x->asked != run->now)) {
        receive_discard(&x->rx); /* nobody waits for it any more */
    } else if (failed) {
        struct ym_err err = *failed;
        receive_discard(&x->rx);
        if (aside)
            aside_failed(e, run, &err);
        else if (!run->members || !carrier_refused(e, run, x->place, &err))
            run_exchange_failed(e, run, x->http ? x->http->effect : YM_PAYS, &err);
    } else {
        exchange_reply(e, x);
    }
    exchange_free(x);
}

static void exchange_finish(void *owner, struct ym_msg *m)
{
    (void)owner;
    struct exchange *x = (struct exchange *)m;
    struct ym_engine *e = x->run->e;
    receive_finish(&x->rx);
    x->msg = (struct ym_msg){.run = exchange_back, .drop = exchange_drop};
    ym_inbox_post(e->in, &x->msg);
}

/* ---- on the net thread ---- */
static int exchange_head(void *ctx, const struct ym_head *h)
{
    struct exchange *x = ctx;
    return receive_head(&x->rx, h);
}

static int exchange_body(void *ctx, const void *data, size_t len, struct ym_err *err)
{
    struct exchange *x = ctx;
    return receive_body(&x->rx, data, len, err);
}

struct off_wire { /* posted at once, while a worker still stores the reply */
    struct ym_msg msg;
    struct exchange *x; /* its way back begins behind this message */
};

static void off_wire_free(struct ym_msg *m)
{
    free(m);
}

/* The last request of an attempt is the one that brings media: the next job may go. */
static void off_wire_run(void *owner, struct ym_msg *m)
{
    struct ym_engine *e = owner;
    const struct exchange *x = ((struct off_wire *)m)->x;
    struct run *run = x->run;
    bool media = x->http->raw_media || x->http->media_keys;
    if (run->inflight == 1 && !run->ended && x->asked == run->now && media)
        run_off_wire(run);
    e->status_dirty = true;
    free(m);
}

static void exchange_done(void *ctx, const struct ym_net_result *r)
{
    struct exchange *x = ctx;
    x->rx.result = *r;
    struct off_wire *o = ym_alloc(sizeof(*o));
    *o = (struct off_wire){.msg = {.run = off_wire_run, .drop = off_wire_free}, .x = x};
    ym_inbox_post(x->run->e->in, &o->msg);
    x->msg = (struct ym_msg){.run = exchange_finish, .drop = exchange_drop};
    ym_pool_post(x->run->e->p.pool, &x->msg, true);
}

/* ---- references: opened and checked against the digests that the request was identified by ---- */
static int ref_open(const struct ym_store *s, const struct ym_ref *ref, struct ym_err *err)
{
    struct ym_digest now;
    int64_t size;
    int fd = ym_store_openat(s, ref->path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return ym_fail(err, YM_INVALID, -fd, "The reference %s is not there any more: put it back and save the prompt.", ref->path);
    if (ym_digest_fd(fd, &now, &size) < 0 || !ym_digest_eq(&now, &ref->b2)) {
        close(fd);
        return ym_fail(err, YM_INVALID, ESTALE, "The reference %s changed before it was sent: save the prompt again.", ref->path);
    }
    return fd;
}

int workflow_read(const struct ym_store *s, const struct ym_ref *ref, char **ret, size_t *ret_len, struct ym_err *err)
{
    YM_AUTOCLOSE int fd = ref_open(s, ref, err);
    if (fd < 0)
        return fd;
    int r = ym_read_fd(fd, 1 << 20, ret, ret_len);
    return r < 0 ? ym_fail(err, YM_LOCAL, -r, "The workflow %s cannot be read.", ref->path) : 0;
}

static int media_open(const struct ym_store *s, const struct received *m)
{
    return openat(s->staging_fd, m->whole.name, O_RDONLY | O_CLOEXEC);
}

/* The reference that a part names: of the request, or of one member's. */
static const struct ym_ref *part_ref(const struct run *run, const struct ym_part *p)
{
    const struct ym_request *q = &run->req;
    if (run->members) {
        ym_assert(p->member < run->members->n && run->members->v[p->member]);
        q = &run->members->v[p->member]->req;
    }
    ym_assert(p->index < q->nrefs);
    return &q->refs[p->index];
}

/* One that an earlier piece of this request has open: members often share them. */
static int ref_shared(const struct exchange *x, const struct ym_piece *pieces, unsigned n, const struct ym_ref *ref)
{
    for (unsigned i = 0; i < n; i++) {
        const struct ym_part *p = &x->http->parts[i];
        if (p->type != YM_PART_REF && p->type != YM_PART_REF_B64)
            continue;
        const struct ym_ref *other = part_ref(x->run, p);
        if (strcmp(other->path, ref->path) == 0 && ym_digest_eq(&other->b2, &ref->b2))
            return pieces[i].fd;
    }
    return -1;
}

static int part_open(struct exchange *x, const struct ym_piece *pieces, unsigned at, struct ym_err *err)
{
    struct run *run = x->run;
    const struct ym_part *p = &x->http->parts[at];
    int fd;
    if (p->type == YM_PART_REF || p->type == YM_PART_REF_B64) {
        const struct ym_ref *ref = part_ref(run, p);
        int shared = ref_shared(x, pieces, at, ref);
        if (shared >= 0)
            return shared;
        fd = ref_open(run->e->p.store, ref, err);
        if (fd < 0 && run->members)
            x->place = (int)p->member;
    } else {
        ym_assert(p->index < run->nmedia);
        fd = media_open(run->e->p.store, &run->media[p->index]);
        if (fd < 0)
            return ym_fail(err, YM_LOCAL, errno, "A file on its way cannot be opened: %s.", strerror(errno));
    }
    if (fd >= 0)
        receive_keep_fd(&x->rx, fd);
    return fd;
}

/* Turns the driver's parts into pieces with open files. */
static int pieces_make(struct exchange *x, struct ym_piece *pieces, struct ym_err *err)
{
    struct run *run = x->run;
    for (unsigned i = 0; i < x->http->nparts; i++) {
        const struct ym_part *p = &x->http->parts[i];
        if (p->type == YM_PART_TEXT) {
            pieces[i] = (struct ym_piece){.type = YM_PIECE_BYTES, .data = p->text, .len = p->len};
            continue;
        }
        bool ref = p->type == YM_PART_REF || p->type == YM_PART_REF_B64;
        bool b64 = p->type == YM_PART_REF_B64 || p->type == YM_PART_MEDIA_B64;
        int fd = part_open(x, pieces, i, err);
        if (fd < 0)
            return fd;
        pieces[i] = (struct ym_piece){.type = b64 ? YM_PIECE_FILE_B64 : YM_PIECE_FILE, .fd = fd,
                                      .size = ref ? part_ref(run, p)->size : run->media[p->index].whole.size};
    }
    return 0;
}

static void exchange_submit(struct exchange *x)
{
    struct ym_engine *e = x->run->e;
    struct ym_header headers[HEADERS_MAX];
    struct ym_provider_conf pc;
    struct ym_config *c = ym_engine_config(e);
    ym_config_provider(c, x->run->driver->name, &pc);
    YM_AUTOFREE struct ym_piece *pieces = ym_alloc_array(x->http->nparts + 1u, sizeof(*pieces));
    if (headers_make(x->http, x->run->driver, pc.key, &x->basic, headers, &x->prepare) < 0 || pieces_make(x, pieces, &x->prepare) < 0) {
        x->msg = (struct ym_msg){.run = exchange_back, .drop = exchange_drop};
        ym_inbox_post(e->in, &x->msg);
    } else {
        struct ym_net_request q = {.method = x->http->method, .url = x->http->url, .headers = headers,
                                   .pieces = pieces, .npieces = x->http->nparts, .effect = x->http->effect,
                                   .connect_timeout = YM_SEC(ym_config_int(c, "net.connect_timeout_seconds")),
                                   .timeout = x->http->timeout.ms > 0 ? x->http->timeout : driver_timeout(x->run->driver, &pc),
                                   .max_reply = x->http->max_reply,
                                   .sink = {exchange_head, exchange_body, exchange_done, x}};
        ym_net_submit(e->p.net, &q);
    }
    ym_config_unref(c);
}

/* On a worker when files have to be read and digested first. */
static void exchange_prepare(void *owner, struct ym_msg *m)
{
    (void)owner;
    exchange_submit((struct exchange *)m);
}

static void exchange_go(struct ym_engine *e, void *ctx)
{
    struct exchange *x = ctx;
    bool files = false;
    for (unsigned i = 0; i < x->http->nparts; i++)
        files |= x->http->parts[i].type != YM_PART_TEXT;
    if (!files) {
        exchange_submit(x);
        return;
    }
    x->msg = (struct ym_msg){.run = exchange_prepare, .drop = exchange_drop};
    ym_pool_post(e->p.pool, &x->msg, true);
}

void exchange_all(struct ym_engine *e, struct run *run, struct asked *a)
{
    ym_assert(a->nx.nhttp >= 1 && a->nx.nhttp <= YM_COUNT(a->nx.http));
    for (unsigned i = 0; i < a->nx.nhttp; i++)
        engine_after_commit(e, exchange_go, exchange_new(e, run, a, &a->nx.http[i]));
}

/* ---- computations ---- */
static int work_begin(void *ctx, unsigned index, int64_t expect, struct ym_err *err)
{
    struct exchange *x = ctx;
    return receive_begin(&x->rx, index, expect, err);
}

static int work_write(void *ctx, unsigned index, const void *data, size_t len, struct ym_err *err)
{
    struct exchange *x = ctx;
    return receive_write(&x->rx, index, data, len, err);
}

static int work_end(void *ctx, unsigned index, struct ym_err *err)
{
    struct exchange *x = ctx;
    ym_assert(index < x->rx.nmedia && x->rx.media[index].st);
    return ym_staging_written(x->rx.media[index].st, err);
}

static void work_progress(void *ctx, double fraction)
{
    struct exchange *x = ctx;
    live_set(x->run->e, &x->run->row.id, fraction, NULL);
}

static bool work_stopped(void *ctx)
{
    struct exchange *x = ctx;
    return atomic_load(&x->run->cancelled);
}

static int work_fd(void *ctx, unsigned index)
{
    struct exchange *x = ctx;
    ym_assert(index < x->rx.nmedia && x->rx.media[index].st);
    return ym_staging_fd(x->rx.media[index].st);
}

static void work_run(void *owner, struct ym_msg *m)
{
    (void)owner;
    struct exchange *x = (struct exchange *)m;
    struct run *run = x->run;
    struct ym_media_out out = {.begin = work_begin, .write = work_write, .end = work_end, .progress = work_progress,
                               .stopped = work_stopped, .fd = work_fd, .ctx = x};
    int r = 0;
    for (unsigned i = 0; i < YM_COUNT(out.ref_fds); i++)
        out.ref_fds[i] = -1;
    for (unsigned i = 0; i < run->req.nrefs && i < YM_COUNT(out.ref_fds) && r == 0; i++) {
        if (run->req.refs[i].is_url)
            continue;
        int fd = ref_open(run->e->p.store, &run->req.refs[i], &x->prepare);
        if (fd < 0)
            r = fd;
        else
            receive_keep_fd(&x->rx, out.ref_fds[i] = fd);
    }
    if (r == 0)
        r = x->asked->nx.work(&x->call, &out, &x->prepare);
    ym_assert(r == 0 || x->prepare.cls != YM_OK);
    if (r == 0)
        receive_finish(&x->rx);
    x->msg = (struct ym_msg){.run = exchange_back, .drop = exchange_drop};
    ym_inbox_post(run->e->in, &x->msg);
}

static void work_go(struct ym_engine *e, void *ctx)
{
    struct exchange *x = ctx;
    x->msg = (struct ym_msg){.run = work_run, .drop = exchange_drop};
    ym_pool_post(e->p.pool, &x->msg, false);
}

void work_start(struct ym_engine *e, struct run *run)
{
    struct exchange *x = exchange_new(e, run, run->now, NULL);
    run_call(run, &x->call);
    engine_after_commit(e, work_go, x);
}
