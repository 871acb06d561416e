/* From fields to a request: which driver, which model, which parameters, at what price. */
#include "engine_private.h"

/* What a choice depends on. It is also made without an engine: then there are no lists of servers. */
struct scope {
    const struct ym_config *config;
    const struct ym_driver *const *drivers;
    const struct ym_engine *e;
};

static struct scope scope_of(const struct ym_engine *e)
{
    return (struct scope){e->config, e->p.drivers, e};
}

static const struct ym_driver *driver_named(const struct scope *s, const char *name)
{
    for (const struct ym_driver *const *d = s->drivers; name && *d; d++)
        if (strcmp((*d)->name, name) == 0)
            return *d;
    return NULL;
}

static const struct ym_driver *driver_of_model(const struct scope *s, enum ym_kind kind, const char *model)
{
    struct ym_model_conf mc;
    for (const struct ym_driver *const *d = s->drivers; *d; d++) {
        const struct ym_model *m = ym_driver_model(*d, model);
        if (m && (m->kinds & (1u << kind)))
            return *d;
    }
    if (ym_config_model(s->config, model, &mc) && mc.provider)
        return driver_named(s, mc.provider);
    return NULL;
}

static int unknown_model(const struct scope *s, enum ym_kind kind, const char *model, struct ym_err *err)
{
    const char *names[256];
    size_t n = 0;
    char shown[96];
    ym_text_show(model, shown, sizeof(shown));
    const struct ym_driver *has = s->e ? list_driver_of(s->e, model) : NULL;
    if (has)
        return ym_fail(err, YM_INVALID, EINVAL, "The model \"%s\" is one of %s: write it as %s/%s.", shown, has->name, has->name, shown);
    for (const struct ym_driver *const *d = s->drivers; *d; d++)
        for (const struct ym_model *m = (*d)->models; m && m->id; m++)
            if ((m->kinds & (1u << kind)) && !m->retired && n < YM_COUNT(names) - 1)
                names[n++] = m->id;
    if (s->e)
        n += list_names(s->e, names + n, YM_COUNT(names) - 1 - n);
    names[n] = NULL;
    const char *near = ym_text_suggest(model, names);
    if (near)
        return ym_fail(err, YM_INVALID, EINVAL, "No provider is known for the model \"%s\"; did you mean \"%.80s\"?", shown, near);
    return ym_fail(err, YM_INVALID, EINVAL,
                   "No provider is known for the model \"%s\": write it as provider/model, or add it to the configuration.", shown);
}

/* "provider/model" or "model". A model name may hold slashes itself (fal): only a driver's name counts. */
static int model_named(const struct scope *s, enum ym_kind kind, const char *name, const char *provider,
                       const struct ym_driver **ret_driver, const char **ret_model, struct ym_err *err)
{
    const char *slash = strchr(name, '/');
    const struct ym_driver *d = NULL;
    const char *model = name;
    if (slash) {
        YM_AUTOFREE char *head = ym_strndup(name, (size_t)(slash - name));
        if ((d = driver_named(s, head)))
            model = slash + 1;
    }
    if (!d && provider && !(d = driver_named(s, provider)))
        return ym_fail(err, YM_INVALID, EINVAL, "There is no provider \"%.60s\".", provider);
    if (!d)
        d = driver_of_model(s, kind, model);
    if (!d)
        return unknown_model(s, kind, model, err);
    *ret_driver = d;
    *ret_model = model;
    return 0;
}

int resolve_named(struct ym_engine *e, enum ym_kind kind, const char *name, const struct ym_driver **ret_driver,
                  char **ret_model, struct ym_err *err)
{
    struct scope s = scope_of(e);
    const char *model;
    int r = model_named(&s, kind, name, NULL, ret_driver, &model, err);
    if (r == 0)
        *ret_model = ym_strdup(model);
    return r;
}

/* Nothing was said: the configured default, else a local server that is configured, else whose key is
 * there, else what is built in and free. */
enum rank { RANK_LOCAL, RANK_KEY, RANK_FREE, RANK_COUNT };

