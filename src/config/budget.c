/* cost/budget.toml: the ceilings. */
#include <errno.h>
#include <string.h>

#include "settings.h"

void ym_budget_fini(struct ym_budget *b)
{
    cJSON_Delete(b->models);
    cJSON_Delete(b->folders);
    cJSON_Delete(b->channels);
    b->models = b->folders = b->channels = NULL;
}

static ym_money money(const struct ym_config *c, const char *key)
{
    double usd = ym_config_num(c, key);
    ym_money m = {-1};
    if (usd >= 0) {
        int r = ym_money_from_double(usd, &m);
        ym_assert(r == 0);
    }
    return m;
}

void ym_budget_default(const struct ym_config *c, struct ym_budget *ret)
{
    *ret = (struct ym_budget){
        .per_job = money(c, "budget.per_job_usd"),
        .batch_auto = money(c, "budget.batch_auto_usd"),
        .daily = money(c, "budget.daily_usd"),
        .monthly = money(c, "budget.monthly_usd"),
        .retry_unknown_max = money(c, "budget.retry_unknown_max_usd"),
        .grace = money(c, "budget.grace_usd"),
        .unknown_price_hold = strcmp(ym_config_str(c, "budget.unknown_price"), "hold") == 0,
        .bulk_count = (int)ym_config_int(c, "budget.bulk_count"),
        .grace_seconds = (int)ym_config_int(c, "budget.grace_seconds"),
        .warn_at = ym_config_num(c, "budget.warn_at"),
    };
}

/* ---- [model."X"] daily_usd = 5 ---- */

static int limit_fail(const struct table_source *t, const char *section, const char *name,
                      const char *what, struct ym_err *e)
{
    YM_AUTOFREE char *dotted = ym_asprintf("%s.%s", section, name);
    int line = toml_line(t->text, t->len, dotted);
    char show[80], at[24] = "";
    if (line > 0)
        snprintf(at, sizeof at, " line %d", line);
    return ym_fail(e, YM_INVALID, EINVAL, "budget.toml%s: [%s.\"%s\"] %s", at, section,
                   ym_text_show(name, show, sizeof show), what);
}

/* Takes [section.NAME] tables out of doc. */
static int limits_take(cJSON *doc, const char *section, const struct table_source *t, cJSON **ret,
                       struct ym_err *e)
{
    YM_AUTOJSON cJSON *in = cJSON_DetachItemFromObjectCaseSensitive(doc, section);
    YM_AUTOJSON cJSON *out = cJSON_CreateObject();
    const cJSON *table, *item;
    if (!in)
        return 0;
    if (!cJSON_IsObject(in))
        return ym_fail(e, YM_INVALID, EINVAL, "budget.toml: %s is a table; write [%s.\"NAME\"].", section,
                       section);
    cJSON_ArrayForEach (table, in) {
        ym_money m = {-1};
        if (!cJSON_IsObject(table) || !table->child)
            return limit_fail(t, section, table->string, "needs a line such as daily_usd = 5.", e);
        cJSON_ArrayForEach (item, table) {
            if (strcmp(item->string, "daily_usd") != 0)
                return limit_fail(t, section, table->string, "takes daily_usd only.", e);
            bool ok = cJSON_IsNumber(item) ? ym_money_from_double(item->valuedouble, &m) == 0
                                           : cJSON_IsString(item) && ym_money_parse(item->valuestring, &m) == 0;
            if (!ok)
                return limit_fail(t, section, table->string, "daily_usd must be an amount in dollars.", e);
        }
        cJSON_AddNumberToObject(out, table->string, ym_money_usd(m));
    }
    *ret = ym_steal(&out);
    return 0;
}

/* The [budget] keys stand at the top of this file: they become the table that the options know. */
static cJSON *as_budget_table(cJSON *doc)
{
    cJSON *all = cJSON_CreateObject(), *budget = cJSON_AddObjectToObject(all, "budget"), *item;
    cJSON *inner = cJSON_DetachItemFromObjectCaseSensitive(doc, "budget");
    while ((item = doc->child))
        cJSON_AddItemToObject(budget, item->string, cJSON_DetachItemViaPointer(doc, item));
    while (inner && (item = inner->child))
        cJSON_AddItemToObject(budget, item->string, cJSON_DetachItemViaPointer(inner, item));
    cJSON_Delete(inner);
    return all;
}

