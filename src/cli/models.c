/* ymago models: providers, models, prices; a model that is named with all it takes. */
#include <errno.h>
#include <string.h>
#include <ymago/views.h>

#include "cli_private.h"
#include "save.h"

#define ANSWER_MAX (8 << 20)
#define WIDE       44 /* no column is wider; what is longer pushes the rest */

struct look {
    struct cli *c;
    struct where w;
    struct session s;
    const char *want;
    enum ym_kind kind; /* NONE = all */
    cJSON *answer;
};

/* ---- getting it ---- */

static int look_ask(struct look *l, bool refresh, struct ym_err *e)
{
    cJSON *q = request_new("models", l->want);
    cJSON_AddBoolToObject(q, "refresh", refresh);
    if (refresh)
        out_progress(l->c, "asking the providers");
    int r = session_call(&l->s, q, -1, &l->answer, NULL, e);
    out_progress(l->c, "");
    return r;
}

/* Nobody works and there is no library: what the program and the configuration know. */
static int look_plain(struct look *l, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf b;
    struct ym_config *cfg = l->c->h->config_load(&l->c->common, e);
    struct ym_models m = {.config = cfg, .drivers = l->c->h->drivers};
    ym_buf_init(&b, ANSWER_MAX);
    if (!cfg)
        return -EINVAL;
    int r = ym_view_models(&m, l->want, &b);
    ym_config_unref(cfg);
    if (r == 0)
        r = ym_json_parse(b.data, b.len, ANSWER_MAX, &l->answer, NULL);
    return r < 0 ? ym_fail(e, YM_BROKEN, -r, "The models cannot be listed.") : 0;
}

static int look_get(struct look *l, struct ym_err *e)
{
    bool refresh = arg_has(&l->c->a, "refresh");
    int r = where_find(l->c, NULL, NULL, &l->w, e);
    if (r == 0 && refresh && l->w.fallback)
        r = folders_make(l->w.library, 0777 & ~l->c->umask, e);
    if (r == 0)
        r = session_open(l->c, &l->w, SESSION_QUIET | (refresh && l->w.fallback ? SESSION_CREATE : 0), &l->s, e);
    if (r == 0)
        return look_ask(l, refresh, e);
    return refresh || l->w.given ? r : look_plain(l, e);
}

/* ---- what of it ---- */

static bool has_kind(const cJSON *model, enum ym_kind kind)
{
    const cJSON *k;
    cJSON_ArrayForEach(k, ym_json_get(model, "kinds"))
        if (kind != YM_KIND_NONE && cJSON_IsString(k) && strcmp(k->valuestring, ym_kind_name(kind)) == 0)
            return true;
    return kind == YM_KIND_NONE;
}

static int look_filter(struct look *l, struct ym_err *e)
{
    cJSON *models = cJSON_GetObjectItemCaseSensitive(l->answer, "models"), *next;
    char shown[80];
    for (cJSON *m = models ? models->child : NULL; m; m = next) {
        next = m->next;
        if (!has_kind(m, l->kind))
            cJSON_Delete(cJSON_DetachItemViaPointer(models, m));
    }
    if (l->want && cJSON_GetArraySize(models) == 0)
        return ym_fail(e, YM_INVALID, ENOENT, "No model here fits \"%s\": `ymago models` lists all, `--refresh` asks the providers.",
                       ym_text_show(l->want, shown, sizeof(shown)));
    return 0;
}

/* ---- the table ---- */

/* "image, video" */
static char *joined(const cJSON *list, const char *none)
{
    struct ym_buf b;
    const cJSON *item;
    ym_buf_init(&b, 4096);
    cJSON_ArrayForEach(item, list)
        if (cJSON_IsString(item) && ym_buf_addf(&b, "%s%s", b.len ? ", " : "", item->valuestring) < 0)
            break;
    if (!b.len)
        ym_buf_adds(&b, none);
    return ym_buf_steal(&b);
}

static const cJSON *provider_of(const struct look *l, const cJSON *model)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, ym_json_get(l->answer, "providers"))
        if (strcmp(ym_json_str_or(p, "name", ""), ym_json_str_or(model, "provider", "")) == 0)
            return p;
    return NULL;
}

