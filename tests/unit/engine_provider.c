/* The fake provider: three drivers that make their pictures by themselves, as they are told to. */
#include "engine_rig.h"

#include <zlib.h>

static struct rig *the_rig; /* drivers have no context of their own: one rig at a time */

static void chunk_add(struct ym_buf *b, const char *type, const void *data, size_t len)
{
    uint8_t n[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    ym_buf_add(b, n, 4);
    size_t at = b->len;
    ym_buf_add(b, type, 4);
    ym_buf_add(b, data, len);
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)b->data + at, (uInt)(len + 4));
    uint8_t c[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    ym_buf_add(b, c, 4);
}

static void picture_make(const struct ym_request *q, struct ym_buf *b)
{
    static const uint8_t head[13] = {0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0}; /* 4 x 4, RGB */
    uint8_t rows[4 * 13] = {0}, packed[256];
    uLongf n = sizeof(packed);
    YM_AUTOFREE char *text = ym_asprintf("prompt%c%s #%lld", 0, q->prompt, (long long)q->variation);
    size_t len = strlen("prompt") + 1 + strlen(text + strlen("prompt") + 1);
    struct ym_digest d = ym_digest_of(text, len);
    for (int y = 0; y < 4; y++)
        memcpy(rows + y * 13 + 1, d.b + y * 4, 12);
    ym_assert(compress(packed, &n, rows, sizeof(rows)) == Z_OK);
    ym_buf_add(b, "\x89PNG\r\n\x1a\n", 8);
    chunk_add(b, "IHDR", head, sizeof(head));
    chunk_add(b, "tEXt", text, len);
    chunk_add(b, "IDAT", packed, n);
    chunk_add(b, "IEND", "", 0);
}

void rig_draw(const char *prompt, struct ym_buf *b)
{
    struct ym_request q = {.prompt = (char *)(uintptr_t)prompt};
    ym_buf_init(b, 1 << 16);
    picture_make(&q, b);
}

struct ym_digest rig_drawn(const char *prompt)
{
    struct ym_buf b;
    rig_draw(prompt, &b);
    struct ym_digest d = ym_digest_of(b.data, b.len);
    ym_buf_fini(&b);
    return d;
}

static int fake_fail(const struct play *p, struct ym_err *e)
{
    int r = ym_fail(e, p->cls, EIO, "The fake provider says %s.", ym_class_name(p->cls));
    e->retry_after = YM_MS(p->retry_after_ms);
    e->until_reset = p->until_reset;
    snprintf(e->words, sizeof(e->words), "words of the fake provider");
    return r;
}

static int gate_wait(struct ym_err *e)
{
    struct rig *r = the_rig;
    pthread_mutex_lock(&r->lock);
    r->gated++;
    pthread_cond_broadcast(&r->cond);
    while (!r->gate_open && !r->dying)
        pthread_cond_wait(&r->cond, &r->lock);
    r->gated--;
    bool dying = r->dying;
    pthread_mutex_unlock(&r->lock);
    return dying ? ym_fail(e, YM_AMBIGUOUS, EINTR, "Nobody is left to read this.") : 0;
}

static struct play play_of(const struct ym_request *q)
{
    struct rig *r = the_rig;
    struct play p = {0};
    pthread_mutex_lock(&r->lock);
    ym_assert(r->sent < (int)YM_COUNT(r->prompts));
    snprintf(r->prompts[r->sent], sizeof(r->prompts[0]), "%.63s", q->prompt);
    r->sent_at[r->sent++] = r->mono_ns;
    if (r->played < r->nplays)
        p = r->plays[r->played++];
    pthread_mutex_unlock(&r->lock);
    return p;
}

static int fake_draw(const struct ym_call *call, const struct ym_media_out *out, const char *junk,
                     struct ym_err *e)
{
    struct ym_buf b;
    ym_buf_init(&b, 1 << 16);
    if (junk)
        ym_buf_adds(&b, junk);
    else
        picture_make(call->req, &b);
    int r = out->begin(out->ctx, 0, (int64_t)b.len, e);
    if (r == 0)
        r = out->write(out->ctx, 0, b.data, b.len, e);
    if (r == 0)
        r = out->end(out->ctx, 0, e);
    ym_buf_fini(&b);
    return r;
}