static bool has_rank(const struct scope *s, const struct ym_driver *d, enum rank rank)
{
    struct ym_provider_conf pc;
    ym_config_provider(s->config, d->name, &pc);
    switch (rank) {
    case RANK_LOCAL:
        return d->is_local && pc.base_url;
    case RANK_KEY:
        return d->needs_key && pc.key;
    case RANK_FREE:
        return d->is_free && !d->is_local;
    case RANK_COUNT:
        break;
    }
    return false;
}

static int model_default(const struct scope *s, enum ym_kind kind, const struct ym_driver **ret_driver,
                         const char **ret_model, struct ym_err *err)
{
    const char *configured = ym_config_default_model(s->config, kind);
    if (configured)
        return model_named(s, kind, configured, NULL, ret_driver, ret_model, err);
    for (enum rank rank = 0; rank < RANK_COUNT; rank++)
        for (const struct ym_driver *const *d = s->drivers; *d; d++)
            if ((*d)->default_model[kind] && has_rank(s, *d, rank)) {
                *ret_driver = *d;
                *ret_model = (*d)->default_model[kind];
                return 0;
            }
    return ym_fail(err, YM_INVALID, EINVAL, "No model makes %s here yet.", ym_kind_name(kind));
}

int ym_engine_default(const struct ym_config *c, const struct ym_driver *const *drivers, enum ym_kind k,
                      const struct ym_driver **ret_driver, const char **ret_model, struct ym_err *err)
{
    struct scope s = {c, drivers, NULL};
    return model_default(&s, k, ret_driver, ret_model, err);
}

int resolve_model(struct ym_engine *e, enum ym_kind kind, const cJSON *fields,
                  const struct ym_driver **ret_driver, char **ret_model, struct ym_err *err)
{
    const char *name = ym_fields_model(fields, kind), *provider = ym_json_str(fields, "provider");
    struct scope s = scope_of(e);
    const struct ym_driver *d = NULL;
    const char *model = NULL;
    int r;
    if (name) {
        r = model_named(&s, kind, name, provider, &d, &model, err);
    } else if (provider) {
        d = driver_named(&s, provider);
        if (!d || !d->default_model[kind])
            return ym_fail(err, YM_INVALID, EINVAL, "The provider \"%.60s\" makes no %s here.", provider, ym_kind_name(kind));
        model = d->default_model[kind];
        r = 0;
    } else {
        r = model_default(&s, kind, &d, &model, err);
    }
    if (r < 0)
        return r;
    if (!(d->kinds & (1u << kind)))
        return ym_fail(err, YM_INVALID, EINVAL, "%s makes no %s: choose another model.", d->name, ym_kind_name(kind));
    const char *pasted = ym_json_str(fields, RESOLVE_PASTED);
    *ret_driver = d;
    *ret_model = ym_strdup(pasted && !name && d->is_local ? pasted : model);
    return 0;
}

static bool is_parameter(const char *name)
{
    static const char *const apart[] = {"model", "provider", "negative_prompt", "from_image", "references",
                                        "last_frame", "workflow", "n", "variation", "prompt", "media_type", NULL};
    const struct ym_field *f = ym_field_find(name);
    for (int i = 0; apart[i]; i++)
        if (strcmp(apart[i], name) == 0)
            return false;
    /* Tags say nothing to a provider and are no part of the identity; they go along to the sidecar. */
    return f && (f->in_request || strcmp(name, "tags") == 0);
}

static void refs_copy(struct ym_request *ret, const struct ym_ref *refs, size_t n)
{
    ret->refs = ym_alloc_array(n + 1, sizeof(*ret->refs));
    ret->nrefs = n;
    for (size_t i = 0; i < n; i++) {
        ret->refs[i] = refs[i];
        ret->refs[i].path = ym_strdup(refs[i].path);
    }
}

static int prompt_fits(const struct ym_call *call, struct ym_err *err)
{
    size_t n = ym_utf8_count(call->req->prompt, strlen(call->req->prompt));
    unsigned max = call->model->max_prompt ? call->model->max_prompt : 2000;
    if (n > max)
        return ym_fail(err, YM_INVALID, E2BIG, "The prompt has %zu characters and %.60s takes at most %u: shorten it.",
                       n, call->model->id, max);
    return 0;
}

/* ---- fields that the model does not take ---- */

static bool usable(const struct scope *s, const struct ym_driver *d)
{
    return has_rank(s, d, RANK_LOCAL) || has_rank(s, d, RANK_KEY) || has_rank(s, d, RANK_FREE);
}

