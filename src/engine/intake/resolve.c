/* From fields to a request: which driver, which model, which parameters, at what price. */
#include "engine_private.h"

static const struct ym_driver *driver_of_model(const struct ym_engine *e, enum ym_kind kind, const char *model)
{
    struct ym_model_conf mc;
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++) {
        const struct ym_model *m = ym_driver_model(*d, model);
        if (m && (m->kinds & (1u << kind)))
            return *d;
    }
    if (ym_config_model(e->config, model, &mc) && mc.provider)
        return driver_find(e, mc.provider);
    return NULL;
}

static int unknown_model(const struct ym_engine *e, enum ym_kind kind, const char *model, struct ym_err *err)
{
    const char *names[256];
    size_t n = 0;
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++)
        for (const struct ym_model *m = (*d)->models; m && m->id; m++)
            if ((m->kinds & (1u << kind)) && !m->retired && n < YM_COUNT(names) - 1)
                names[n++] = m->id;
    names[n] = NULL;
    const char *near = ym_text_suggest(model, names);
    char shown[96];
    ym_text_show(model, shown, sizeof(shown));
    if (near)
        return ym_fail(err, YM_INVALID, EINVAL, "No provider is known for the model \"%s\"; did you mean \"%s\"?", shown, near);
    return ym_fail(err, YM_INVALID, EINVAL,
                   "No provider is known for the model \"%s\": write it as provider/model, or add it to the configuration.", shown);
}

/* "provider/model" or "model". A model name may hold slashes itself (fal): only a driver's name counts. */
static int model_named(const struct ym_engine *e, enum ym_kind kind, const char *name, const char *provider,
                       const struct ym_driver **ret_driver, const char **ret_model, struct ym_err *err)
{
    const char *slash = strchr(name, '/');
    const struct ym_driver *d = NULL;
    const char *model = name;
    if (slash) {
        YM_AUTOFREE char *head = ym_strndup(name, (size_t)(slash - name));
        if ((d = driver_find(e, head)))
            model = slash + 1;
    }
    if (!d && provider && !(d = driver_find(e, provider)))
        return ym_fail(err, YM_INVALID, EINVAL, "There is no provider \"%.60s\".", provider);
    if (!d)
        d = driver_of_model(e, kind, model);
    if (!d)
        return unknown_model(e, kind, model, err);
    *ret_driver = d;
    *ret_model = model;
    return 0;
}

static bool has_key(const struct ym_engine *e, const struct ym_driver *d)
{
    struct ym_provider_conf pc;
    ym_config_provider(e->config, d->name, &pc);
    return pc.key != NULL;
}

/* Nothing was said: the configured default, else whose key is there, else the built-in. */
static int model_default(const struct ym_engine *e, enum ym_kind kind, const struct ym_driver **ret_driver,
                         const char **ret_model, struct ym_err *err)
{
    const char *configured = ym_config_default_model(e->config, kind);
    if (configured)
        return model_named(e, kind, configured, NULL, ret_driver, ret_model, err);
    for (int with_key = 1; with_key >= 0; with_key--)
        for (const struct ym_driver *const *d = e->p.drivers; *d; d++)
            if ((*d)->default_model[kind] && (with_key ? (*d)->needs_key && has_key(e, *d) : (*d)->is_free)) {
                *ret_driver = *d;
                *ret_model = (*d)->default_model[kind];
                return 0;
            }
    return ym_fail(err, YM_INVALID, EINVAL, "No model makes %s here yet.", ym_kind_name(kind));
}

int resolve_model(struct ym_engine *e, enum ym_kind kind, const cJSON *fields,
                  const struct ym_driver **ret_driver, char **ret_model, struct ym_err *err)
{
    const char *name = ym_fields_model(fields, kind), *provider = ym_json_str(fields, "provider");
    const struct ym_driver *d = NULL;
    const char *model = NULL;
    int r;
    if (name) {
        r = model_named(e, kind, name, provider, &d, &model, err);
    } else if (provider) {
        d = driver_find(e, provider);
        if (!d || !d->default_model[kind])
            return ym_fail(err, YM_INVALID, EINVAL, "The provider \"%.60s\" makes no %s here.", provider, ym_kind_name(kind));
        model = d->default_model[kind];
        r = 0;
    } else {
        r = model_default(e, kind, &d, &model, err);
    }
    if (r < 0)
        return r;
    if (!(d->kinds & (1u << kind)))
        return ym_fail(err, YM_INVALID, EINVAL, "%s makes no %s: choose another model.", d->name, ym_kind_name(kind));
    *ret_driver = d;
    *ret_model = ym_strdup(model);
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
    int r = declared(e, fields, "destination", "destinations", err);
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
        r = (*ret_driver)->check(&call, err);
    if (r < 0 && optional_dropped(fields, &q)) {
        err->cls = YM_OK;
        r = (*ret_driver)->check(&call, err);
    }
    if (r < 0) {
        ym_request_fini(&q);
        return r;
    }
    *ret = q;
    return 0;
}

int resolve_price(struct ym_engine *e, const struct ym_driver *d, const struct ym_request *req, struct ym_estimate *ret)
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
    return d->price ? d->price(&call, ret, &err) : -ENODATA;
}

const struct ym_driver *intake_default(struct ym_engine *e, enum ym_kind k, char *name, size_t size, struct ym_estimate *ret)
{
    const struct ym_driver *d = NULL;
    const char *model = NULL;
    struct ym_err err;
    if (model_default(e, k, &d, &model, &err) < 0)
        return NULL;
    snprintf(name, size, "%s/%s", d->name, model);
    struct ym_request q = {.kind = k, .provider = ym_strdup(d->name), .model = ym_strdup(model),
                           .prompt = ym_strdup("x"), .params = cJSON_CreateObject()};
    resolve_price(e, d, &q, ret);
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
    int rc = resolve_price(e, d, &q, &r->est);
    ym_request_fini(&q);
    return rc == 0;
}