static int work_picture(const struct ym_call *call, const struct ym_media_out *out,
                        struct ym_err *e)
{
    return fake_draw(call, out, NULL, e);
}

static int work_gate(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    int r = gate_wait(e);
    return r < 0 ? r : fake_draw(call, out, NULL, e);
}

static int work_junk(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    return fake_draw(call, out, "<html>surely a picture</html>", e);
}

static int work_nothing(const struct ym_call *call, const struct ym_media_out *out,
                        struct ym_err *e)
{
    (void)call;
    (void)out;
    (void)e;
    return 0;
}

static int work_break(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    (void)out;
    enum ym_class cls = YM_AMBIGUOUS;
    (void)call;
    pthread_mutex_lock(&the_rig->lock);
    if (the_rig->played > 0)
        cls = the_rig->plays[the_rig->played - 1].cls;
    pthread_mutex_unlock(&the_rig->lock);
    return ym_fail(e, cls, EIO, "The fake connection ended: %s.", ym_class_name(cls));
}

static int next_work(struct ym_next *n, int (*work)(const struct ym_call *,
                                                    const struct ym_media_out *, struct ym_err *))
{
    *n = (struct ym_next){.what = YM_NEXT_WORK, .work = work, .work_tag = 1, .progress = -1};
    return 0;
}

/* An accepted job: *state counts how often it was looked at. */
static int step_accepted(cJSON *state, struct ym_next *n, struct ym_err *e)
{
    cJSON *left = cJSON_GetObjectItemCaseSensitive(state, "left");
    pthread_mutex_lock(&the_rig->lock);
    the_rig->polled++;
    struct play p = the_rig->plays[the_rig->played ? the_rig->played - 1 : 0];
    pthread_mutex_unlock(&the_rig->lock);
    cJSON *failed = cJSON_GetObjectItemCaseSensitive(state, "failed");
    if (failed && failed->valueint < p.poll_fails) {
        cJSON_SetIntValue(failed, failed->valueint + 1);
        p.cls = p.poll_cls;
        return fake_fail(&p, e);
    }
    if (left->valueint == 0)
        return next_work(n, work_picture);
    if (left->valueint > 0)
        cJSON_SetIntValue(left, left->valueint - 1);
    *n = (struct ym_next){
        .what = YM_NEXT_WAIT, .wait = YM_SEC(1), .has_handle = true, .progress = 0.5};
    return 0;
}

static int step_first(const struct ym_call *call, cJSON **state, struct ym_next *n,
                      struct ym_err *e)
{
    struct play p = play_of(call->req);
    switch (p.what) {
    case PLAY_PICTURE:
        return next_work(n, work_picture);
    case PLAY_FAIL:
        return fake_fail(&p, e);
    case PLAY_BREAK:
        return next_work(n, work_break);
    case PLAY_NO_MEDIA:
        return next_work(n, work_nothing);
    case PLAY_NOT_MEDIA:
        return next_work(n, work_junk);
    case PLAY_GATE:
        return next_work(n, work_gate);
    case PLAY_HANDLE:
        *state = cJSON_CreateObject();
        cJSON_AddNumberToObject(*state, "left", p.polls);
        cJSON_AddNumberToObject(*state, "failed", 0);
        *n = (struct ym_next){.what = YM_NEXT_WAIT,
                              .wait = YM_SEC(1),
                              .has_handle = true,
                              .progress = -1,
                              .provider_id = ym_strdup("fake-1")};
        return 0;
    }
    return -EINVAL;
}

