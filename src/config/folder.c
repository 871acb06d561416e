/* folder.toml: defaults for the prompts of one folder. It travels with the folder, so it may not hold
 * keys, say where requests go, or allow more spending. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "settings.h"

static const struct {
    const char *word, *why;
} refused[] = {
    {"api_key", "keys belong in the configuration file"},
    {"api_key_file", "keys belong in the configuration file"},
    {"google_api_key", "keys belong in the configuration file"},
    {"secret", "keys belong in the configuration file"},
    {"password", "keys belong in the configuration file"},
    {"token", "keys belong in the configuration file"},
    {"auth", "keys belong in the configuration file"},
    {"cloud_storage", "keys belong in the configuration file"},
    {"base_url", "a folder may not say where requests go"},
    {"endpoint", "a folder may not say where requests go"},
    {"endpoint_url", "a folder may not say where requests go"},
    {"providers", "a folder may not say where requests go"},
    {"destinations", "destinations are declared in the configuration file"},
    {"webhooks", "webhooks are declared in the configuration file"},
    {"net", "a folder may not say where requests go"},
    {"models", "prices belong in prices.toml or the configuration file"},
    {"budget", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"per_job_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"batch_auto_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"daily_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"monthly_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"grace_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"retry_unknown_max_usd", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"unknown_price", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"bulk_count", "a folder may only lower max_usd; ceilings are in cost/budget.toml"},
    {"rate_limit", "limits belong in the configuration file"},
};

static const char *why_refused(const char *key)
{
    for (size_t i = 0; i < YM_COUNT(refused); i++)
        if (strcasecmp(key, refused[i].word) == 0)
            return refused[i].why;
    if (strncasecmp(key, "aws_", 4) == 0 || strncasecmp(key, "r2_", 3) == 0 || strncasecmp(key, "gcp_", 4) == 0)
        return "keys belong in the configuration file";
    return strncasecmp(key, "price_", 6) == 0 ? "prices belong in prices.toml or the configuration file" : NULL;
}

static int key_check(const char *key, struct ym_err *e)
{
    const char *why = why_refused(key);
    const struct ym_field *f = ym_field_find(key);
    char show[64];
    ym_text_show(key, show, sizeof show);
    if (why)
        return ym_fail(e, YM_INVALID, EPERM, "folder.toml: \"%s\" is not allowed here: %s.", show, why);
    if (f && f->in_folder)
        return 0;
    if (f)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "folder.toml: \"%s\" belongs to a single prompt and cannot be a folder's default.", show);
    YM_AUTOFREE const char **names = field_names(true);
    size_t n = 0;
    while (names[n])
        n++;
    names[n++] = "kind";
    names[n++] = "prompt";
    names[n++] = "sidecar";
    const char *near = ym_text_suggest(key, names);
    if (near)
        return ym_fail(e, YM_INVALID, EINVAL, "folder.toml: unknown key \"%s\"; did you mean \"%s\"?", show, near);
    return ym_fail(e, YM_INVALID, EINVAL,
                   "folder.toml: unknown key \"%s\"; keys of your own go below [metadata].", show);
}

static int take_kind(const cJSON *v, enum ym_kind *ret, struct ym_err *e)
{
    *ret = cJSON_IsString(v) ? ym_kind_parse(v->valuestring) : YM_KIND_NONE;
    if (*ret == YM_KIND_NONE)
        return ym_fail(e, YM_INVALID, EINVAL, "folder.toml: kind must be image, video, audio, sfx or text.");
    return 0;
}

static int take_own(const cJSON *v, cJSON *own, struct ym_err *e)
{
    const char *s = cJSON_IsString(v) ? v->valuestring : NULL;
    bool sidecar = strcmp(v->string, "sidecar") == 0;
    if (sidecar && (!s || (strcmp(s, "beside") != 0 && strcmp(s, "off") != 0)))
        return ym_fail(e, YM_INVALID, EINVAL, "folder.toml: sidecar must be \"beside\" or \"off\".");
    if (!s)
        return ym_fail(e, YM_INVALID, EINVAL, "folder.toml: prompt must be a text.");
    cJSON_AddStringToObject(own, v->string, s);
    return 0;
}

int ym_folder_parse(const char *toml, size_t len, cJSON **ret_fields, enum ym_kind *ret_kind, struct ym_err *e)
{
    YM_AUTOJSON cJSON *doc = NULL;
    YM_AUTOJSON cJSON *own = cJSON_CreateObject();
    YM_AUTOJSON cJSON *plain = cJSON_CreateObject();
    enum ym_kind kind = YM_KIND_NONE;
    struct ym_err inner;
    cJSON *v;
    int r = 0;
    if (ym_toml_parse(toml, len, &doc, NULL, &inner) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "folder.toml: %s", inner.msg);
    while ((v = doc->child) && r == 0) {
        if (strcmp(v->string, "kind") == 0)
            r = take_kind(v, &kind, e);
        else if (strcmp(v->string, "prompt") == 0 || strcmp(v->string, "sidecar") == 0)
            r = take_own(v, own, e);
        else if ((r = key_check(v->string, e)) == 0)
            cJSON_AddItemToObject(plain, v->string, cJSON_Duplicate(v, true));
        cJSON_Delete(cJSON_DetachItemViaPointer(doc, v));
    }
    YM_AUTOJSON cJSON *fields = NULL;
    r = r < 0 ? r : ym_fields_check(plain, "folder.toml", &fields, e);
    if (r < 0)
        return r;
    while ((v = own->child))
        cJSON_AddItemToObject(fields, v->string, cJSON_DetachItemViaPointer(own, v));
    *ret_fields = ym_steal(&fields);
    *ret_kind = kind;
    return 0;
}
