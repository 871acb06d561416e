/* What Google's models take and cost. Prices in dollars, from the provider's list where it could be read;
 * each note says where from and when. A model that is not here is taken on trust and has no price. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "gemini.h"

#define P(n)       {.name = (n)}
#define V(n, list) {.name = (n), .values = (list)}
#define R(n, a, b) {.name = (n), .min = (a), .max = (b)}

/* ---- what is taken ---- */

/* clang-format off */
static const char *const ratios_14[] = {"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9",
                                        "1:4", "4:1", "1:8", "8:1", NULL};
static const char *const ratios_10[] = {"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", NULL};
static const char *const ratios_5[] = {"1:1", "3:4", "4:3", "9:16", "16:9", NULL};
static const char *const ratios_2[] = {"16:9", "9:16", NULL};
static const char *const sizes_4k[] = {"1K", "2K", "4K", NULL};
static const char *const sizes_2k[] = {"1K", "2K", NULL};
static const char *const sizes_1k[] = {"1K", NULL};
static const char *const lines_veo[] = {"720p", "1080p", "4k", NULL};
static const char *const lines_omni11[] = {"360p", "720p", "1080p", "4k", NULL};
static const char *const lines_omni12[] = {"360p", "720p", "1080p", NULL};
static const char *const formats_imagen[] = {"png", "jpg", "jpeg", NULL};

#define CONTENT_IMAGE P("seed"), P("quality"), P("safety"), P("negative_prompt"), P("from_image"), P("references"), \
    P("params")
static const struct ym_param nano_params[] = {
    V("aspect_ratio", ratios_14), V("resolution", sizes_4k), CONTENT_IMAGE, {0}};
static const struct ym_param pro_params[] = {V("aspect_ratio", ratios_10), V("resolution", sizes_4k), CONTENT_IMAGE, {0}};
static const struct ym_param lite_params[] = {
    V("aspect_ratio", ratios_10), V("resolution", sizes_1k), CONTENT_IMAGE, {0}};
static const struct ym_param old_params[] = {V("aspect_ratio", ratios_10), CONTENT_IMAGE, {0}};
static const struct ym_param imagen_params[] = {
    V("aspect_ratio", ratios_5), V("resolution", sizes_2k), V("format", formats_imagen), P("quality"), P("seed"),
    P("negative_prompt"), P("params"), {0}};
#define OMNI_VIDEO V("aspect_ratio", ratios_2), P("quality"), P("audio"), P("safety"), P("negative_prompt"), \
    P("from_image"), P("last_frame"), P("references"), P("params")
static const struct ym_param omni11_params[] = {R("duration", 3, 10), V("resolution", lines_omni11), OMNI_VIDEO, {0}};
static const struct ym_param omni12_params[] = {R("duration", 3, 15), V("resolution", lines_omni12), OMNI_VIDEO, {0}};
static const struct ym_param veo_params[] = {
    R("duration", 4, 8), V("resolution", lines_veo), V("aspect_ratio", ratios_2), P("quality"), P("audio"), P("seed"),
    P("negative_prompt"), P("from_image"), P("last_frame"), P("references"), P("params"), {0}};

/* Of models that nobody here knows: values are the service's to judge. */
const struct ym_param gemini_image_params[] = {P("aspect_ratio"), P("resolution"), P("format"), CONTENT_IMAGE, {0}};
const struct ym_param gemini_video_params[] = {
    P("duration"), P("resolution"), P("aspect_ratio"), P("quality"), P("audio"), P("seed"), P("safety"),
    P("negative_prompt"), P("from_image"), P("last_frame"), P("references"), P("params"), {0}};
const struct ym_param gemini_text_params[] = {
    P("schema"), P("system"), P("temperature"), P("max_tokens"), P("seed"), P("safety"), P("from_image"),
    P("references"), P("params"), {0}};

/* ---- models ---- */