int ym_budget_parse(const struct ym_config *c, const char *toml, size_t len, struct ym_budget *ret,
                    struct ym_err *e)
{
    struct table_source t = {.shown = "budget.toml", .text = toml, .len = len, .rank = 100};
    struct ym_budget b = {0};
    struct ym_err inner;
    YM_AUTOJSON cJSON *doc = NULL;
    if (ym_toml_parse(toml, len, &doc, NULL, &inner) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "budget.toml: %s", inner.msg);
    int r = limits_take(doc, "model", &t, &b.models, e);
    if (r == 0)
        r = limits_take(doc, "folder", &t, &b.folders, e);
    if (r == 0)
        r = limits_take(doc, "channel", &t, &b.channels, e);
    if (r == 0) {
        YM_AUTOJSON cJSON *all = as_budget_table(doc);
        struct ym_config *over = config_copy(c);
        r = table_apply(over, all, &t, e);
        if (r == 0) {
            struct ym_budget limits = b;
            ym_budget_default(over, &b);
            b.models = limits.models;
            b.folders = limits.folders;
            b.channels = limits.channels;
        }
        ym_config_unref(over);
    }
    if (r == 0)
        *ret = b;
    else
        ym_budget_fini(&b);
    return r;
}

/* ---- the file of a new library ---- */

static int amount(struct ym_buf *out, const char *key, ym_money m, const char *help)
{
    if (m.micro_usd < 0)
        return ym_buf_addf(out, "%s = \"unlimited\"  # %s\n", key, help);
    return ym_buf_addf(out, "%s = %.10g  # %s\n", key, ym_money_usd(m), help);
}

static int limits(struct ym_buf *out, const char *section, const cJSON *list)
{
    const cJSON *item;
    int r = 0;
    cJSON_ArrayForEach (item, list) {
        YM_AUTOJSON cJSON *name = cJSON_CreateString(item->string);
        YM_AUTOFREE char *quoted = ym_json_print(name, false);
        r = r < 0 ? r : ym_buf_addf(out, "\n[%s.%s]\ndaily_usd = %.10g\n", section, quoted, item->valuedouble);
    }
    return r;
}

int ym_budget_render(const struct ym_budget *b, struct ym_buf *out)
{
    const struct {
        const char *key;
        ym_money m;
    } amounts[] = {
        {"per_job_usd", b->per_job},
        {"batch_auto_usd", b->batch_auto},
        {"daily_usd", b->daily},
        {"monthly_usd", b->monthly},
        {"retry_unknown_max_usd", b->retry_unknown_max},
        {"grace_usd", b->grace},
    };
    int r = ym_buf_adds(out, "# What ymago may spend, in dollars. Save this file and the new limits hold at once;\n"
                             "# after a mistake the old ones stay and budget.error.log says what is wrong.\n\n");
    for (size_t i = 0; i < YM_COUNT(amounts) && r == 0; i++)
        r = amount(out, amounts[i].key, amounts[i].m, opt_in("budget", false, amounts[i].key)->help);
    if (r == 0)
        r = ym_buf_addf(out, "grace_seconds = %d  # %s\nbulk_count = %d  # %s\nwarn_at = %.10g  # %s\n",
                        b->grace_seconds, opt_in("budget", false, "grace_seconds")->help, b->bulk_count,
                        opt_in("budget", false, "bulk_count")->help, b->warn_at,
                        opt_in("budget", false, "warn_at")->help);
    if (r == 0)
        r = ym_buf_addf(out, "unknown_price = \"%s\"  # %s\n", b->unknown_price_hold ? "hold" : "allow",
                        opt_in("budget", false, "unknown_price")->help);
    if (r == 0 && !b->models && !b->folders && !b->channels)
        r = ym_buf_adds(out, "\n# A ceiling per day for one model or one folder:\n"
                             "# [model.\"gemini-nano-banana-2.1\"]\n# daily_usd = 5\n"
                             "# [folder.\"images/drafts\"]\n# daily_usd = 1\n");
    r = r < 0 ? r : limits(out, "model", b->models);
    r = r < 0 ? r : limits(out, "folder", b->folders);
    return r < 0 ? r : limits(out, "channel", b->channels);
}
