/* What a request may cost, and what one did cost by its usage and the list prices. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "openai.h"

/* Tokens; above them text costs twice as much to read and half as much again to write. */
#define LONG_INPUT 272000

static int estimate(const struct ym_call *call, double low, double expected, double high,
                    struct ym_estimate *ret, struct ym_err *e)
{
    struct ym_estimate est;
    if (ym_money_from_double(low, &est.low) < 0 || ym_money_from_double(expected, &est.expected) < 0 ||
        ym_money_from_double(high, &est.high) < 0)
        return ym_fail(e, YM_INVALID, ERANGE, "The price of %.60s is out of range.", call->req->model);
    *ret = est;
    return 0;
}

/* Who asks for no key bills nobody. A price that is configured or listed counts all the same: a proxy on
 * this machine may add a key of its own. */
bool openai_is_free(const struct ym_call *call)
{
    const struct ym_prices *p = &call->prices;
    bool known = call->req->kind == YM_IMAGE   ? p->image >= 0 || p->mtok_image_out >= 0
                 : call->req->kind == YM_VIDEO ? p->second >= 0
                                               : p->mtok_in >= 0 || p->mtok_out >= 0;
    return call->own_base_url && !call->has_key && !known;
}

static int unknown(const struct ym_call *call, const char *key, struct ym_estimate *ret, struct ym_err *e)
{
    if (openai_is_free(call))
        return estimate(call, 0, 0, 0, ret, e);
    return ym_fail(e, YM_HELD, ENODATA, "Nobody knows the price of %.60s; set %s in prices.toml.",
                   call->req->model, key);
}

/* ---- images ---- */

/* Dollars of one image and, in *ret_high, the most that it may be; negative = unknown. What is larger than
 * the listed sizes grows by less than its area; how much less is not documented. */
static double image_usd(const struct ym_call *call, double *ret_high)
{
    const struct openai_traits *t = openai_traits(call);
    enum openai_quality q = openai_quality(call);
    struct openai_size s = {0, 0};
    *ret_high = call->prices.image;
    if (call->prices.from_config || t->mtok_image_in <= 0)
        return call->prices.image;
    if (q == OPENAI_OTHER)
        return -1;
    openai_size(call, &s, NULL);
    const double *row = t->image[q == OPENAI_AUTO ? OPENAI_MEDIUM : q],
                 *top = t->image[q == OPENAI_AUTO ? OPENAI_HIGH : q];
    double most = row[0] > row[1] ? row[0] : row[1], top_most = top[0] > top[1] ? top[0] : top[1];
    double times = (double)s.width * s.height / (1024.0 * 1024);
    if (t->shape == OPENAI_THREE) {
        *ret_high = top_most;
        return s.width == 0 ? most : s.width == s.height ? row[0] : row[1];
    }
    times = times <= 1536.0 / 1024 ? 1 : times;
    *ret_high = top_most * times * 1.25;
    return most * pow(times, 0.65);
}

static int image_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    const struct ym_prices *p = &call->prices;
    double high, image = image_usd(call, &high), read = 0;
    if (image < 0)
        return unknown(call, "price_per_image_usd", ret, e);
    if (!p->from_config && p->mtok_in >= 0)
        read = ((double)strlen(call->req->prompt) / 3 * p->mtok_in +
                1500.0 * (double)call->req->nrefs * openai_traits(call)->mtok_image_in) /
               1e6;
    return estimate(call, image, image + read, high + 4 * read, ret, e);
}

static double tokens(const cJSON *usage, const char *path)
{
    const cJSON *v = ym_json_at(usage, path);
    return cJSON_IsNumber(v) && v->valuedouble > 0 && v->valuedouble < 1e9 ? v->valuedouble : 0;
}

static void cost_set(struct ym_next *n, double usd)
{
    n->cost_known = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
    n->cost_is_estimate = usd > 0;
}

