/* A provider's replies may be any JSON, any bytes, under any status, in any order: every driver ends in
 * words, never in harm. The input is a case of tests/replay: of its sections [job] and [reply] are read.
 * Each driver plays it, with the job's model and with its own. */
#include "fuzz.h"

#include <errno.h>

#include "registry.h"

#define REPLIES_MAX 12
#define MEDIA_MAX   32

struct reply {
    const char *text;
    size_t len;
};

struct input {
    cJSON *job;
    struct reply replies[REPLIES_MAX];
    unsigned n;
};

enum slot { SLOT_STEP, SLOT_CANCEL, SLOT_PROGRESS, SLOT_LIST, SLOT_GATHER, SLOT_COUNT };

struct table { /* the play of one driver */
    enum slot slot;
    const struct ym_driver *driver;
    struct ym_request req;
    struct ym_model model;
    struct ym_call call;
    cJSON *state;
    struct ym_staged media[MEDIA_MAX];
    unsigned nmedia;
};

static int sink_begin(void *ctx, unsigned index)
{
    struct table *t = ctx;
    (void)index;
    if (t->nmedia == MEDIA_MAX)
        return -E2BIG;
    static const char *const mimes[] = {"image/png", "video/mp4", "", "audio/mpeg", "image/jpeg"};
    const char *mime = mimes[t->nmedia % YM_COUNT(mimes)];
    t->media[t->nmedia++] = (struct ym_staged){100, mime, *mime != '\0'};
    return 0;
}

static int sink_data(void *ctx, unsigned index, const uint8_t *data, size_t len)
{
    (void)ctx, (void)index, (void)data, (void)len;
    return 0;
}

static int sink_end(void *ctx, unsigned index)
{
    (void)ctx, (void)index;
    return 0;
}

/* ---- the input ---- */
static void section_add(struct input *in, const char *name, const char *text, size_t len)
{
    if (strncmp(name, "[job]", 5) == 0 && !in->job)
        ym_json_parse(text, len, 1 << 20, &in->job, NULL);
    else if (strncmp(name, "[reply]", 7) == 0 && in->n < REPLIES_MAX)
        in->replies[in->n++] = (struct reply){text, len};
}

static void input_read(struct input *in, const char *text)
{
    const char *name = NULL, *begin = NULL;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line != '[')
            continue;
        if (name)
            section_add(in, name, begin, (size_t)(line - begin));
        name = line;
        begin = line + strcspn(line, "\n");
        begin += *begin == '\n';
    }
    if (name)
        section_add(in, name, begin, strlen(begin));
}

/* ---- a play ---- */
static void refs_make(struct ym_request *req, const cJSON *refs)
{
    const cJSON *in;
    req->refs = ym_alloc_array(9, sizeof(*req->refs));
    cJSON_ArrayForEach (in, refs) {
        struct ym_ref *r = &req->refs[req->nrefs];
        if (req->nrefs == 8)
            return;
        req->nrefs++;
        r->path = ym_strdup(ym_json_str_or(in, "path", "a.png"));
        r->is_url = ym_json_bool(in, "url", false);
        r->size = 100;
        snprintf(r->mime, sizeof(r->mime), "%s", ym_json_str_or(in, "mime", "image/png"));
        for (enum ym_ref_role k = YM_REF_REFERENCE; k < YM_REF_ROLE_COUNT; k++)
            if (strcmp(ym_json_str_or(in, "role", "reference"), ym_ref_role_name(k)) == 0)
                r->role = k;
    }
}

static bool slot_is_there(const struct ym_driver *d, enum slot s)
{
    return s == SLOT_STEP || (s == SLOT_CANCEL && d->cancel) || (s == SLOT_PROGRESS && d->progress) ||
           (s == SLOT_LIST && d->list) || (s == SLOT_GATHER && d->gather);
}

static bool table_set(struct table *t, const struct ym_driver *d, const cJSON *job, bool own_model, enum slot slot)
{
    const cJSON *state = ym_json_get(job, "state");
    enum ym_kind kind = ym_kind_parse(ym_json_str_or(job, "kind", "image"));
    const cJSON *params = ym_json_get(job, "params");
    if (kind == YM_KIND_NONE)
        return false;
    const char *id = own_model ? d->default_model[kind] : ym_json_str(job, "model");
    if (!id)
        return false;
    if (!slot_is_there(d, slot))
        return false;
    t->driver = d;
    t->slot = slot;
    /* A stored state is one that the driver wrote: it is only played to the slots that read it. */
    t->state = state && slot != SLOT_STEP && slot != SLOT_GATHER && slot != SLOT_LIST ? cJSON_Duplicate(state, true) : NULL;
    t->req = (struct ym_request){.kind = kind, .provider = ym_strdup(d->name), .model = ym_strdup(id),
                                 .prompt = ym_strdup(ym_json_str_or(job, "prompt", "a fox")),
                                 .negative = ym_strdup(ym_json_str(job, "negative")),
                                 .params = cJSON_IsObject(params) ? cJSON_Duplicate(params, true) : cJSON_CreateObject()};
    refs_make(&t->req, ym_json_get(job, "refs"));
    const struct ym_model *m = ym_driver_model(d, id);
    t->model = m ? *m : (struct ym_model){.id = t->req.model, .max_refs = 16, .prices = {-1, -1, -1, -1, -1, -1, -1, false}};
    t->model.params = ym_driver_params(d, &t->model, kind);
    t->call = (struct ym_call){.job_id = "01M7WERQ9J14596T8D4H0YTZ90", .attempt = 1, .req = &t->req, .model = &t->model,
                               .prices = t->model.prices, .base_url = d->base_url ? d->base_url : "",
                               .has_key = true, .timeout = YM_SEC(300)};
    return true;
}