/* "default for image; no key: set X" */
static char *marks(const struct look *l, const cJSON *m)
{
    struct ym_buf b;
    const cJSON *key = ym_json_get(provider_of(l, m), "key"), *defaults = ym_json_get(m, "default_for");
    ym_buf_init(&b, 4096);
    if (cJSON_GetArraySize(defaults)) {
        YM_AUTOFREE char *kinds = joined(defaults, "");
        ym_buf_addf(&b, "default for %s", kinds);
    }
    if (ym_json_bool(key, "needed", false) && !ym_json_bool(key, "there", false))
        ym_buf_addf(&b, "%sno key: set %s", b.len ? "; " : "", ym_json_str_or(key, "variable", "its api_key"));
    if (ym_json_str(m, "retired"))
        ym_buf_addf(&b, "%sretired", b.len ? "; " : "");
    if (strcmp(ym_json_str_or(m, "source", ""), "server") == 0)
        ym_buf_addf(&b, "%son the server", b.len ? "; " : "");
    return b.len ? ym_buf_steal(&b) : ym_strdup("");
}

static char *name_of(const cJSON *m)
{
    return ym_asprintf("%s/%s", ym_json_str_or(m, "provider", ""), ym_json_str_or(m, "id", ""));
}

static int wider(int width, const char *s)
{
    int n = (int)ym_utf8_count(s, strlen(s));
    return n > width && n <= WIDE ? n : width;
}

static void row_show(const char *const cell[4], const int width[3])
{
    struct ym_buf b;
    ym_buf_init(&b, 16384);
    for (int i = 0; i < 4; i++) {
        int pad = i < 3 ? width[i] - (int)ym_utf8_count(cell[i], strlen(cell[i])) : 0;
        ym_buf_addf(&b, "%s%s%*s", i ? "  " : "", cell[i], pad > 0 ? pad : 0, "");
    }
    while (b.len && b.data[b.len - 1] == ' ')
        b.data[--b.len] = '\0';
    out_line(b.data ? b.data : "");
    ym_buf_fini(&b);
}

static void table_show(const struct look *l)
{
    static const char *const head[4] = {"MODEL", "KINDS", "PRICE", "MARKS"};
    int width[3] = {0};
    const cJSON *m;
    if (cJSON_GetArraySize(ym_json_get(l->answer, "models")) == 0) {
        out_note(l->c, "No model makes that here; `ymago models` lists all.");
        return;
    }
    for (int show = 0; show < 2; show++) {
        if (show)
            row_show(head, width);
        cJSON_ArrayForEach(m, ym_json_get(l->answer, "models")) {
            YM_AUTOFREE char *name = name_of(m);
            YM_AUTOFREE char *kinds = joined(ym_json_get(m, "kinds"), "");
            YM_AUTOFREE char *more = marks(l, m);
            const char *const cell[4] = {name, kinds, ym_json_str_or(m, "price", "not known"), more};
            for (int i = 0; i < 3; i++)
                width[i] = wider(wider(width[i], head[i]), cell[i]);
            if (show)
                row_show(cell, width);
        }
    }
}

/* ---- one model ---- */

__attribute__((format(printf, 2, 3))) static void fact(const char *name, const char *fmt, ...)
{
    va_list ap;
    YM_AUTOFREE char *text = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    ym_assert(n >= 0);
    YM_AUTOFREE char *line = ym_asprintf("  %-11s %s", name, text);
    out_line(line);
}

/* "60 a minute, 4 at once" */
static void limits_show(const cJSON *limits)
{
    static const struct { const char *key, *unit; } rows[] = {
        {"per_minute", "a minute"}, {"at_once", "at once"}, {"per_day", "a day"}, {"timeout_seconds", "seconds at most"}};
    struct ym_buf b;
    ym_buf_init(&b, 512);
    for (size_t i = 0; i < YM_COUNT(rows); i++)
        if (cJSON_IsNumber(ym_json_get(limits, rows[i].key)))
            ym_buf_addf(&b, "%s%.0f %s", b.len ? ", " : "", ym_json_num_or(limits, rows[i].key, 0), rows[i].unit);
    fact("limits", "%s", b.data ? b.data : "none");
    ym_buf_fini(&b);
}

static void param_show(const cJSON *p)
{
    YM_AUTOFREE char *values = joined(ym_json_get(p, "values"), "");
    YM_AUTOFREE char *range = NULL;
    if (!*values && cJSON_IsNumber(ym_json_get(p, "max")))
        range = ym_asprintf("%s, %.10g to %.10g", ym_json_str_or(p, "type", "number"), ym_json_num_or(p, "min", 0),
                            ym_json_num_or(p, "max", 0));
    const char *takes = *values ? values : range ? range : ym_json_str_or(p, "type", "");
    YM_AUTOFREE char *line = ym_asprintf("    %-18s %s%s%s", p->string, takes, *takes ? ". " : "", ym_json_str_or(p, "help", ""));
    out_line(line);
}