static int fake_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                     struct ym_next *n, struct ym_err *e)
{
    if (!rep)
        return *state ? step_accepted(*state, n, e) : step_first(call, state, n, e);
    if (rep->nmedia == 0)
        return ym_fail(e, YM_EMPTY, ENODATA, "The fake provider sent no picture.");
    *n = (struct ym_next){.what = YM_NEXT_DONE, .nmedia = 1, .cost_known = true};
    n->cost.micro_usd =
        call->prices.image < 0 ? RIG_PRICE : (int64_t)(call->prices.image * 1e6 + 0.5);
    return 0;
}

static int fake_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    (void)call;
    (void)rep;
    if (!*state) { /* only what has a handle can be named */
        *n = (struct ym_next){.what = YM_NEXT_DONE, .runs_on = true};
        return 0;
    }
    pthread_mutex_lock(&the_rig->lock);
    the_rig->cancelled++;
    struct play p = the_rig->plays[the_rig->played ? the_rig->played - 1 : 0];
    pthread_mutex_unlock(&the_rig->lock);
    if (p.cancel_fails)
        return ym_fail(e, YM_TRANSIENT, EAGAIN, "The fake provider cannot be told.");
    *n = (struct ym_next){.what = YM_NEXT_DONE, .runs_on = p.runs_on, .cost_known = !p.runs_on, .cost = {10000}};
    return 0;
}

/* ---- the batch tier: orders live at the provider, by number; its keys are the members' places ---- */
static struct play last_play(void)
{
    pthread_mutex_lock(&the_rig->lock);
    struct play p = the_rig->plays[the_rig->played ? the_rig->played - 1 : 0];
    pthread_mutex_unlock(&the_rig->lock);
    return p;
}

static struct order *order_of(const struct ym_call *call)
{
    struct order *found = NULL;
    pthread_mutex_lock(&the_rig->lock);
    for (int i = 0; i < the_rig->norders; i++)
        if (strcmp(the_rig->orders[i].job, call->job_id) == 0 && the_rig->orders[i].attempt == call->attempt)
            found = &the_rig->orders[i];
    pthread_mutex_unlock(&the_rig->lock);
    return found;
}

static void order_new(const struct ym_call *call, const struct ym_call *members, unsigned n, const struct play *p)
{
    struct rig *r = the_rig;
    pthread_mutex_lock(&r->lock);
    ym_assert(r->norders < (int)YM_COUNT(r->orders) && n <= RIG_GATHER_MAX);
    struct order *o = &r->orders[r->norders++];
    *o = (struct order){.attempt = call->attempt, .n = n, .play = *p};
    snprintf(o->job, sizeof(o->job), "%s", call->job_id);
    for (unsigned i = 0; i < n; i++)
        snprintf(o->texts[i], sizeof(o->texts[0]), "%.63s", members[i].req->prompt);
    pthread_mutex_unlock(&r->lock);
}

static int work_order(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    const struct order *o = order_of(call);
    int r = 0;
    for (unsigned i = 0; i < o->n && r == 0; i++) {
        struct ym_buf b;
        rig_draw(o->texts[i], &b);
        r = out->begin(out->ctx, i, (int64_t)b.len, e);
        if (r == 0)
            r = out->write(out->ctx, i, b.data, b.len, e);
        if (r == 0)
            r = out->end(out->ctx, i, e);
        ym_buf_fini(&b);
    }
    return r;
}

/* A request with references of its members goes to nobody: only whether they can be opened is seen. */
static bool send_refs(const struct ym_call *members, unsigned n, struct ym_next *next)
{
    struct ym_http *h = NULL;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < members[i].req->nrefs; k++) {
            if (!h)
                h = ym_next_send(next, 3, "POST", YM_PAYS, "http://127.0.0.1:1/");
            ym_http_part(h, YM_PART_REF_B64, k);
            h->parts[h->nparts - 1].member = i;
        }
    return h != NULL;
}

