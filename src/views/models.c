/* models/: what can be asked of whom, and at what price. */
#include <errno.h>
#include <string.h>

#include "models_list.h"
#include "view.h"

/* ---- prices ---- */

struct price {
    const char *key, *unit;
    double usd; /* negative = unknown */
    bool configured;
};
#define PRICES 7
#define BY_RESULT 4 /* the first of them; the others are by tokens */

/* What is configured wins. */
static void prices_of(const struct ym_config *c, const struct model_row *row, struct price ret[static PRICES])
{
    static const struct ym_prices none = {-1, -1, -1, -1, -1, -1, -1, false};
    const struct ym_prices *p = row->known ? &row->known->prices : &none;
    struct ym_model_conf m;
    if (!ym_config_model(c, row->id, &m))
        m = (struct ym_model_conf){NULL, -1, -1, -1, -1, -1, -1, -1, -1};
    const struct {
        const char *key, *unit;
        double listed, configured;
    } rows[PRICES] = {
        {"per_image_usd", "an image", p->image, m.image},
        {"per_second_usd", "a second", p->second, m.second},
        {"per_song_usd", "a song", p->song, m.song},
        {"per_1k_chars_usd", "per 1000 characters", p->kchars, m.kchars},
        {"per_mtok_in_usd", "per million tokens in", p->mtok_in, m.mtok_in},
        {"per_mtok_out_usd", "per million tokens out", p->mtok_out, m.mtok_out},
        {"per_mtok_image_out_usd", "per million image tokens", p->mtok_image_out, -1},
    };
    for (size_t i = 0; i < PRICES; i++) {
        bool configured = rows[i].configured >= 0;
        ret[i] = (struct price){rows[i].key, rows[i].unit, configured ? rows[i].configured : rows[i].listed, configured};
    }
}

/* "$0.0336 an image"; by tokens only when no result has a price. */
static void price_text(const struct price p[static PRICES], char *out, size_t size)
{
    size_t at = 0;
    bool by_result = false;
    out[0] = '\0';
    for (size_t i = 0; i < PRICES && at < size; i++) {
        if (p[i].usd < 0 || (by_result && i >= BY_RESULT))
            continue;
        by_result |= i < BY_RESULT;
        at += (size_t)snprintf(out + at, size - at, "%s$%.10g %s", at ? ", " : "", p[i].usd, p[i].unit);
    }
}

static void price_add(cJSON *o, const struct ym_config *c, const struct ym_driver *d, const struct model_row *row,
                      bool whole)
{
    struct price p[PRICES];
    char text[200];
    bool configured = false;
    prices_of(c, row, p);
    price_text(p, text, sizeof(text));
    if (d->is_free)
        snprintf(text, sizeof(text), "free");
    view_json_text(o, "price", text[0] ? text : NULL);
    if (!whole)
        return;
    cJSON *all = cJSON_AddObjectToObject(o, "prices");
    for (size_t i = 0; i < PRICES; i++) {
        if (p[i].usd >= 0)
            cJSON_AddNumberToObject(all, p[i].key, p[i].usd);
        configured |= p[i].configured;
    }
    view_json_text(o, "price_source", configured ? "configured: [models] of the configuration or .ymago/prices.toml"
                                      : row->known ? row->known->price_note : NULL);
}

/* ---- parameters ---- */

static const char *type_name(enum ym_field_type t)
{
    switch (t) {
    case YM_F_STR:
    case YM_F_ENUM:
        return "text";
    case YM_F_INT:
        return "whole number";
    case YM_F_NUM:
        return "number";
    case YM_F_BOOL:
        return "true or false";
    case YM_F_LIST:
        return "list";
    case YM_F_MONEY:
        return "dollars";
    case YM_F_OBJECT:
        return "object";
    case YM_F_TIME:
        return "time";
    }
    return "text";
}

static void texts_add(cJSON *o, const char *key, const char *const *list)
{
    if (!list)
        return;
    cJSON *all = cJSON_AddArrayToObject(o, key);
    for (; *list; list++)
        cJSON_AddItemToArray(all, cJSON_CreateString(*list));
}