static bool takes(const struct ym_driver *d, const struct ym_model *m, enum ym_kind k, const char *field)
{
    return (m->kinds & (1u << k)) && !m->retired && ym_param_find(ym_driver_params(d, m, k), field);
}

#define TAKERS_MAX 4

/* "gemini/a, fal/b": up to four models, two of a provider at most, those that can be used now first. */
static unsigned takers(const struct scope *s, const struct ym_call *call, const char *field, char *out, size_t size)
{
    unsigned n = 0;
    size_t at = 0;
    out[0] = '\0';
    for (int now = 1; now >= 0; now--)
        for (const struct ym_driver *const *d = s->drivers; *d; d++) {
            unsigned of_driver = 0;
            for (const struct ym_model *m = usable(s, *d) == (bool)now ? (*d)->models : NULL; m && m->id; m++) {
                size_t need = strlen((*d)->name) + strlen(m->id) + 3;
                if (n >= TAKERS_MAX || of_driver >= 2 || at + need >= size || !takes(*d, m, call->req->kind, field))
                    continue;
                at += (size_t)snprintf(out + at, size - at, "%s%s/%s", n++ ? ", " : "", (*d)->name, m->id);
                of_driver++;
            }
        }
    return n;
}

/* Who takes it says more than what the driver's own check can; where nobody does, that one speaks. */
static int field_taken(const struct scope *s, const struct ym_call *call, const char *field, struct ym_err *err)
{
    char who[130];
    if (ym_param_find(call->model->params, field) || !takers(s, call, field, who, sizeof(who)))
        return 0;
    return ym_fail(err, YM_INVALID, EINVAL, "%.50s takes no %.20s; it is taken by: %s.", call->req->model, field, who);
}

static int fields_taken(const struct scope *s, const struct ym_call *call, struct ym_err *err)
{
    static const char *const of_role[] = {"references", "from_image", "last_frame", "workflow"};
    const cJSON *p;
    int r = 0;
    if (!call->model->params) /* taken on trust */
        return 0;
    cJSON_ArrayForEach(p, call->req->params)
        if (r == 0 && strcmp(p->string, "tags") != 0)
            r = field_taken(s, call, p->string, err);
    if (r == 0 && call->req->negative && *call->req->negative)
        r = field_taken(s, call, "negative_prompt", err);
    for (size_t i = 0; r == 0 && i < call->req->nrefs; i++)
        r = field_taken(s, call, of_role[call->req->refs[i].role], err);
    return r;
}

static int request_check(const struct ym_engine *e, const struct ym_driver *d, const struct ym_call *call, struct ym_err *err)
{
    struct scope s = scope_of(e);
    int r = fields_taken(&s, call, err);
    return r < 0 ? r : d->check(call, err);
}

/* A destination or webhook is one that the configuration declares, by name or by the start of its
 * address: a text must not send results anywhere else. */
static bool lies_below(const char *address, const char *url)
{
    size_t n = url ? strlen(url) : 0;
    return n && strncmp(address, url, n) == 0 && (url[n - 1] == '/' || !address[n] || address[n] == '/');
}

static int declared(const struct ym_engine *e, const cJSON *fields, const char *field, const char *section,
                    struct ym_err *err)
{
    const char *want = ym_json_str(fields, field), *name;
    char shown[96];
    if (!want)
        return 0;
    for (size_t i = 0; (name = ym_config_name(e->config, section, i)); i++) {
        YM_AUTOFREE char *key = ym_asprintf("%s.%s.url", section, name);
        if (strcmp(name, want) == 0 || lies_below(want, ym_config_str(e->config, key)))
            return 0;
    }
    return ym_fail(err, YM_INVALID, EINVAL, "No %s \"%s\" is declared: add [%s.NAME] with its url to the configuration, or take the line out.",
                   field, ym_text_show(want, shown, sizeof(shown)), section);
}

/* What this program cannot do is said before anything is paid for, never passed over. */
static int able(const cJSON *fields, struct ym_err *err)
{
    if (ym_json_get(fields, "refine"))
        return ym_fail(err, YM_INVALID, EINVAL, "refine: rounds of judging are not available yet: take the line out.");
    return 0;
}

