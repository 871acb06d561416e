/* The library's prices.toml over the configuration. */
#include <errno.h>
#include <string.h>

#include "settings.h"

static int only_prices(const cJSON *doc, struct ym_err *e)
{
    const cJSON *models = ym_json_get(doc, "models"), *model, *item;
    cJSON_ArrayForEach (model, models) {
        cJSON_ArrayForEach (item, model) {
            if (strncmp(item->string, "price_", 6) == 0 || !opt_in("models", true, item->string))
                continue; /* an unknown key gets its own sentence later */
            return ym_fail(e, YM_INVALID, EINVAL,
                           "prices.toml: %s is no price; it belongs in the configuration file.",
                           item->string);
        }
    }
    return 0;
}

int ym_config_prices(const struct ym_config *c, const char *toml, size_t len, struct ym_config **ret,
                     struct ym_err *e)
{
    static const char *const only[] = {"models", NULL};
    struct table_source t = {
        .shown = "prices.toml",
        .text = toml,
        .len = len,
        .only = only,
        .only_says = "prices.toml has [models.\"NAME\"] tables only.",
        .rank = 100,
    };
    YM_AUTOJSON cJSON *doc = NULL;
    struct ym_err inner;
    if (ym_toml_parse(toml, len, &doc, NULL, &inner) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "prices.toml: %s", inner.msg);
    int r = only_prices(doc, e);
    if (r < 0)
        return r;
    struct ym_config *n = config_copy(c);
    r = table_apply(n, doc, &t, e);
    if (r < 0) {
        ym_config_unref(n);
        return r;
    }
    *ret = n;
    return 0;
}
