/* The commented start of prices.toml: what is reckoned with now, ready to be changed. */
#include <string.h>

#include "view.h"

static const char head[] = "# Prices in US dollars that estimates and budgets are reckoned with.\n"
                           "# They are not asked from the providers: compare them with your bill. "
                           "To set one, take the '#'\n"
                           "# off its [models] line and its price and save. A model without a "
                           "price is held until approved.\n";

struct price {
    const char *key;
    double value; /* negative = unknown */
};

static double first(double configured, double listed)
{
    return configured >= 0 ? configured : listed;
}

static void model(struct view *v, const struct ym_config *c, const struct ym_driver *d,
                  const struct ym_model *m)
{
    struct ym_model_conf conf = {NULL, -1, -1, -1, -1, -1, -1, -1, -1};
    const struct ym_prices *p = &m->prices;
    if (!ym_config_model(c, m->id, &conf))
        conf = (struct ym_model_conf){NULL, -1, -1, -1, -1, -1, -1, -1, -1};
    const struct price prices[] = {
        {"price_per_image_usd", first(conf.image, p->image)},
        {"price_per_second_usd", first(conf.second, p->second)},
        {"price_per_song_usd", first(conf.song, p->song)},
        {"price_per_1k_chars_usd", first(conf.kchars, p->kchars)},
        {"price_per_mtok_in_usd", first(conf.mtok_in, p->mtok_in)},
        {"price_per_mtok_out_usd", first(conf.mtok_out, p->mtok_out)},
    };
    view_add(v, "\n# ");
    view_text(v, d->name, 40);
    if (m->price_note || m->retired) {
        view_add(v, ": ");
        view_text(v, m->retired ? m->retired : m->price_note, 300);
    }
    view_add(v, "\n#[models.\"");
    view_text(v, m->id, 120);
    view_add(v, "\"]\n");
    bool any = false;
    for (size_t i = 0; i < YM_COUNT(prices); i++) {
        if (prices[i].value >= 0)
            view_add(v, "#%s = %.10g\n", prices[i].key, prices[i].value);
        any |= prices[i].value >= 0;
    }
    if (!any)
        view_add(v, "#price_per_image_usd = \n");
}

int ym_view_prices(const struct ym_config *c, const struct ym_driver *const *drivers,
                   struct ym_buf *out)
{
    struct view v = {.out = out};
    view_add(&v, "%s", head);
    for (; *drivers; drivers++) {
        if ((*drivers)->is_free)
            continue;
        for (const struct ym_model *m = (*drivers)->models; m && m->id; m++)
            model(&v, c, *drivers, m);
    }
    return v.r;
}