#define IMAGE_USD(img, in, out, img_out) .prices = {(img), -1, -1, -1, (in), (out), (img_out), false}
#define SECOND_USD(s)                    .prices = {-1, (s), -1, -1, -1, -1, -1, false}
#define TEXT_USD(in, out)                .prices = {-1, -1, -1, -1, (in), (out), -1, false}
#define NO_USD                           .prices = {-1, -1, -1, -1, -1, -1, -1, false}
#define IMAGES .kinds = 1u << YM_IMAGE
#define VIDEOS .kinds = 1u << YM_VIDEO
#define TEXTS  .kinds = 1u << YM_TEXT, .max_prompt = 400000, .max_refs = 16
#define LISTED "ai.google.dev/gemini-api/docs/pricing, read 2026-10-07"
#define NOTED  "third parties quoting the provider's list, October 2026"
#define VEO_NOTED "the provider's list, 2026-09-20"
#define MEMORY "not confirmed by the provider's list, November 2026"
#define USE(what, when, instead) .retired = what " was shut down " when "; use " instead "."
#define VERTEX_ONLY(what) \
    .retired = what " is served by Vertex only; set its address as base_url, or use " GEMINI_DEFAULT_VIDEO "."
#define IMAGEN(name, usd) \
    {.id = name, IMAGES, IMAGE_USD(usd, -1, -1, -1), .price_note = MEMORY, .params = imagen_params, \
     USE(name, "on 2026-08-17", GEMINI_DEFAULT_IMAGE)}
#define VEO(name, end, ...) \
    {.id = name, VIDEOS, .max_refs = 4, .params = veo_params, .first_look = YM_SEC(30), end, __VA_ARGS__}
#define VEO_ENDED(name, when, ...) VEO(name, USE(name, when, GEMINI_DEFAULT_VIDEO), __VA_ARGS__)

const struct ym_model gemini_models[] = {
    {.id = GEMINI_DEFAULT_IMAGE, IMAGES, IMAGE_USD(0.0336, 1.50, 7.50, 30), .price_note = NOTED, .max_refs = 14,
     .params = nano_params},
    {.id = "gemini-3-pro-image", IMAGES, IMAGE_USD(0.134, -1, -1, 120), .price_note = LISTED, .max_refs = 14,
     .params = pro_params},
    {.id = "gemini-3.1-flash-lite-image", IMAGES, NO_USD, .max_refs = 14, .params = lite_params},
    {.id = "gemini-3.1-flash-image", IMAGES, IMAGE_USD(0.067, -1, -1, -1),
     .price_note = "third party quoting the provider's list, September 2026", .max_refs = 14, .params = pro_params,
     USE("gemini-3.1-flash-image", "on 2026-10-29", GEMINI_DEFAULT_IMAGE)},
    {.id = "gemini-2.5-flash-image", IMAGES, IMAGE_USD(0.039, -1, -1, 30),
     .price_note = "1290 tokens at 30 dollars per million, third party, September 2026", .max_refs = 3,
     .params = old_params,
     USE("gemini-2.5-flash-image", "on 2026-10-02", GEMINI_DEFAULT_IMAGE)},
    IMAGEN("imagen-4.0-fast-generate-001", 0.02), IMAGEN("imagen-4.0-generate-001", 0.04),
    IMAGEN("imagen-4.0-ultra-generate-001", 0.06),

    {.id = GEMINI_DEFAULT_VIDEO, VIDEOS, SECOND_USD(0.07),
     .price_note = "third parties: 30 % below gemini-omni-1.1-flash, November 2026",
     .max_refs = 10, .params = omni12_params, .first_look = YM_SEC(20)},
    {.id = "gemini-omni-1.1-flash", VIDEOS, SECOND_USD(0.10),
     .price_note = "wavespeed.ai quoting the provider's list, 2026-08-28", .max_refs = 10, .params = omni11_params,
     .first_look = YM_SEC(20)},
    VEO("veo-3.1-generate-001", VERTEX_ONLY("veo-3.1-generate-001"), SECOND_USD(0.40), .price_note = VEO_NOTED),
    VEO("veo-3.1-fast-generate-001", VERTEX_ONLY("veo-3.1-fast-generate-001"), NO_USD),
    VEO_ENDED("veo-3.1-generate-preview", "on 2026-10-22", SECOND_USD(0.40), .price_note = VEO_NOTED),
    VEO_ENDED("veo-3.1-fast-generate-preview", "on 2026-10-22", NO_USD),
    VEO_ENDED("veo-3.1-lite-generate-preview", "on 2026-10-22", NO_USD),
    VEO_ENDED("veo-3.0-generate-001", "on 2026-06-30", NO_USD),
    VEO_ENDED("veo-3.0-fast-generate-001", "on 2026-06-30", NO_USD),
    VEO_ENDED("veo-2.0-generate-001", "on 2026-06-30", NO_USD),

    {.id = GEMINI_DEFAULT_TEXT, TEXTS, TEXT_USD(0.75, 3.75), .price_note = LISTED ", to 2026-12-31; then 1.50 and 7.50"},
    {.id = "gemini-3.5-flash", TEXTS, TEXT_USD(1.50, 9.00), .price_note = LISTED},
    {.id = "gemini-3.5-flash-lite", TEXTS, TEXT_USD(0.30, 2.50), .price_note = LISTED},
    {.id = "gemini-3.1-pro-preview", TEXTS, TEXT_USD(2.00, 12.00), .price_note = LISTED ", over 200000 tokens 4 and 18"},
    {.id = "gemini-2.5-flash", TEXTS, NO_USD, USE("gemini-2.5-flash", "in October 2026", GEMINI_DEFAULT_TEXT)},
    {.id = "gemini-2.5-pro", TEXTS, NO_USD, USE("gemini-2.5-pro", "in October 2026", GEMINI_DEFAULT_TEXT)},
    {.id = "gemini-2.5-flash-lite", TEXTS, NO_USD,
     USE("gemini-2.5-flash-lite", "in October 2026", "gemini-3.5-flash-lite")},
    {0},
};