static void param_add(cJSON *all, const struct ym_param *p)
{
    const struct ym_field *f = ym_field_find(p->name);
    cJSON *o = cJSON_AddObjectToObject(all, p->name);
    bool own = p->max > p->min;
    double min = own ? p->min : f ? f->min : 0, max = own ? p->max : f ? f->max : 0;
    if (f)
        cJSON_AddStringToObject(o, "type", type_name(f->type));
    if (max > min) {
        cJSON_AddNumberToObject(o, "min", min);
        cJSON_AddNumberToObject(o, "max", max);
    }
    texts_add(o, "values", p->values ? p->values : f ? f->values : NULL);
    if (f) {
        cJSON_AddStringToObject(o, "help", f->help);
        texts_add(o, "also", f->aliases);
    }
}

static unsigned kinds_of(const struct ym_driver *d, const struct model_row *row)
{
    unsigned kinds = 0;
    const cJSON *list = row->listed ? ym_json_get(row->listed, "kinds") : NULL, *k;
    cJSON_ArrayForEach(k, list) {
        enum ym_kind kind = cJSON_IsString(k) ? ym_kind_parse(k->valuestring) : YM_KIND_NONE;
        kinds |= kind == YM_KIND_NONE ? 0 : 1u << kind;
    }
    return row->known ? row->known->kinds : kinds ? kinds : d->kinds;
}

/* By kind: what a prompt of it may set; null = anything, the provider judges. */
static void params_add(cJSON *o, const struct ym_driver *d, const struct model_row *row)
{
    cJSON *by_kind = cJSON_AddObjectToObject(o, "parameters");
    unsigned kinds = kinds_of(d, row);
    bool any = false;
    for (enum ym_kind k = 0; k < YM_KIND_COUNT; k++) {
        if (!(kinds & 1u << k))
            continue;
        const struct ym_param *p = ym_driver_params(d, row->known, k);
        cJSON *all = p ? cJSON_AddObjectToObject(by_kind, ym_kind_name(k)) : cJSON_AddNullToObject(by_kind, ym_kind_name(k));
        any |= !p;
        for (; p && p->name; p++)
            param_add(all, p);
    }
    if (any && row->known) {
        texts_add(o, "aspect_ratios", row->known->ratios);
        texts_add(o, "resolutions", row->known->sizes);
    }
}

/* ---- one model ---- */

static void kinds_add(cJSON *o, const char *key, unsigned kinds)
{
    cJSON *all = cJSON_AddArrayToObject(o, key);
    for (enum ym_kind k = 0; k < YM_KIND_COUNT; k++)
        if (kinds & 1u << k)
            cJSON_AddItemToArray(all, cJSON_CreateString(ym_kind_name(k)));
}

static unsigned defaults_of(const struct model_rows *rows, const char *id)
{
    unsigned kinds = 0;
    for (enum ym_kind k = 0; k < YM_KIND_COUNT; k++)
        if (rows->defaults[k] && strcmp(rows->defaults[k], id) == 0)
            kinds |= 1u << k;
    return kinds;
}

static void number_add(cJSON *o, const char *key, int n)
{
    cJSON_AddItemToObject(o, key, n > 0 ? cJSON_CreateNumber(n) : cJSON_CreateNull());
}

static void limits_add(cJSON *o, const struct ym_driver *d, const struct ym_provider_conf *pc, const struct ym_model_conf *mc)
{
    cJSON *all = cJSON_AddObjectToObject(o, "limits"); /* null: none */
    number_add(all, "per_minute", mc && mc->rate_limit >= 0 ? mc->rate_limit : pc->rate_limit >= 0 ? pc->rate_limit : d->rate_limit);
    number_add(all, "at_once", pc->concurrency >= 0 ? pc->concurrency : d->concurrency);
    number_add(all, "per_day", pc->daily_limit);
    number_add(all, "timeout_seconds", pc->timeout_seconds > 0 ? pc->timeout_seconds : d->timeout_seconds > 0 ? d->timeout_seconds : 300);
}