/* Settings that were pasted along with a text and that this model does not know are left out. */
static bool optional_dropped(const cJSON *fields, struct ym_request *q)
{
    const cJSON *name;
    int before = cJSON_GetArraySize(q->params);
    cJSON_ArrayForEach(name, ym_json_get(fields, RESOLVE_OPTIONAL))
        cJSON_DeleteItemFromObjectCaseSensitive(q->params, name->valuestring);
    return cJSON_GetArraySize(q->params) < before;
}

int resolve_request(struct ym_engine *e, enum ym_kind kind, const char *prompt, const cJSON *fields,
                    const struct ym_ref *refs, size_t nrefs, int64_t variation,
                    const struct ym_driver **ret_driver, struct ym_request *ret, struct ym_err *err)
{
    struct ym_request q = {.kind = kind, .variation = variation};
    struct ym_model mem;
    struct ym_call call;
    int r = able(fields, err);
    if (r == 0)
        r = declared(e, fields, "destination", "destinations", err);
    if (r == 0)
        r = declared(e, fields, "webhook", "webhooks", err);
    if (r == 0)
        r = resolve_model(e, kind, fields, ret_driver, &q.model, err);
    if (r < 0)
        return r;
    q.provider = ym_strdup((*ret_driver)->name);
    q.prompt = ym_strdup(prompt);
    q.negative = ym_strdup(ym_json_str(fields, "negative_prompt"));
    q.params = cJSON_CreateObject();
    const cJSON *f;
    cJSON_ArrayForEach(f, fields)
        if (is_parameter(f->string))
            cJSON_AddItemToObject(q.params, f->string, cJSON_Duplicate(f, true));
    refs_copy(&q, refs, nrefs);
    call_init(e, *ret_driver, "", 1, &q, &mem, &call);
    r = prompt_fits(&call, err);
    if (r == 0)
        r = request_check(e, *ret_driver, &call, err);
    if (r < 0 && optional_dropped(fields, &q)) {
        err->cls = YM_OK;
        r = request_check(e, *ret_driver, &call, err);
    }
    if (r == 0)
        r = tier_check(e, *ret_driver, &call, fields, err);
    if (r < 0) {
        ym_request_fini(&q);
        return r;
    }
    *ret = q;
    return 0;
}

int resolve_price(struct ym_engine *e, const struct ym_driver *d, const struct ym_request *req, bool batch,
                  struct ym_estimate *ret)
{
    struct ym_model mem;
    struct ym_call call;
    struct ym_err err;
    *ret = (struct ym_estimate){{-1}, {-1}, {-1}};
    if (d->is_free) {
        *ret = (struct ym_estimate){{0}, {0}, {0}};
        return 0;
    }
    call_init(e, d, "", 1, req, &mem, &call);
    int r = d->price ? d->price(&call, ret, &err) : -ENODATA;
    if (r == 0)
        tier_price(d, batch, ret);
    return r;
}

const struct ym_driver *intake_default(struct ym_engine *e, enum ym_kind k, char *name, size_t size, struct ym_estimate *ret)
{
    const struct ym_driver *d = NULL;
    const char *model = NULL;
    struct ym_err err;
    struct scope s = scope_of(e);
    if (model_default(&s, k, &d, &model, &err) < 0)
        return NULL;
    snprintf(name, size, "%s/%s", d->name, model);
    struct ym_request q = {.kind = k, .provider = ym_strdup(d->name), .model = ym_strdup(model),
                           .prompt = ym_strdup("x"), .params = cJSON_CreateObject()};
    resolve_price(e, d, &q, false, ret);
    ym_request_fini(&q);
    return d;
}

bool intake_reprice(struct ym_engine *e, struct ym_job_row *r)
{
    const struct ym_driver *d = driver_find(e, r->provider);
    struct ym_request q = {0};
    struct ym_err err;
    if (!d || ym_request_unpack(r->request, &q, &err) < 0)
        return false;
    q.kind = r->kind;
    str_set(&q.provider, r->provider);
    str_set(&q.model, r->model);
    str_set(&q.prompt, r->prompt);
    int rc = resolve_price(e, d, &q, r->tier != NULL, &r->est);
    ym_request_fini(&q);
    return rc == 0;
}