static void params_show(const cJSON *m)
{
    const cJSON *kind, *p;
    YM_AUTOFREE char *ratios = joined(ym_json_get(m, "aspect_ratios"), "");
    YM_AUTOFREE char *sizes = joined(ym_json_get(m, "resolutions"), "");
    if (*ratios)
        fact("ratios", "%s", ratios);
    if (*sizes)
        fact("sizes", "%s", sizes);
    cJSON_ArrayForEach(kind, ym_json_get(m, "parameters")) {
        YM_AUTOFREE char *head = ym_asprintf("  settings of %s%s", kind->string,
                                             cJSON_IsObject(kind) ? "" : ": taken as they are, the provider judges");
        out_line(head);
        cJSON_ArrayForEach(p, kind) /* null has none */
            param_show(p);
    }
}

static void model_show(const struct look *l, const cJSON *m)
{
    YM_AUTOFREE char *name = name_of(m);
    YM_AUTOFREE char *kinds = joined(ym_json_get(m, "kinds"), "");
    YM_AUTOFREE char *more = marks(l, m);
    const cJSON *tier = ym_json_get(m, "batch_tier");
    const char *source = ym_json_str(m, "price_source"), *retired = ym_json_str(m, "retired");
    out_line(name);
    if (retired)
        fact("retired", "%s", retired);
    fact("makes", "%s%s%s%s", kinds, *more ? " (" : "", more, *more ? ")" : "");
    fact("price", "%s%s%s%s", ym_json_str_or(m, "price", "not known: held until you approve"), source ? " (" : "",
         source ? source : "", source ? ")" : "");
    if (ym_json_str(m, "fallback"))
        fact("fallback", "%s", ym_json_str(m, "fallback"));
    fact("prompt", "at most %.0f characters", ym_json_num_or(m, "max_prompt", 0));
    if (cJSON_IsNumber(ym_json_get(m, "max_references")))
        fact("images", "at most %.0f to start from or follow", ym_json_num_or(m, "max_references", 0));
    limits_show(ym_json_get(m, "limits"));
    if (cJSON_IsObject(tier))
        fact("tier: batch", "%.0f %% of the price, %.0f at a time", ym_json_num_or(tier, "price_factor", 1) * 100,
             ym_json_num_or(tier, "max_jobs", 0));
    fact("cancelling", "%s", ym_json_bool(m, "cancel", false) ? "ends it at the provider" : "lets it run out; the result is kept");
    params_show(m);
}

/* ---- the command ---- */

static void errors_note(const struct look *l)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, ym_json_get(l->answer, "providers")) {
        const char *why = ym_json_str(ym_json_get(p, "list"), "error");
        if (why)
            out_note(l->c, "%s: %s", ym_json_str_or(p, "name", ""), why);
    }
}

static int kind_read(struct look *l, struct ym_err *e)
{
    const char *kind = arg_get(&l->c->a, "kind");
    l->kind = kind ? ym_kind_parse(kind) : YM_KIND_NONE;
    if (kind && l->kind == YM_KIND_NONE)
        return ym_fail(e, YM_INVALID, EINVAL, "--kind is image, video, audio, sfx or text.");
    return 0;
}

int cmd_models(struct cli *c)
{
    struct look l = {.c = c, .want = c->a.npos ? c->a.pos[0] : NULL};
    struct ym_err err = {0};
    const cJSON *m;
    int code, r = kind_read(&l, &err);
    if (r == 0)
        r = look_get(&l, &err);
    if (r == 0)
        r = look_filter(&l, &err);
    if (r < 0) {
        code = out_fail(c, &err);
    } else {
        const cJSON *first = cJSON_GetArrayItem(ym_json_get(l.answer, "models"), 0);
        if (!c->json && first && ym_json_get(first, "parameters"))
            cJSON_ArrayForEach(m, ym_json_get(l.answer, "models"))
                model_show(&l, m);
        else if (!c->json)
            table_show(&l);
        errors_note(&l);
        code = out_json(c, ym_steal(&l.answer), YM_EXIT_DONE);
    }
    session_close(&l.s);
    where_fini(&l.w);
    cJSON_Delete(l.answer);
    return code;
}