static void key_add(cJSON *o, const struct ym_driver *d, const struct ym_provider_conf *pc)
{
    cJSON *key = cJSON_AddObjectToObject(o, "key");
    cJSON_AddBoolToObject(key, "needed", d->needs_key);
    cJSON_AddBoolToObject(key, "there", pc->key != NULL);
    view_json_text(key, "variable", d->key_env);
}

static void abilities_add(cJSON *o, const struct ym_driver *d)
{
    if (d->gather) {
        cJSON *tier = cJSON_AddObjectToObject(o, "batch_tier");
        cJSON_AddNumberToObject(tier, "price_factor", d->gather->price_factor);
        cJSON_AddNumberToObject(tier, "max_jobs", d->gather->max_jobs);
    } else {
        cJSON_AddNullToObject(o, "batch_tier");
    }
    cJSON_AddBoolToObject(o, "cancel", d->cancel != NULL);
    cJSON_AddBoolToObject(o, "idempotent", d->idempotent);
}

/* What a short line and the whole file both begin with. */
static void head_add(cJSON *o, const struct model_rows *rows, const struct model_row *row)
{
    const struct ym_driver *d = rows->driver;
    cJSON_AddStringToObject(o, "id", row->id);
    cJSON_AddStringToObject(o, "provider", d->name);
    YM_AUTOFREE char *file = ym_asprintf("models/%s/%s", d->name, row->file);
    cJSON_AddStringToObject(o, "file", file);
    kinds_add(o, "kinds", kinds_of(d, row));
    kinds_add(o, "default_for", defaults_of(rows, row->id));
    cJSON_AddStringToObject(o, "source", row->known ? "built in" : row->listed ? "server" : "configuration");
    view_json_text(o, "retired", row->known ? row->known->retired : NULL);
}

static void whole_add(cJSON *o, const struct ym_models *m, const struct model_rows *rows, const struct model_row *row)
{
    const struct ym_driver *d = rows->driver;
    struct ym_provider_conf pc;
    struct ym_model_conf mc;
    bool conf = ym_config_model(m->config, row->id, &mc);
    ym_config_provider(m->config, d->name, &pc);
    unsigned max_prompt = row->known && row->known->max_prompt ? row->known->max_prompt : 2000;
    head_add(o, rows, row);
    price_add(o, m->config, d, row, true);
    key_add(o, d, &pc);
    cJSON_AddNumberToObject(o, "max_prompt", conf && mc.max_prompt > 0 ? mc.max_prompt : (double)max_prompt);
    cJSON_AddItemToObject(o, "max_references", row->known ? cJSON_CreateNumber(row->known->max_refs) : cJSON_CreateNull());
    YM_AUTOFREE char *fallback = ym_asprintf("models.%s.fallback", row->id);
    view_json_text(o, "fallback", conf ? ym_config_str(m->config, fallback) : NULL);
    limits_add(o, d, &pc, conf ? &mc : NULL);
    abilities_add(o, d);
    params_add(o, d, row);
    if (row->listed)
        cJSON_AddItemToObject(o, "server", cJSON_Duplicate(row->listed, true));
}

static cJSON *document(const char *what)
{
    cJSON *o = cJSON_CreateObject();
    YM_AUTOFREE char *mark = ym_asprintf(YM_VIEW_MARK ": %s", what);
    cJSON_AddStringToObject(o, "about", mark);
    return o;
}

/* ---- the provider's own list ---- */

static cJSON *server_document(const struct ym_list *l)
{
    cJSON *o = document("what the provider itself lists; `ymago models --refresh` asks again");
    const cJSON *item;
    view_json_time(o, "asked_at", l->asked_at);
    view_json_time(o, "answered_at", l->answered_at);
    view_json_text(o, "error", l->error[0] ? l->error : NULL);
    cJSON_ArrayForEach(item, l->doc)
        if (!cJSON_GetObjectItemCaseSensitive(o, item->string))
            cJSON_AddItemToObject(o, item->string, cJSON_Duplicate(item, true));
    return o;
}

/* ---- files ---- */

