/* The providers' own lists of models (driver.h: list). Asking costs nothing and is no attempt: no job, no
 * lane, nothing in the journal. Readers see the last answer; nobody but `ymago models --refresh` waits. */
#include "engine_private.h"

#define REPLY_MAX  (32 << 20) /* a ComfyUI server describes all its nodes at once */
#define DOC_MAX    (4 << 20)
#define TEXT_SHOWN (16 << 10)
#define REQUESTS_MAX 64       /* of one list: pages of it */
#define PATIENCE   YM_SEC(60)

struct waiting {
    struct waiting *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct lister { /* one provider that is being asked */
    struct lister *next;
    struct ym_engine *e;
    size_t at;                /* row of struct lists */
    struct ym_config *config; /* as it was when asked; referenced */
    struct ym_request req;
    struct ym_model mem;
    cJSON *state;
    ym_wall asked_at;
    unsigned inflight, requests;
    bool over;
};

struct lists {
    size_t n;
    struct row {
        const struct ym_driver *driver;
        struct ym_list *last;  /* under `look` for replacement */
        ym_mono asked;         /* ns 0 = never */
    } *v;
    struct lister *out;
    struct waiting *waiting;
};

struct ask { /* one request of a lister */
    struct ym_msg msg;        /* first: travels net -> worker -> engine */
    struct ym_engine *e;
    struct lister *l;         /* engine's thread only */
    struct ym_next nx;        /* holds the one request */
    struct ym_secret *basic;
    int status;
    char **headers;
    struct ym_buf body;
    cJSON *json;
    struct ym_net_result result;
    struct ym_err prepare;
};

static void lister_step(struct lister *l, const struct ym_reply *rep);

/* ---- what is shown ---- */
static struct ym_list *list_new(const char *provider)
{
    struct ym_list *l = ym_alloc(sizeof(*l));
    atomic_init(&l->refs, 1);
    l->provider = provider;
    return l;
}

static void list_unref(struct ym_list *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    cJSON_Delete(l->doc);
    free(l);
}

struct ym_list **ym_engine_lists(struct ym_engine *e)
{
    pthread_mutex_lock(&e->look);
    struct ym_list **all = ym_alloc_array(e->lists->n + 1, sizeof(struct ym_list *));
    for (size_t i = 0; i < e->lists->n; i++) {
        all[i] = e->lists->v[i].last;
        atomic_fetch_add(&all[i]->refs, 1);
    }
    pthread_mutex_unlock(&e->look);
    return all;
}

void ym_lists_free(struct ym_list **lists)
{
    for (struct ym_list **l = lists; l && *l; l++)
        list_unref(*l);
    free(lists);
}

static void publish(struct ym_engine *e, size_t at, struct ym_list *l)
{
    pthread_mutex_lock(&e->look);
    struct ym_list *old = e->lists->v[at].last;
    e->lists->v[at].last = l;
    pthread_mutex_unlock(&e->look);
    list_unref(old);
}

/* Takes doc. A failure keeps what was known before, with its time. */
static void lister_end(struct lister *l, cJSON *doc, const struct ym_err *err)
{
    const struct row *row = &l->e->lists->v[l->at];
    const struct ym_list *old = row->last;
    struct ym_list *now = list_new(row->driver->name);
    now->asked_at = l->asked_at;
    now->answered_at = doc ? engine_wall(l->e) : old->answered_at;
    now->doc = doc ? doc : old->doc ? cJSON_Duplicate(old->doc, true) : NULL;
    if (err) {
        snprintf(now->error, sizeof(now->error), "%s", err->msg);
        ym_log(YM_INFO, "engine", "the models of %s cannot be listed: %s", row->driver->name, err->msg);
    }
    publish(l->e, l->at, now);
    l->over = true;
}

static void lister_fail(struct lister *l, const struct ym_err *err)
{
    lister_end(l, NULL, err);
}

/* ---- one request ---- */
static void ask_free(struct ym_msg *m)
{
    struct ask *a = (struct ask *)m;
    ym_next_fini(&a->nx);
    ym_secret_free(a->basic);
    for (char **h = a->headers; h && *h; h++)
        free(*h);
    free(a->headers);
    ym_buf_fini(&a->body);
    cJSON_Delete(a->json);
    free(a);
}

static void ask_back(void *owner, struct ym_msg *m)
{
    struct ask *a = (struct ask *)m;
    struct lister *l = a->l;
    const struct ym_err *failed = a->prepare.cls != YM_OK      ? &a->prepare
                                  : a->result.err.cls != YM_OK ? &a->result.err
                                                               : NULL;
    (void)owner;
    l->inflight--;
    if (!l->over && failed) {
        lister_fail(l, failed);
    } else if (!l->over) {
        struct ym_reply rep = {.tag = a->nx.http[0].tag, .status = a->status,
                               .headers = (const char *const *)a->headers, .json = a->json,
                               .text = a->body.data ? a->body.data : ""};
        lister_step(l, &rep);
    }
    ask_free(m);
}

/* On a worker: such a document may be large. */
static void ask_read(void *owner, struct ym_msg *m)
{
    struct ask *a = (struct ask *)m;
    (void)owner;
    if (a->body.len && a->result.err.cls == YM_OK) {
        ym_secret_mask(a->body.data, a->body.len);
        ym_json_parse(a->body.data, a->body.len, REPLY_MAX, &a->json, NULL);
        if (a->body.len > TEXT_SHOWN)
            a->body.data[a->body.len = TEXT_SHOWN] = 0;
    }
    a->msg = (struct ym_msg){.run = ask_back, .drop = ask_free};
    ym_inbox_post(a->e->in, &a->msg);
}

static int ask_head(void *ctx, const struct ym_head *h)
{
    struct ask *a = ctx;
    size_t n = 0;
    a->status = h->status;
    while (h->headers && h->headers[n])
        n++;
    a->headers = ym_alloc_array(n + 1, sizeof(*a->headers));
    for (size_t i = 0; i < n; i++)
        a->headers[i] = ym_strdup(h->headers[i]);
    return 0;
}

static int ask_body(void *ctx, const void *data, size_t len, struct ym_err *err)
{
    struct ask *a = ctx;
    if (ym_buf_add(&a->body, data, len) < 0)
        return ym_fail(err, YM_EMPTY, E2BIG, "The list is larger than any real one.");
    return 0;
}

static void ask_done(void *ctx, const struct ym_net_result *r)
{
    struct ask *a = ctx;
    a->result = *r;
    a->msg = (struct ym_msg){.run = ask_read, .drop = ask_free};
    ym_pool_post(a->e->p.pool, &a->msg, false);
}

static void ask_submit(struct ask *a, const struct lister *l)
{
    const struct ym_driver *d = l->e->lists->v[l->at].driver;
    const struct ym_http *h = &a->nx.http[0];
    struct ym_provider_conf pc;
    struct ym_header headers[HEADERS_MAX];
    ym_config_provider(l->config, d->name, &pc);
    if (headers_make(h, d, pc.key, &a->basic, headers, &a->prepare) < 0) {
        a->msg = (struct ym_msg){.run = ask_back, .drop = ask_free};
        ym_inbox_post(l->e->in, &a->msg);
        return;
    }
    YM_AUTOFREE struct ym_piece *pieces = ym_alloc_array(h->nparts + 1u, sizeof(*pieces));
    for (unsigned i = 0; i < h->nparts; i++) {
        ym_assert(h->parts[i].type == YM_PART_TEXT);
        pieces[i] = (struct ym_piece){.type = YM_PIECE_BYTES, .data = h->parts[i].text, .len = h->parts[i].len};
    }
    ym_dur timeout = h->timeout.ms > 0 ? h->timeout : driver_timeout(d, &pc);
    struct ym_net_request q = {.method = h->method, .url = h->url, .headers = headers, .pieces = pieces,
                               .npieces = h->nparts, .effect = h->effect,
                               .connect_timeout = YM_SEC(ym_config_int(l->config, "net.connect_timeout_seconds")),
                               .timeout = timeout.ms < PATIENCE.ms ? timeout : PATIENCE,
                               .max_reply = h->max_reply > 0 ? h->max_reply : REPLY_MAX,
                               .sink = {ask_head, ask_body, ask_done, a}};
    ym_net_submit(l->e->p.net, &q);
}

/* ---- one list ---- */

/* Each request lives on its own: the next step may come while others are out. */
static void lister_send(struct lister *l, struct ym_next *n)
{
    unsigned count = n->nhttp;
    n->nhttp = 0;
    for (unsigned i = 0; i < count; i++) {
        struct ask *a = ym_alloc(sizeof(*a));
        *a = (struct ask){.e = l->e, .l = l};
        a->nx.http[0] = n->http[i];
        a->nx.nhttp = 1;
        ym_buf_init(&a->body, REPLY_MAX);
        l->inflight++;
        l->requests++;
        ym_assert(a->nx.http[0].effect != YM_PAYS);
        ask_submit(a, l);
    }
}

/* Names of a server's files may hold anything; they are shown in files, sentences and terminals. */
static void doc_clean(cJSON *v)
{
    for (; v; v = v->next) {
        if (cJSON_IsString(v) && ym_text_has_control(v->valuestring, strlen(v->valuestring))) {
            YM_AUTOBUF struct ym_buf b;
            ym_buf_init(&b, DOC_MAX);
            ym_text_escape(&b, v->valuestring, strlen(v->valuestring), DOC_MAX - 1);
            cJSON_SetValuestring(v, b.data ? b.data : "");
        }
        doc_clean(v->child);
    }
}

static void lister_doc(struct lister *l, cJSON *doc)
{
    struct ym_err err;
    doc_clean(doc);
    YM_AUTOFREE char *text = doc ? ym_json_print(doc, false) : NULL;
    if (cJSON_IsObject(doc) && strlen(text) <= DOC_MAX) {
        lister_end(l, doc, NULL);
        return;
    }
    cJSON_Delete(doc);
    ym_fail(&err, YM_EMPTY, EBADMSG, "The answer is no list of models.");
    lister_fail(l, &err);
}

static void lister_step(struct lister *l, const struct ym_reply *rep)
{
    const struct ym_driver *d = l->e->lists->v[l->at].driver;
    struct ym_err err = {.cls = YM_OK};
    struct ym_next n = {.progress = -1};
    struct ym_call call;
    call_init(l->e, d, "", 1, &l->req, &l->mem, &call);
    int r = d->list(&call, &l->state, rep, &n, &err);
    if (r == 0 && n.what == YM_NEXT_SEND && l->requests + n.nhttp > REQUESTS_MAX)
        r = ym_fail(&err, YM_EMPTY, E2BIG, "The list has no end.");
    if (r < 0)
        lister_fail(l, &err);
    else if (n.what == YM_NEXT_SEND)
        lister_send(l, &n);
    else if (n.what == YM_NEXT_DONE)
        lister_doc(l, ym_steal(&n.list));
    else if (l->inflight == 0) { /* it waits for others, but none is out */
        ym_fail(&err, YM_EMPTY, EPROTO, "The answer is no whole list of models.");
        lister_fail(l, &err);
    }
    ym_next_fini(&n);
}

static void lister_free(struct lister *l)
{
    ym_config_unref(l->config);
    ym_request_fini(&l->req);
    cJSON_Delete(l->state);
    free(l);
}

/* ---- asking ---- */
static bool may_ask(const struct ym_engine *e, const struct ym_driver *d, enum ym_list_who who)
{
    struct ym_provider_conf pc;
    ym_config_provider(e->config, d->name, &pc);
    return who == YM_LIST_LOCAL ? d->is_local && pc.base_url : pc.base_url || pc.key;
}

static bool is_out(const struct ym_engine *e, size_t at)
{
    for (const struct lister *l = e->lists->out; l; l = l->next)
        if (l->at == at && !l->over)
            return true;
    return false;
}

static void lister_start(struct ym_engine *e, size_t at)
{
    struct lister *l = ym_alloc(sizeof(*l));
    const char *name = e->lists->v[at].driver->name;
    *l = (struct lister){.e = e, .at = at, .config = ym_config_ref(e->config), .asked_at = engine_wall(e),
                         .req = {.kind = YM_IMAGE, .provider = ym_strdup(name), .model = ym_strdup(""),
                                 .prompt = ym_strdup(""), .params = cJSON_CreateObject()}};
    e->lists->v[at].asked = engine_mono(e);
    l->next = e->lists->out;
    e->lists->out = l;
    lister_step(l, NULL);
}

void lists_ask(struct ym_engine *e, enum ym_list_who who, ym_dur age)
{
    ym_mono now = engine_mono(e);
    for (size_t i = 0; i < e->lists->n && !e->draining; i++) {
        const struct row *row = &e->lists->v[i];
        bool fresh = row->asked.ns && ym_mono_until(row->asked, now).ms < age.ms;
        if (!fresh && !is_out(e, i) && may_ask(e, row->driver, who))
            lister_start(e, i);
    }
}

/* Those that are over are freed here and nowhere else, then who waited is told. */
void lists_tick(struct ym_engine *e)
{
    bool out = false;
    for (struct lister **p = &e->lists->out; *p;) {
        struct lister *l = *p;
        out |= !l->over;
        if (l->over && l->inflight == 0) {
            *p = l->next;
            lister_free(l);
        } else {
            p = &l->next;
        }
    }
    if (!out)
        lists_drop_waiting(e);
}

void lists_drop_waiting(struct ym_engine *e)
{
    while (e->lists->waiting) {
        struct waiting *w = e->lists->waiting;
        e->lists->waiting = w->next;
        w->fn(w->ctx);
        free(w);
    }
}

struct asking { /* on its way to the engine's thread */
    enum ym_list_who who;
    ym_dur age;
    struct waiting *waiting;
};

static void asking_run(struct ym_engine *e, void *ctx)
{
    struct asking *a = ctx;
    lists_ask(e, a->who, a->age);
    if (a->waiting) {
        a->waiting->next = e->lists->waiting;
        e->lists->waiting = ym_steal(&a->waiting);
    }
}

static void asking_over(void *ctx, bool ok)
{
    struct asking *a = ctx;
    (void)ok;
    if (a->waiting)
        a->waiting->fn(a->waiting->ctx);
    free(a->waiting);
    free(a);
}

void ym_engine_lists_ask(struct ym_engine *e, enum ym_list_who who, ym_dur age, void (*fn)(void *ctx), void *ctx)
{
    struct asking *a = ym_alloc(sizeof(*a));
    *a = (struct asking){.who = who, .age = age};
    if (fn) {
        a->waiting = ym_alloc(sizeof(*a->waiting));
        *a->waiting = (struct waiting){.fn = fn, .ctx = ctx};
    }
    ym_engine_post(e, asking_run, asking_over, a);
}

/* Another configuration: what was said by servers that are not asked any more is forgotten. */
void lists_reload(struct ym_engine *e)
{
    for (size_t i = 0; i < e->lists->n; i++)
        if (!may_ask(e, e->lists->v[i].driver, YM_LIST_ALL))
            publish(e, i, list_new(e->lists->v[i].driver->name));
    lists_ask(e, YM_LIST_ALL, YM_MS(0));
}

/* ---- for sentences about models ---- */
static const cJSON *models_of(const struct row *row)
{
    const cJSON *models = row->last->doc ? ym_json_get(row->last->doc, "models") : NULL;
    return cJSON_IsArray(models) ? models : NULL;
}

const struct ym_driver *list_driver_of(const struct ym_engine *e, const char *model)
{
    const cJSON *m;
    for (size_t i = 0; i < e->lists->n; i++)
        cJSON_ArrayForEach(m, models_of(&e->lists->v[i]))
            if (strcmp(ym_json_str_or(m, "id", ""), model) == 0)
                return e->lists->v[i].driver;
    return NULL;
}

size_t list_names(const struct ym_engine *e, const char **out, size_t max)
{
    const cJSON *m;
    size_t n = 0;
    for (size_t i = 0; i < e->lists->n; i++)
        cJSON_ArrayForEach(m, models_of(&e->lists->v[i]))
            if (n < max && ym_json_str(m, "id"))
                out[n++] = ym_json_str(m, "id");
    return n;
}

/* ---- life ---- */
void lists_init(struct ym_engine *e)
{
    struct lists *l = e->lists = ym_alloc(sizeof(*l));
    size_t count = 0;
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++)
        count++;
    l->v = ym_alloc_array(count + 1, sizeof(*l->v));
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++)
        if ((*d)->list)
            l->v[l->n++] = (struct row){.driver = *d, .last = list_new((*d)->name)};
}

/* After the last thread that could bring an answer. */
void lists_free(struct ym_engine *e)
{
    struct lists *l = ym_steal(&e->lists);
    if (!l)
        return;
    while (l->out) {
        struct lister *one = l->out;
        l->out = one->next;
        lister_free(one);
    }
    for (size_t i = 0; i < l->n; i++)
        list_unref(l->v[i].last);
    free(l->v);
    free(l);
}