void openai_cost_image(const struct ym_call *call, const cJSON *usage, struct ym_next *n)
{
    const struct ym_prices *p = &call->prices;
    double out = tokens(usage, "output_tokens"), high, image = image_usd(call, &high);
    double text = tokens(usage, "input_tokens_details.text_tokens"),
           images = tokens(usage, "input_tokens_details.image_tokens");
    if (text + images <= 0)
        text = tokens(usage, "input_tokens");
    if (out > 0 && p->mtok_image_out >= 0 && !(p->from_config && p->image >= 0))
        cost_set(n, (out * p->mtok_image_out + text * fmax(p->mtok_in, 0) +
                     images * openai_traits(call)->mtok_image_in) /
                        1e6);
    else
        cost_set(n, image >= 0 ? image * n->nmedia : openai_is_free(call) ? 0 : -1);
}

/* ---- videos ---- */

static int video_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    double each = call->prices.second, seconds = ym_json_num_or(call->req->params, "duration", -1);
    struct openai_size s = {0, 0};
    openai_size(call, &s, NULL);
    /* The listed price is that of 720p. */
    if (each < 0 || (openai_traits(call)->shape == OPENAI_SORA_PRO && s.width + s.height > 1280 + 720 &&
                     !call->prices.from_config))
        return unknown(call, "price_per_second_usd", ret, e);
    if (seconds > 0 || openai_traits(call)->shape != OPENAI_LOOSE)
        return estimate(call, each * (seconds > 0 ? seconds : 4), each * (seconds > 0 ? seconds : 4),
                        each * (seconds > 0 ? seconds : 4), ret, e);
    return estimate(call, each * 4, each * 8, each * 12, ret, e); /* the service's own length */
}

void openai_cost_video(const struct ym_call *call, double seconds, struct ym_next *n)
{
    double asked = ym_json_num_or(call->req->params, "duration", -1);
    if (seconds <= 0)
        seconds = asked;
    if (call->prices.second >= 0 && seconds > 0)
        cost_set(n, call->prices.second * seconds);
    else if (call->prices.second < 0 && openai_is_free(call))
        cost_set(n, 0);
}

/* ---- texts ---- */

static double text_usd(const struct ym_prices *p, double in, double out)
{
    bool is_long = in > LONG_INPUT && !p->from_config;
    return (in * p->mtok_in * (is_long ? 2 : 1) + out * p->mtok_out * (is_long ? 1.5 : 1)) / 1e6;
}

static int text_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    const struct ym_prices *p = &call->prices;
    const cJSON *asked = ym_json_get(call->req->params, "schema");
    YM_AUTOFREE char *schema = asked ? ym_json_print(asked, false) : NULL;
    double bytes =
        (double)(strlen(call->req->prompt) + strlen(ym_json_str_or(call->req->params, "system", "")) +
                 (schema ? strlen(schema) : 0));
    double images = (double)call->req->nrefs,
           out = (double)ym_json_int_or(call->req->params, "max_tokens", OPENAI_TOKENS_OUT);
    if (p->mtok_in < 0 || p->mtok_out < 0)
        return unknown(call, "price_per_mtok_in_usd and price_per_mtok_out_usd", ret, e);
    return estimate(call, text_usd(p, bytes / 5 + 80 * images, fmin(out, 50)),
                    text_usd(p, bytes / 3 + 1500 * images, fmin(out, 1500)),
                    text_usd(p, 50 + bytes + 15000 * images, out), ret, e);
}

void openai_cost_text(const struct ym_call *call, const cJSON *usage, struct ym_next *n)
{
    const struct ym_prices *p = &call->prices;
    double in = tokens(usage, "input_tokens") + tokens(usage, "prompt_tokens");
    double out = tokens(usage, "output_tokens") + tokens(usage, "completion_tokens");
    if (p->mtok_in >= 0 && p->mtok_out >= 0 && in + out > 0)
        cost_set(n, text_usd(p, in, out));
    else if (p->mtok_in < 0 && openai_is_free(call))
        cost_set(n, 0);
}

int openai_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    switch (call->req->kind) {
    case YM_IMAGE:
        return image_price(call, ret, e);
    case YM_VIDEO:
        return video_price(call, ret, e);
    case YM_TEXT:
        return text_price(call, ret, e);
    case YM_AUDIO:
    case YM_SFX:
    case YM_KIND_COUNT:
    case YM_KIND_NONE:
        break;
    }
    return ym_fail(e, YM_HELD, ENODATA, "%.60s makes no %s.", call->req->model, ym_kind_name(call->req->kind));
}
