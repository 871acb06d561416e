/* What a driver is told about a job. */
#include "engine_private.h"

#define TEXT_PROMPT 32000 /* characters that a text model is given where nothing else is known */

const struct ym_driver *driver_find(const struct ym_engine *e, const char *name)
{
    for (const struct ym_driver *const *d = e->p.drivers; name && *d; d++)
        if (strcmp((*d)->name, name) == 0)
            return *d;
    return NULL;
}

static void price_over(double *price, double configured, bool *any)
{
    if (configured >= 0) {
        *price = configured;
        *any = true;
    }
}

static void prices_init(struct ym_engine *e, const struct ym_model *m, struct ym_prices *ret)
{
    struct ym_model_conf c;
    *ret = m->prices;
    ret->from_config = false;
    if (!ym_config_model(e->config, m->id, &c))
        return;
    price_over(&ret->image, c.image, &ret->from_config);
    price_over(&ret->second, c.second, &ret->from_config);
    price_over(&ret->song, c.song, &ret->from_config);
    price_over(&ret->kchars, c.kchars, &ret->from_config);
    price_over(&ret->mtok_in, c.mtok_in, &ret->from_config);
    price_over(&ret->mtok_out, c.mtok_out, &ret->from_config);
}

ym_dur driver_timeout(const struct ym_driver *d, const struct ym_provider_conf *pc)
{
    return YM_SEC(pc->timeout_seconds > 0 ? pc->timeout_seconds : d->timeout_seconds > 0 ? d->timeout_seconds : 300);
}

void call_init(struct ym_engine *e, const struct ym_driver *d, const char *job_id, int attempt,
               const struct ym_request *req, struct ym_model *mem, struct ym_call *ret)
{
    struct ym_provider_conf pc;
    struct ym_model_conf mc;
    ym_config_provider(e->config, d->name, &pc);
    const struct ym_model *known = ym_driver_model(d, req->model);
    *mem = known ? *known
                 : (struct ym_model){.id = req->model, .kinds = d->kinds, .max_refs = 16,
                                     .prices = {-1, -1, -1, -1, -1, -1, -1, false}};
    mem->params = ym_driver_params(d, mem, req->kind);
    if (ym_config_model(e->config, req->model, &mc) && mc.max_prompt > 0)
        mem->max_prompt = (unsigned)mc.max_prompt;
    if (!mem->max_prompt && req->kind == YM_TEXT)
        mem->max_prompt = TEXT_PROMPT;
    *ret = (struct ym_call){.job_id = job_id, .attempt = attempt, .req = req, .model = mem,
                            .base_url = pc.base_url ? pc.base_url : d->base_url ? d->base_url : "",
                            .has_key = pc.key != NULL, .own_base_url = pc.base_url != NULL, .now = engine_wall(e),
                            .timeout = driver_timeout(d, &pc)};
    prices_init(e, mem, &ret->prices);
}

/* RFC 7617: "user:password" in base64. */
static struct ym_secret *basic_secret(const struct ym_secret *key)
{
    const char *plain = ym_secret_reveal(key);
    size_t n = strlen(plain);
    char *text = ym_alloc(4 * ((n + 2) / 3) + 1);
    struct ym_secret *basic = ym_secret_new(text, ym_b64_encode((const uint8_t *)plain, n, text));
    explicit_bzero(text, strlen(text));
    free(text);
    return basic;
}

int headers_make(const struct ym_http *h, const struct ym_driver *d, const struct ym_secret *key, struct ym_secret **basic,
                 struct ym_header out[static HEADERS_MAX], struct ym_err *err)
{
    ym_assert(h->nheaders < HEADERS_MAX);
    for (unsigned i = 0; i < h->nheaders; i++) {
        const struct ym_call_header *c = &h->headers[i];
        out[i] = (struct ym_header){.name = c->name, .value = c->value, .prefix = c->prefix};
        if (!c->credential)
            continue;
        ym_assert(strcmp(c->credential, "api_key") == 0);
        if (!key)
            return ym_fail(err, YM_AUTH, EACCES, "No key for %s: set %s (environment or configuration), then `ymago reload`.",
                           d->name, d->key_env ? d->key_env : "its api_key");
        if (c->prefix && strcmp(c->prefix, "Basic ") == 0 && !*basic)
            *basic = basic_secret(key);
        out[i].secret = c->prefix && strcmp(c->prefix, "Basic ") == 0 ? *basic : key;
    }
    out[h->nheaders] = (struct ym_header){0};
    return 0;
}
