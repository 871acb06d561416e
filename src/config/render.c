/* Everything in force, as TOML with the source of each value. */
#include <string.h>

#include "settings.h"

static int quoted(struct ym_buf *out, const char *s)
{
    YM_AUTOJSON cJSON *j = cJSON_CreateString(s);
    YM_AUTOFREE char *text = ym_json_print(j, false); /* JSON's escapes are TOML's too */
    return ym_buf_adds(out, text);
}

static int list_add(struct ym_buf *out, char *const *list)
{
    int r = ym_buf_adds(out, "[");
    for (char *const *p = list; p && *p && r == 0; p++) {
        r = p == list ? 0 : ym_buf_adds(out, ", ");
        r = r < 0 ? r : quoted(out, *p);
    }
    return r < 0 ? r : ym_buf_adds(out, "]");
}

static int value_add(struct ym_buf *out, const struct setting *v)
{
    if (v->opt->hidden)
        return ym_buf_adds(out, "\"(set)\"");
    switch (v->opt->type) {
    case OPT_INT:
        return ym_buf_addf(out, "%.0f", v->num);
    case OPT_NUM:
        return ym_buf_addf(out, "%.10g", v->num);
    case OPT_MONEY:
        return v->num < 0 ? ym_buf_adds(out, "\"unlimited\"") : ym_buf_addf(out, "%.10g", v->num);
    case OPT_BOOL:
        return ym_buf_adds(out, v->truth ? "true" : "false");
    case OPT_STR:
    case OPT_ENUM:
    case OPT_URL:
    case OPT_DEST:
    case OPT_PATH:
        return quoted(out, v->text);
    case OPT_CHOICES:
        return v->list[1] ? list_add(out, v->list) : quoted(out, v->text);
    case OPT_LIST:
        return list_add(out, v->list);
    case OPT_SECRET:
        break;
    }
    return ym_buf_adds(out, "\"(set)\"");
}

static int line_add(struct ym_buf *out, const struct setting *v, const char *source)
{
    int r = ym_buf_addf(out, "%s = ", opt_key(v->opt));
    r = r < 0 ? r : value_add(out, v);
    r = r < 0 ? r : ym_buf_adds(out, "  # ");
    if (r == 0)
        ym_text_escape(out, source, strlen(source), 200);
    return r < 0 ? r : ym_buf_adds(out, "\n");
}

/* The [section]'s own keys: set, built-in, or not set. */
static int section_add(const struct ym_config *c, const char *section, struct ym_buf *out)
{
    YM_AUTOFREE const char **keys = opt_keys(section, false);
    if (!keys[0] || strcmp(section, "auth") == 0)
        return 0;
    int r = ym_buf_addf(out, "\n[%s]\n", section);
    for (const char **k = keys; *k && r == 0; k++) {
        const struct opt *o = opt_in(section, false, *k);
        const struct setting *v = config_find(c, o, NULL);
        struct setting def = {.opt = o};
        bool empty;
        if (v)
            r = line_add(out, v, v->source);
        else if (!o->def)
            r = ym_buf_addf(out, "# %s is not set\n", *k);
        else if (value_from_text(o, o->def, &def, &empty))
            r = line_add(out, &def, "built-in");
        setting_fini(&def);
    }
    return r;
}

static int named_add(const struct ym_config *c, const char *section, const char *name, struct ym_buf *out)
{
    YM_AUTOFREE const char **keys = opt_keys(section, true);
    int r = ym_buf_addf(out, "\n[%s.", section);
    r = r < 0 ? r : quoted(out, name);
    r = r < 0 ? r : ym_buf_adds(out, "]\n");
    for (const char **k = keys; *k && r == 0; k++) {
        const struct setting *v = config_find(c, opt_in(section, true, *k), name);
        if (v)
            r = line_add(out, v, v->source);
    }
    return r;
}

int ym_config_render(const struct ym_config *c, struct ym_buf *out)
{
    YM_AUTOFREE const char **sections = opt_sections();
    int r = ym_buf_adds(out, "# The configuration in force; this file is made, not read.\n# File: ");
    if (r == 0)
        ym_text_escape(out, c->file ? c->file : "none", strlen(c->file ? c->file : "none"), 1000);
    r = r < 0 ? r : ym_buf_adds(out, "\n");
    for (const char **s = sections; *s && r == 0; s++) {
        const char *name;
        r = section_add(c, *s, out);
        for (size_t i = 0; r == 0 && (name = ym_config_name(c, *s, i)); i++)
            r = named_add(c, *s, name, out);
    }
    return r;
}