static int order_send(const struct ym_call *call, const struct ym_call *members, unsigned n, const struct play *p,
                      struct ym_next *next, struct ym_err *e)
{
    if (send_refs(members, n, next))
        return 0;
    order_new(call, members, n, p);
    if (p->what == PLAY_FAIL)
        return fake_fail(p, e);
    return next_work(next, p->what == PLAY_BREAK ? work_break : p->what == PLAY_GATE ? work_gate : work_picture);
}

static int order_begin(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                       struct ym_next *next, struct ym_err *e)
{
    cJSON *prepare = cJSON_GetObjectItemCaseSensitive(*state, "prepare");
    struct play p = prepare ? last_play() : play_of(call->req);
    if (!prepare && p.prepare) {
        *state = cJSON_CreateObject();
        prepare = cJSON_AddNumberToObject(*state, "prepare", p.prepare);
    }
    if (!prepare || prepare->valueint == 0)
        return order_send(call, members, n, &p, next, e);
    cJSON_SetIntValue(prepare, prepare->valueint - 1);
    *next = (struct ym_next){.what = YM_NEXT_WAIT, .wait = YM_SEC(1), .progress = -1};
    return 0;
}

static int order_look(const struct ym_call *call, cJSON *state, struct ym_next *next, struct ym_err *e)
{
    struct order *o = order_of(call);
    cJSON *left = cJSON_GetObjectItemCaseSensitive(state, "left");
    pthread_mutex_lock(&the_rig->lock);
    the_rig->polled++;
    pthread_mutex_unlock(&the_rig->lock);
    if (o->play.poll_fails > 0) {
        struct play p = o->play;
        o->play.poll_fails--;
        p.cls = p.poll_cls;
        return fake_fail(&p, e);
    }
    *next = (struct ym_next){.what = YM_NEXT_WAIT, .wait = YM_SEC(1), .has_handle = true, .progress = 0.5,
                             .detail = "half of it is done"};
    if (left->valueint == 0) {
        next->what = YM_NEXT_WORK;
        next->work = work_order;
        next->work_tag = 2;
    } else if (left->valueint > 0) {
        cJSON_SetIntValue(left, left->valueint - 1);
    }
    return 0;
}

/* The last one first: they are told apart by their place, not by their order. */
static int order_done(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *next)
{
    const struct order *o = order_of(call);
    *next = (struct ym_next){.what = YM_NEXT_DONE, .progress = -1, .items = ym_alloc_array(o->n, sizeof(*next->items))};
    for (unsigned i = o->n; i-- > 0;) {
        bool special = o->play.item && strstr(o->texts[i], o->play.item);
        if (special && o->play.item_cls == YM_OK)
            continue;
        struct ym_item *item = &next->items[next->nitems++];
        *item = (struct ym_item){.member = i, .result = {.progress = -1, .nmedia = 1, .cost_known = true,
                                                         .cost = {RIG_PRICE / 2}}};
        item->result.media[0] = rep->media_first + i;
        item->result.text = ym_asprintf("words about %s", o->texts[i]);
        if (special) {
            ym_fail(&item->err, o->play.item_cls, EIO, "The fake provider refuses this one.");
            item->result.cost = (ym_money){0};
        }
    }
    return 0;
}

static int gather_step(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                       const struct ym_reply *rep, struct ym_next *next, struct ym_err *e)
{
    the_rig->gaps = 0;
    for (unsigned i = 0; i < n; i++)
        the_rig->gaps += members[i].job_id[0] == 0;
    if (rep && rep->tag == 2)
        return order_done(call, rep, next);
    if (!rep && cJSON_HasObjectItem(*state, "left"))
        return order_look(call, *state, next, e);
    if (!rep)
        return order_begin(call, members, n, state, next, e);
    struct order *o = order_of(call);
    cJSON_Delete(*state);
    *state = cJSON_CreateObject();
    cJSON_AddNumberToObject(*state, "left", o->play.what == PLAY_HANDLE ? o->play.polls : 0);
    *next = (struct ym_next){.what = YM_NEXT_WAIT, .wait = YM_SEC(1), .has_handle = true, .progress = -1,
                             .provider_id = ym_strdup("fake-batch")};
    return 0;
}

