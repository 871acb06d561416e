/* A parsed TOML table -> settings, each key held against the option table. */
#include <errno.h>
#include <string.h>

#include "settings.h"

/* "ymago.toml line 3", or without the line when it was not found. */
static const char *place(const struct table_source *t, const char *dotted, char *out, size_t size)
{
    int line = toml_line(t->text, t->len, dotted);
    if (line > 0)
        snprintf(out, size, "%s line %d", t->shown, line);
    else
        snprintf(out, size, "%s", t->shown);
    return out;
}

static int unknown(const struct table_source *t, const char *dotted, const char *word,
                   const char *in, const char **known, struct ym_err *e)
{
    YM_AUTOFREE const char **list = known;
    char where[200], show[64];
    const char *near = ym_text_suggest(word, list);
    place(t, dotted, where, sizeof where);
    ym_text_show(word, show, sizeof show);
    if (near)
        return ym_fail(e, YM_INVALID, EINVAL, "%s: unknown %s \"%s\"; did you mean \"%s\"?", where, in,
                       show, near);
    return ym_fail(e, YM_INVALID, EINVAL, "%s: unknown %s \"%s\"; the manual lists those that there are.",
                   where, in, show);
}

static int set_key(struct ym_config *c, const struct opt *o, const char *name, const char *dotted,
                   const cJSON *j, const struct table_source *t, struct ym_err *e)
{
    char where[200], expects[160], show[64] = "";
    bool empty = false;
    struct setting v = {.opt = o, .rank = t->rank};
    place(t, dotted, where, sizeof where);
    if (!value_from_json(o, j, &v, &empty)) {
        setting_fini(&v);
        opt_expects(o, expects, sizeof expects);
        if (o->hidden || !(cJSON_IsString(j) || cJSON_IsNumber(j)))
            return ym_fail(e, YM_INVALID, EINVAL, "%s: %s must be %s.", where, dotted, expects);
        YM_AUTOFREE char *text = cJSON_IsString(j) ? ym_strdup(j->valuestring) : ym_json_print(j, false);
        return ym_fail(e, YM_INVALID, EINVAL, "%s: %s must be %s, not %s.", where, dotted, expects,
                       ym_text_show(text, show, sizeof show));
    }
    if (empty)
        return 0;
    if (strcmp(o->name, "auth.google_api_key") == 0) { /* a second name for the same thing */
        v.opt = opt_in("providers", true, "api_key");
        name = "gemini";
    }
    if (o->type == OPT_PATH) {
        char *whole = path_whole(v.text, t->base_dir, t->home);
        free(v.text);
        v.text = whole;
    }
    v.name = ym_strdup(name);
    v.source = ym_strdup(where);
    config_put(c, &v);
    return 0;
}

static bool name_ok(const char *section, const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 128 || ym_text_has_control(name, n))
        return false;
    if (strcmp(section, "models") == 0)
        return true;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static int check_name(const char *section, const char *name, const struct table_source *t, struct ym_err *e)
{
    YM_AUTOFREE char *dotted = ym_asprintf("%s.%s", section, name);
    char where[200];
    if (!name_ok(section, name))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%s: a name in [%s.NAME] has letters, digits, \"-\" and \"_\" only.",
                       place(t, dotted, where, sizeof where), section);
    if (strcmp(section, "providers") != 0 || !t->providers)
        return 0;
    size_t n = 0;
    for (; t->providers[n].name; n++)
        if (strcmp(t->providers[n].name, name) == 0)
            return 0;
    const char **list = ym_alloc_array(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = t->providers[i].name;
    return unknown(t, dotted, name, "provider", list, e);
}

static int apply_named(struct ym_config *c, const char *section, const cJSON *table,
                       const struct table_source *t, struct ym_err *e)
{
    const cJSON *item;
    int r = check_name(section, table->string, t, e);
    cJSON_ArrayForEach (item, table) {
        if (r < 0)
            break;
        YM_AUTOFREE char *dotted = ym_asprintf("%s.%s.%s", section, table->string, item->string);
        char in[80];
        snprintf(in, sizeof in, "key of [%s.NAME]", section);
        const struct opt *o = opt_in(section, true, item->string);
        r = o ? set_key(c, o, table->string, dotted, item, t, e)
              : unknown(t, dotted, item->string, in, opt_keys(section, true), e);
    }
    return r;
}

static int apply_section(struct ym_config *c, const cJSON *table, const struct table_source *t,
                         struct ym_err *e)
{
    const char *section = table->string;
    YM_AUTOFREE const char **named = opt_keys(section, true);
    const cJSON *item;
    int r = 0;
    cJSON_ArrayForEach (item, table) {
        if (r < 0)
            break;
        YM_AUTOFREE char *dotted = ym_asprintf("%s.%s", section, item->string);
        char in[80];
        snprintf(in, sizeof in, "key of [%s]", section);
        const struct opt *o = opt_in(section, false, item->string);
        if (o)
            r = set_key(c, o, NULL, dotted, item, t, e);
        else if (named[0] && cJSON_IsObject(item))
            r = apply_named(c, section, item, t, e);
        else
            r = unknown(t, dotted, item->string, in, opt_keys(section, false), e);
    }
    return r;
}

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

int table_apply(struct ym_config *c, const cJSON *doc, const struct table_source *t, struct ym_err *e)
{
    const cJSON *table;
    char where[200];
    cJSON_ArrayForEach (table, doc) {
        YM_AUTOFREE const char **sections = opt_sections();
        if (!listed(table->string, sections))
            return unknown(t, table->string, table->string, cJSON_IsObject(table) ? "table" : "key",
                           ym_steal(&sections), e);
        place(t, table->string, where, sizeof where);
        if (t->only && !listed(table->string, t->only))
            return ym_fail(e, YM_INVALID, EINVAL, "%s: [%s] may not be set here; %s", where,
                           table->string, t->only_says);
        if (!cJSON_IsObject(table))
            return ym_fail(e, YM_INVALID, EINVAL, "%s: %s is a table; write [%s] in a line of its own.",
                           where, table->string, table->string);
        int r = apply_section(c, table, t, e);
        if (r < 0)
            return r;
    }
    return 0;
}