int ym_models_files(const struct ym_models *m, const char *provider, void (*fn)(void *ctx, const char *file), void *ctx)
{
    const struct ym_driver *d = models_driver(m, provider, strlen(provider));
    struct model_rows rows;
    if (!d)
        return -ENOENT;
    model_rows_init(&rows, m, d);
    if (rows.list)
        fn(ctx, YM_MODELS_SERVER);
    for (size_t i = 0; i < rows.n; i++)
        fn(ctx, rows.v[i].file);
    model_rows_fini(&rows);
    return 0;
}

int ym_view_model(const struct ym_models *m, const char *path, struct ym_buf *out)
{
    const char *slash = strchr(path, '/');
    const struct ym_driver *d = slash ? models_driver(m, path, (size_t)(slash - path)) : NULL;
    struct view v = {.out = out};
    struct model_rows rows;
    cJSON *o = NULL;
    if (!d)
        return -ENOENT;
    model_rows_init(&rows, m, d);
    if (rows.list && strcmp(slash + 1, YM_MODELS_SERVER) == 0)
        o = server_document(rows.list);
    for (size_t i = 0; i < rows.n && !o; i++)
        if (strcmp(rows.v[i].file, slash + 1) == 0) {
            o = document("prices and limits are set in the configuration, not here");
            whole_add(o, m, &rows, &rows.v[i]);
        }
    model_rows_fini(&rows);
    if (!o)
        return -ENOENT;
    view_json(&v, o, true);
    return v.r;
}

/* ---- the table ---- */

static cJSON *provider_object(const struct ym_models *m, const struct model_rows *rows)
{
    const struct ym_driver *d = rows->driver;
    struct ym_provider_conf pc;
    cJSON *o = cJSON_CreateObject();
    ym_config_provider(m->config, d->name, &pc);
    cJSON_AddStringToObject(o, "name", d->name);
    cJSON_AddBoolToObject(o, "free", d->is_free);
    cJSON_AddBoolToObject(o, "local", d->is_local);
    view_json_text(o, "base_url", pc.base_url ? pc.base_url : d->base_url);
    key_add(o, d, &pc);
    if (!rows->list) {
        cJSON_AddNullToObject(o, "list");
        return o;
    }
    cJSON *list = cJSON_AddObjectToObject(o, "list");
    view_json_time(list, "asked_at", rows->list->asked_at);
    view_json_time(list, "answered_at", rows->list->answered_at);
    view_json_text(list, "error", rows->list->error[0] ? rows->list->error : NULL);
    return o;
}

static void rows_short(cJSON *models, const struct ym_models *m, const struct model_rows *rows, const char *id)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (id && strcmp(rows->v[i].id, id) != 0)
            continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(models, o);
        if (id) {
            whole_add(o, m, rows, &rows->v[i]);
        } else {
            head_add(o, rows, &rows->v[i]);
            price_add(o, m->config, rows->driver, &rows->v[i], false);
        }
    }
}

/* "gemini", "gemini/MODEL", "MODEL" with slashes of its own: only a provider's name counts. */
static const struct ym_driver *wanted_driver(const struct ym_models *m, const char *want, const char **ret_id)
{
    *ret_id = NULL;
    if (!want)
        return NULL;
    size_t head = strcspn(want, "/");
    const struct ym_driver *d = models_driver(m, want, head);
    *ret_id = !d ? want : want[head] && want[head + 1] ? want + head + 1 : NULL;
    return d;
}

int ym_view_models(const struct ym_models *m, const char *want, struct ym_buf *out)
{
    struct view v = {.out = out};
    cJSON *o = cJSON_CreateObject();
    cJSON *models = cJSON_AddArrayToObject(o, "models"), *providers = cJSON_AddArrayToObject(o, "providers");
    const char *id;
    const struct ym_driver *of = wanted_driver(m, want, &id);
    for (const struct ym_driver *const *d = m->drivers; *d; d++) {
        struct model_rows rows;
        if (of && of != *d)
            continue;
        model_rows_init(&rows, m, *d);
        rows_short(models, m, &rows, id);
        cJSON_AddItemToArray(providers, provider_object(m, &rows));
        model_rows_fini(&rows);
    }
    view_json(&v, o, false);
    return v.r;
}