static int gather_check(const struct ym_call *call, struct ym_err *e)
{
    return strcmp(call->req->model, "odd") == 0 ? ym_fail(e, YM_INVALID, EINVAL, "odd goes into no batch.") : 0;
}

static const struct ym_gather fal_gather = {
    .max_jobs = RIG_GATHER_MAX, .check = gather_check, .price_factor = 0.5, .step = gather_step, .cancel = fake_cancel,
};

static int fake_check(const struct ym_call *call, struct ym_err *e)
{
    if (strstr(call->req->prompt, "impossible"))
        return ym_fail(e, YM_INVALID, EINVAL, "The fake provider cannot draw the impossible.");
    return 0;
}

static int fake_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    (void)e;
    if (call->prices.image < 0)
        return -ENODATA;
    int64_t m = (int64_t)(call->prices.image * 1e6 + 0.5);
    *ret = (struct ym_estimate){{m}, {m}, {m}};
    return 0;
}

#define PRICES(image)                                                                              \
    {                                                                                              \
        image, -1, -1, -1, -1, -1, -1, false                                                       \
    }
static const struct ym_model fal_models[] = {
    {.id = "paint", .kinds = 1u << YM_IMAGE, .prices = PRICES(0.03), .max_refs = 4},
    {.id = "dear", .kinds = 1u << YM_IMAGE, .prices = PRICES(3), .max_refs = 4},
    {.id = "thirty-cents", .kinds = 1u << YM_IMAGE, .prices = PRICES(0.3), .max_refs = 4},
    {.id = "words", .kinds = 1u << YM_TEXT, .prices = PRICES(0.03)},
    {.id = "odd", .kinds = 1u << YM_IMAGE, .prices = PRICES(-1), .max_refs = 4},
    {0},
};
static const struct ym_driver fal = {
    .name = "fal",
    .kinds = 1u << YM_IMAGE | 1u << YM_TEXT,
    .gather = &fal_gather,
    .concurrency = 8,
    .models = fal_models,
    .default_model = {[YM_IMAGE] = "paint"},
    .check = fake_check,
    .price = fake_price,
    .step = fake_step,
    .cancel = fake_cancel,
};
static const struct ym_model openai_models[] = {
    {.id = "locked", .kinds = 1u << YM_IMAGE, .prices = PRICES(0.03)},
    {0},
};
static const struct ym_driver openai = {
    .name = "openai",
    .kinds = 1u << YM_IMAGE,
    .needs_key = true,
    .key_env = "OPENAI_API_KEY",
    .base_url = "http://127.0.0.1:1",
    .concurrency = 8,
    .models = openai_models,
    .check = fake_check,
    .price = fake_price,
    .step = fake_step,
};
static const struct ym_model sketch_models[] = {
    {.id = "sketch", .kinds = 1u << YM_IMAGE, .prices = PRICES(0)},
    {0},
};
static const struct ym_driver sketch = {
    .name = "sketch",
    .kinds = 1u << YM_IMAGE,
    .is_free = true,
    .concurrency = 8,
    .models = sketch_models,
    .default_model = {[YM_IMAGE] = "sketch"},
    .check = fake_check,
    .price = fake_price,
    .step = fake_step,
};

const struct ym_driver *const *rig_drivers(struct rig *r)
{
    static const struct ym_driver *const drivers[] = {&fal, &openai, &sketch, NULL};
    the_rig = r;
    return drivers;
}

void rig_play(struct rig *r, struct play p)
{
    pthread_mutex_lock(&r->lock);
    ym_assert(r->nplays < YM_COUNT(r->plays));
    r->plays[r->nplays++] = p;
    pthread_mutex_unlock(&r->lock);
}

void rig_gate(struct rig *r, bool open)
{
    pthread_mutex_lock(&r->lock);
    r->gate_open = open;
    pthread_cond_broadcast(&r->cond);
    pthread_mutex_unlock(&r->lock);
}
