/* The loaded configuration: looked up, counted, copied. */
#include <string.h>

#include "settings.h"

struct ym_config *config_new(void)
{
    struct ym_config *c = ym_alloc(sizeof *c);
    atomic_init(&c->refs, 1);
    return c;
}

static void list_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

void setting_fini(struct setting *v)
{
    free(v->name);
    free(v->source);
    free(v->text);
    list_free(v->list);
    ym_secret_free(v->secret);
    memset(v, 0, sizeof *v);
}

struct ym_config *ym_config_ref(struct ym_config *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void ym_config_unref(struct ym_config *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    for (size_t i = 0; i < c->nset; i++)
        setting_fini(&c->set[i]);
    free(c->set);
    list_free(c->allow);
    free(c->file);
    free(c);
}

static bool same_name(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

struct setting *config_find(const struct ym_config *c, const struct opt *o, const char *name)
{
    for (size_t i = 0; i < c->nset; i++)
        if (c->set[i].opt == o && same_name(c->set[i].name, name))
            return &c->set[i];
    return NULL;
}

void config_put(struct ym_config *c, struct setting *v)
{
    struct setting *old = config_find(c, v->opt, v->name);
    if (old) {
        setting_fini(old);
        *old = *v;
    } else {
        if ((c->nset & (c->nset + 1)) == 0) /* doubles at 0, 1, 3, 7 ... */
            c->set = ym_realloc(c->set, (c->nset * 2 + 1) * sizeof *c->set);
        c->set[c->nset++] = *v;
    }
    memset(v, 0, sizeof *v);
}

static struct setting setting_copy(const struct setting *v)
{
    struct setting n = *v;
    n.name = ym_strdup(v->name);
    n.source = ym_strdup(v->source);
    n.text = ym_strdup(v->text);
    if (v->secret) {
        const char *s = ym_secret_reveal(v->secret);
        n.secret = ym_secret_new(s, strlen(s));
    }
    if (v->list) {
        size_t count = 0;
        while (v->list[count])
            count++;
        n.list = ym_alloc_array(count + 1, sizeof *n.list);
        for (size_t i = 0; i < count; i++)
            n.list[i] = ym_strdup(v->list[i]);
    }
    return n;
}

struct ym_config *config_copy(const struct ym_config *c)
{
    struct ym_config *n = config_new();
    n->file = ym_strdup(c->file);
    for (size_t i = 0; i < c->nset; i++) {
        struct setting v = setting_copy(&c->set[i]);
        config_put(n, &v);
    }
    config_allow_rebuild(n);
    return n;
}

const char *ym_config_file(const struct ym_config *c)
{
    return c->file;
}

/* ---- by dotted name ---- */

static const struct opt *option_of(const char *key, char **ret_name)
{
    const struct opt *o = opt_find(key, ret_name);
    if (!o)
        ym_log(YM_ERROR, "config", "no option is called %s", key);
    ym_assert(o != NULL);
    return o;
}

/* The value in force; *def is filled from the table when nothing set it. NULL = not set at all. */
static const struct setting *in_force(const struct ym_config *c, const struct opt *o,
                                      const char *name, struct setting *def)
{
    const struct setting *v = config_find(c, o, name);
    bool empty;
    if (v || !o->def)
        return v;
    bool ok = value_from_text(o, o->def, def, &empty);
    ym_assert(ok && !empty);
    return def;
}

static double number_of(const struct ym_config *c, const struct opt *o, const char *name, double unset)
{
    struct setting def = {0};
    const struct setting *v = in_force(c, o, name, &def);
    return v ? v->num : unset;
}

int64_t ym_config_int(const struct ym_config *c, const char *key)
{
    YM_AUTOFREE char *name = NULL;
    const struct opt *o = option_of(key, &name);
    ym_assert(o->type == OPT_INT);
    return (int64_t)number_of(c, o, name, -1);
}

double ym_config_num(const struct ym_config *c, const char *key)
{
    YM_AUTOFREE char *name = NULL;
    const struct opt *o = option_of(key, &name);
    ym_assert(o->type == OPT_NUM || o->type == OPT_MONEY);
    return number_of(c, o, name, -1);
}

bool ym_config_bool(const struct ym_config *c, const char *key)
{
    YM_AUTOFREE char *name = NULL;
    const struct opt *o = option_of(key, &name);
    ym_assert(o->type == OPT_BOOL);
    struct setting def = {0};
    const struct setting *v = in_force(c, o, name, &def);
    return v && v->truth;
}

static bool is_text(const struct opt *o)
{
    return o->type == OPT_STR || o->type == OPT_ENUM || o->type == OPT_URL || o->type == OPT_DEST ||
           o->type == OPT_PATH || o->type == OPT_CHOICES;
}

/* A default text lives in the table, so that the caller can borrow it. */
const char *ym_config_str(const struct ym_config *c, const char *key)
{
    YM_AUTOFREE char *name = NULL;
    const struct opt *o = option_of(key, &name);
    ym_assert(is_text(o));
    const struct setting *v = config_find(c, o, name);
    return v ? v->text : o->def;
}

const struct ym_secret *ym_config_secret(const struct ym_config *c, const char *key)
{
    YM_AUTOFREE char *name = NULL;
    const struct opt *o = option_of(key, &name);
    ym_assert(o->type == OPT_SECRET);
    const struct setting *v = config_find(c, o, name);
    return v ? v->secret : NULL;
}

const char *ym_config_name(const struct ym_config *c, const char *section, size_t index)
{
    size_t len = strlen(section), seen = 0;
    for (size_t i = 0; i < c->nset; i++) {
        const struct setting *v = &c->set[i];
        const char *s;
        bool first = v->name && opt_section(v->opt, &s) == len && memcmp(s, section, len) == 0;
        for (size_t k = 0; first && k < i; k++)
            first = !(c->set[k].name && opt_section(c->set[k].opt, &s) == len &&
                      memcmp(s, section, len) == 0 && strcmp(c->set[k].name, v->name) == 0);
        if (first && seen++ == index)
            return v->name;
    }
    return NULL;
}

/* ---- providers, models ---- */

static double named_number(const struct ym_config *c, const char *section, const char *name,
                           const char *key, double unset)
{
    return number_of(c, opt_in(section, true, key), name, unset);
}

static const struct setting *named(const struct ym_config *c, const char *section, const char *name,
                                   const char *key)
{
    return config_find(c, opt_in(section, true, key), name);
}

void ym_config_provider(const struct ym_config *c, const char *name, struct ym_provider_conf *ret)
{
    const struct setting *key = named(c, "providers", name, "api_key");
    const struct setting *url = named(c, "providers", name, "base_url");
    *ret = (struct ym_provider_conf){
        .key = key ? key->secret : NULL,
        .base_url = url ? url->text : NULL,
        .rate_limit = (int)named_number(c, "providers", name, "rate_limit", -1),
        .concurrency = (int)named_number(c, "providers", name, "concurrency", -1),
        .daily_limit = (int)named_number(c, "providers", name, "daily_limit", -1),
        .timeout_seconds = (int)named_number(c, "providers", name, "timeout_seconds", -1),
        .retry_attempts = (int)named_number(c, "providers", name, "retry_attempts", 5),
        .gather_seconds = (int)named_number(c, "providers", name, "gather_seconds", 60),
    };
}

bool ym_config_model(const struct ym_config *c, const char *id, struct ym_model_conf *ret)
{
    const struct setting *provider = named(c, "models", id, "provider");
    bool found = false;
    const char *s;
    for (size_t i = 0; i < c->nset && !found; i++)
        found = c->set[i].name && strcmp(c->set[i].name, id) == 0 &&
                opt_section(c->set[i].opt, &s) == 6 && memcmp(s, "models", 6) == 0;
    *ret = (struct ym_model_conf){
        .provider = provider ? provider->text : NULL,
        .image = named_number(c, "models", id, "price_per_image_usd", -1),
        .second = named_number(c, "models", id, "price_per_second_usd", -1),
        .song = named_number(c, "models", id, "price_per_song_usd", -1),
        .kchars = named_number(c, "models", id, "price_per_1k_chars_usd", -1),
        .mtok_in = named_number(c, "models", id, "price_per_mtok_in_usd", -1),
        .mtok_out = named_number(c, "models", id, "price_per_mtok_out_usd", -1),
        .max_prompt = (int)named_number(c, "models", id, "max_prompt", -1),
        .rate_limit = (int)named_number(c, "models", id, "rate_limit", -1),
    };
    return found;
}

static const struct setting *default_models(const struct ym_config *c, enum ym_kind k)
{
    static const char *const keys[YM_KIND_COUNT] = {
        [YM_IMAGE] = "image_model", [YM_VIDEO] = "video_model", [YM_AUDIO] = "audio_model",
        [YM_SFX] = "sfx_model",     [YM_TEXT] = "text_model",
    };
    ym_assert(k >= 0 && k < YM_KIND_COUNT);
    return config_find(c, opt_in("defaults", false, keys[k]), NULL);
}

const char *ym_config_default_model(const struct ym_config *c, enum ym_kind k)
{
    const struct setting *v = default_models(c, k);
    return v ? v->text : NULL;
}

const char *const *ym_config_default_models(const struct ym_config *c, enum ym_kind k)
{
    const struct setting *v = default_models(c, k);
    return v ? (const char *const *)v->list : NULL;
}

/* ---- origins that may be private ---- */

/* A service that the owner named by its address may be at home; webhooks may not. */
static bool is_service_url(const struct opt *o)
{
    return strcmp(opt_key(o), "base_url") == 0 || strcmp(opt_key(o), "endpoint_url") == 0;
}

void config_allow_rebuild(struct ym_config *c)
{
    size_t n = 0, max = c->nset;
    for (size_t i = 0; i < c->nset; i++)
        for (char **p = c->set[i].opt->type == OPT_LIST ? c->set[i].list : NULL; p && *p; p++)
            max++;
    list_free(c->allow);
    c->allow = ym_alloc_array(max + 1, sizeof *c->allow);
    for (size_t i = 0; i < c->nset; i++) {
        const struct setting *v = &c->set[i];
        for (char **p = v->opt->type == OPT_LIST ? v->list : NULL; p && *p; p++)
            c->allow[n++] = ym_strdup(*p);
        if (v->text && is_service_url(v->opt)) {
            size_t scheme = (size_t)(strstr(v->text, "://") - v->text) + 3;
            c->allow[n++] = ym_strndup(v->text, scheme + strcspn(v->text + scheme, "/"));
        }
    }
}

const char *const *ym_config_allow(const struct ym_config *c)
{
    return (const char *const *)c->allow;
}