static void error_is_words(const struct ym_err *e)
{
    ym_assert(e->cls != YM_OK && e->cls < YM_CLASS_COUNT && e->msg[0] && e->retry_after.ms >= 0);
}

static void next_is_sound(const struct table *t, const struct ym_next *n)
{
    for (unsigned i = 0; i < n->nmedia; i++)
        ym_assert(n->media[i] < t->nmedia);
    for (unsigned i = 0; i < n->nhttp; i++) {
        ym_assert(n->http[i].url && *n->http[i].url && n->http[i].method);
        for (unsigned k = 0; k < n->http[i].nheaders; k++) /* a key goes nowhere but home */
            ym_assert(!n->http[i].headers[k].credential || strncmp(n->http[i].url, "http", 4) == 0);
    }
    ym_assert(n->what != YM_NEXT_WAIT || n->wait.ms >= 0);
    ym_assert(!n->cost_known || n->cost.micro_usd >= 0);
    if (n->what == YM_NEXT_SEND)
        ym_assert(n->nhttp > 0);
}

static int slot_call(struct table *t, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    const struct ym_driver *d = t->driver;
    const struct ym_call two[] = {t->call, t->call};
    switch (t->slot) {
    case SLOT_CANCEL:
        return d->cancel(&t->call, &t->state, rep, n, e);
    case SLOT_PROGRESS:
        return d->progress(&t->call, t->state, rep, n, e);
    case SLOT_LIST:
        return d->list(&t->call, &t->state, rep, n, e);
    case SLOT_GATHER:
        return d->gather->step(&t->call, two, 2, &t->state, rep, n, e);
    case SLOT_STEP:
    case SLOT_COUNT:
        break;
    }
    return d->step(&t->call, &t->state, rep, n, e);
}

static int step(struct table *t, const struct ym_reply *rep, struct ym_next *n)
{
    struct ym_err e = {.cls = YM_OK};
    ym_next_fini(n);
    *n = (struct ym_next){.progress = -1};
    int r = slot_call(t, rep, n, &e);
    if (r < 0)
        error_is_words(&e);
    else
        next_is_sound(t, n);
    return r;
}

static int reply_give(struct table *t, const struct reply *r, struct ym_next *n)
{
    static const char *const headers[] = {"retry-after: 5", "x-goog-upload-url: https://example.invalid/up", NULL};
    static const char *const none[] = {NULL};
    const struct ym_http h = n->http[0];
    const char *body = memmem(r->text, r->len, "\n\n", 2);
    size_t at = body ? (size_t)(body + 2 - r->text) : r->len;
    YM_AUTOFREE char *text = ym_strndup(r->text + at, r->len - at);
    struct ym_reply rep = {.tag = h.tag, .status = (int)strtol(r->text, NULL, 10), .headers = headers, .text = text,
                           .media_first = t->nmedia};
    struct ym_sieve_spec spec = {.media_keys = h.media_keys ? h.media_keys : none, .long_string = h.keep_text};
    struct ym_sieve_sink sink = {sink_begin, sink_data, sink_end, t};
    struct ym_sieve *s = ym_sieve_new(&spec, &sink);
    cJSON *doc = NULL;
    bool raw = h.raw_media && rep.status / 100 == 2;
    if (raw)
        sink_begin(t, 0);
    else if (ym_sieve_feed(s, text, strlen(text)) == 0)
        ym_sieve_end(s, &doc, NULL);
    rep.json = doc;
    rep.sieve = raw ? NULL : s;
    rep.media = t->media;
    rep.nmedia = t->nmedia;
    int rc = step(t, &rep, n);
    cJSON_Delete(doc);
    ym_sieve_free(s);
    return rc;
}

static void play(struct table *t, const struct input *in)
{
    struct ym_next n = {0};
    struct ym_err e = {.cls = YM_OK};
    struct ym_estimate est;
    if (t->driver->check(&t->call, &e) < 0 ||
        (t->slot == SLOT_GATHER && t->driver->gather->check(&t->call, &e) < 0)) {
        error_is_words(&e);
        return;
    }
    if ((t->slot == SLOT_CANCEL || t->slot == SLOT_PROGRESS) && !t->state)
        return; /* nothing is under way */
    if (t->driver->price && t->driver->price(&t->call, &est, &e) == 0)
        ym_assert(est.low.micro_usd >= 0 && est.high.micro_usd >= est.low.micro_usd);
    int r = step(t, NULL, &n);
    for (unsigned i = 0; r == 0 && i < in->n; i++) {
        for (int looks = 0; r == 0 && n.what == YM_NEXT_WAIT && looks < 3; looks++)
            r = step(t, NULL, &n);
        if (r < 0 || n.what != YM_NEXT_SEND)
            break;
        r = reply_give(t, &in->replies[i], &n);
    }
    ym_next_fini(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    YM_AUTOFREE char *text = ym_strndup((const char *)data, size);
    struct input in = {0};
    input_read(&in, text);
    for (const struct ym_driver *const *d = drivers; in.job && *d; d++)
        for (unsigned k = 0; k < 2 * SLOT_COUNT; k++) {
            struct table t = {0};
            if (table_set(&t, *d, in.job, k % 2, (enum slot)(k / 2)))
                play(&t, &in);
            cJSON_Delete(t.state);
            ym_request_fini(&t.req);
        }
    cJSON_Delete(in.job);
    return 0;
}