/* Prices of other sizes than the default: of an image, or of a second of video. */
static const struct {
    const char *model, *size;
    double usd;
} sized[] = {
    {GEMINI_DEFAULT_IMAGE, "2K", 0.0504},       {GEMINI_DEFAULT_IMAGE, "4K", 0.113},
    {"gemini-3-pro-image", "2K", 0.134},        {"gemini-3-pro-image", "4K", 0.24},
    {"gemini-3.1-flash-image", "2K", 0.101},    {"gemini-3.1-flash-image", "4K", 0.151},
    {GEMINI_DEFAULT_VIDEO, "360p", 0.021},      {GEMINI_DEFAULT_VIDEO, "1080p", 0.105},
    {"gemini-omni-1.1-flash", "360p", 0.03},    {"gemini-omni-1.1-flash", "1080p", 0.15},
    {"gemini-omni-1.1-flash", "4k", 0.30},
    {"veo-3.1-generate-001", "4k", 0.60},       {"veo-3.1-generate-preview", "4k", 0.60},
};

/* Prices of tokens that hold from a day on, or for long prompts. */
static const struct {
    const char *model;
    int64_t from_ms;
    double over, in, out;
} token_rows[] = {
    {GEMINI_DEFAULT_TEXT, 1798761600000, 0, 1.50, 7.50}, /* 2027-01-01 */
    {"gemini-3.1-pro-preview", 0, 200000, 4.00, 18.00},
};
/* clang-format on */

/* ---- sizes and seconds ---- */

static bool listed(const char *word, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

const char *gemini_size(const struct ym_call *call)
{
    static const struct {
        const char *quality, *sizes[3];
    } rows[] = {{"draft", {"360p", "720p"}}, {"standard", {"720p"}}, {"high", {"2K", "1080p"}}};
    const struct ym_param *p = ym_param_find(call->model->params, "resolution");
    const char *asked = ym_json_str(call->req->params, "resolution");
    const char *quality = ym_json_str_or(call->req->params, "quality", "standard");
    for (size_t i = 0; !asked && p && i < YM_COUNT(rows); i++)
        for (size_t k = 0; strcmp(rows[i].quality, quality) == 0 && rows[i].sizes[k] && !asked; k++)
            if (listed(rows[i].sizes[k], p->values))
                asked = rows[i].sizes[k];
    return asked;
}

double gemini_seconds(const struct ym_call *call)
{
    return ym_json_num_or(call->req->params, "duration", 8);
}

/* ---- prices ---- */

static double sized_usd(const struct ym_call *call, double plain)
{
    const char *size = gemini_size(call);
    for (size_t i = 0; size && !call->prices.from_config && i < YM_COUNT(sized); i++)
        if (strcmp(sized[i].model, call->req->model) == 0 && strcmp(sized[i].size, size) == 0)
            return sized[i].usd;
    return plain;
}

double gemini_image_usd(const struct ym_call *call)
{
    return sized_usd(call, call->prices.image);
}

double gemini_second_usd(const struct ym_call *call)
{
    return sized_usd(call, call->prices.second);
}

struct gemini_tokens_usd gemini_tokens_price(const struct ym_call *call, double prompt_tokens)
{
    const struct ym_prices *p = &call->prices;
    struct gemini_tokens_usd usd = {p->mtok_in, p->mtok_out, p->mtok_image_out};
    for (size_t i = 0; !p->from_config && i < YM_COUNT(token_rows); i++)
        if (strcmp(token_rows[i].model, call->req->model) == 0 && call->now.ms >= token_rows[i].from_ms &&
            prompt_tokens >= token_rows[i].over)
            usd = (struct gemini_tokens_usd){token_rows[i].in, token_rows[i].out, p->mtok_image_out};
    return usd;
}

static int unknown_price(const struct ym_call *call, const char *key, struct ym_err *e)
{
    return ym_fail(e, YM_HELD, ENODATA, "Nobody knows the price of %.80s; set %s in prices.toml.", call->req->model, key);
}

static int estimate_set(const struct ym_call *call, double low, double expected, double high, struct ym_estimate *ret,
                        struct ym_err *e)
{
    struct ym_estimate est;
    if (ym_money_from_double(low, &est.low) < 0 || ym_money_from_double(expected, &est.expected) < 0 ||
        ym_money_from_double(high, &est.high) < 0)
        return ym_fail(e, YM_INVALID, ERANGE, "The price of %.80s is out of range.", call->req->model);
    *ret = est;
    return 0;
}

/* Rather too many. */
static double prompt_tokens(const struct ym_call *call)
{
    const char *system = ym_json_str_or(call->req->params, "system", "");
    return (double)(20 + (strlen(call->req->prompt) + strlen(system)) / 2 + 1300 * call->req->nrefs);
}

static int price_image(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    const struct ym_prices *p = &call->prices;
    double image = gemini_image_usd(call), read = 0, think = 0, more = 0;
    if (image < 0)
        return unknown_price(call, "price_per_image_usd", e);
    if (!p->from_config && p->mtok_in >= 0 && p->mtok_out >= 0) { /* what it reads, and what it may think */
        read = prompt_tokens(call) * p->mtok_in / 1e6;
        think = 300 * p->mtok_out / 1e6;
        more = 2000 * p->mtok_out / 1e6;
    }
    return estimate_set(call, image, image + read + think, image + read + more, ret, e);
}

static int price_video(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    double usd = gemini_second_usd(call) * gemini_seconds(call);
    if (gemini_second_usd(call) < 0)
        return unknown_price(call, "price_per_second_usd", e);
    return estimate_set(call, usd, usd, usd, ret, e);
}

/* Thinking is billed as output and counts towards max_tokens. */
static int price_text(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    double tokens = prompt_tokens(call), most = ym_json_num_or(call->req->params, "max_tokens", 8192);
    struct gemini_tokens_usd usd = gemini_tokens_price(call, tokens);
    if (usd.in < 0 || usd.out < 0)
        return unknown_price(call, "price_per_mtok_in_usd and price_per_mtok_out_usd", e);
    double read = tokens * usd.in / 1e6, word = usd.out / 1e6;
    return estimate_set(call, read + fmin(100, most) * word, read + fmin(1500, most) * word, read + most * word, ret, e);
}

int gemini_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    if (call->req->kind == YM_VIDEO)
        return price_video(call, ret, e);
    return call->req->kind == YM_TEXT ? price_text(call, ret, e) : price_image(call, ret, e);
}
