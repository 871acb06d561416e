/* What is known of the models: prices in dollars, and what each takes. */
#include <string.h>

#include "openai.h"

#define PRICES(img, sec, in, out, img_out)                                                                  \
    {                                                                                                       \
        .image = (img), .second = (sec), .song = -1, .kchars = -1, .mtok_in = (in), .mtok_out = (out),      \
        .mtok_image_out = (img_out)                                                                         \
    }

/* ---- what is taken ---- */

static const char *const formats[] = {"png", "jpeg", "jpg", "webp", NULL};
static const char *const three_ratios[] = {"1:1", "3:2", "2:3", NULL};
static const char *const three_sizes[] = {"1K", NULL};
static const char *const free_sizes[] = {"1K", "2K", "4K", NULL};
static const char *const sora_ratios[] = {"16:9", "9:16", NULL};
static const char *const sora_sizes[] = {"720p", NULL};
static const char *const sora_pro_sizes[] = {"720p", "1024p", "1080p", NULL};

#define IMAGE_PARAMS(ratios, sizes)                                                                         \
    {                                                                                                       \
        {.name = "quality"}, {.name = "aspect_ratio", .values = (ratios)}, {.name = "resolution", .values = (sizes)}, \
            {.name = "width"}, {.name = "height"}, {.name = "format", .values = formats},                   \
            {.name = "negative_prompt"}, {.name = "from_image"}, {.name = "references"}, {.name = "params"}, \
        {0}                                                                                                 \
    }
#define VIDEO_PARAMS(ratios, sizes)                                                                         \
    {                                                                                                       \
        {.name = "duration"}, {.name = "aspect_ratio", .values = (ratios)}, {.name = "resolution", .values = (sizes)}, \
            {.name = "width"}, {.name = "height"}, {.name = "negative_prompt"}, {.name = "from_image"},     \
            {.name = "params"},                                                                             \
        {0}                                                                                                 \
    }

static const struct ym_param three_params[] = IMAGE_PARAMS(three_ratios, three_sizes);
static const struct ym_param sixteens_params[] = IMAGE_PARAMS(NULL, free_sizes);
static const struct ym_param sora_params[] = VIDEO_PARAMS(sora_ratios, sora_sizes);
static const struct ym_param sora_pro_params[] = VIDEO_PARAMS(sora_ratios, sora_pro_sizes);
static const struct ym_param reasoning_params[] = { /* reasoning models refuse `temperature` */
    {.name = "schema"},     {.name = "system"},     {.name = "max_tokens"},
    {.name = "from_image"}, {.name = "references"}, {.name = "params"},
    {0},
};
const struct ym_param openai_image_params[] = IMAGE_PARAMS(NULL, NULL);
const struct ym_param openai_video_params[] = VIDEO_PARAMS(NULL, NULL);
const struct ym_param openai_text_params[] = {
    {.name = "schema"},     {.name = "system"},     {.name = "max_tokens"}, {.name = "temperature"},
    {.name = "from_image"}, {.name = "references"}, {.name = "params"},
    {0},
};

/* ---- rows ---- */

#define THIRD_PARTY(month) "third parties quoting the provider's list, " month
#define MODEL_PAGE         "the provider's model page, November 2026"
#define IMAGE_ROW(name, img, in, img_out, list, note)                                                       \
    {                                                                                                       \
        .id = (name), .kinds = 1u << YM_IMAGE, .prices = PRICES(img, -1, in, -1, img_out), .price_note = (note), \
        .max_prompt = 32000, .max_refs = 16, .params = (list)                                               \
    }
#define TEXT_ROW(name, in, out, note)                                                                       \
    {                                                                                                       \
        .id = (name), .kinds = 1u << YM_TEXT, .prices = PRICES(-1, -1, in, out, -1), .price_note = (note),  \
        .max_prompt = 400000, .max_refs = 16, .params = reasoning_params                                    \
    }
#define GONE_ROW(name, kind, sentence)                                                                      \
    {                                                                                                       \
        .id = (name), .kinds = 1u << (kind), .prices = PRICES(-1, -1, -1, -1, -1), .max_prompt = 4000,      \
        .max_refs = 16, .retired = (sentence)                                                               \
    }
#define SORA_ROW(name, sec, list)                                                                           \
    {                                                                                                       \
        .id = (name), .kinds = 1u << YM_VIDEO, .prices = PRICES(-1, sec, -1, -1, -1), .price_note = MODEL_PAGE, \
        .max_prompt = 4000, .max_refs = 1, .params = (list), .first_look = {20 * 1000},                 \
        .retired = name " was shut down with the whole Videos API on 2026-09-24; use another provider for videos, " \
                        "or a gateway that serves it (base_url of [providers.openai])."                     \
    }

const struct ym_model openai_models[] = {
    IMAGE_ROW("gpt-image-2.5-flare", 0.053, 5, 30, sixteens_params, THIRD_PARTY("September 2026")),
    IMAGE_ROW("gpt-image-2.5-sunburst", 0.053, 5, 30, sixteens_params, THIRD_PARTY("September 2026")),
    IMAGE_ROW("gpt-image-2", 0.053, 5, 30, sixteens_params, THIRD_PARTY("May 2026")),
    IMAGE_ROW("gpt-image-1.5", 0.034, 5, 32, three_params, THIRD_PARTY("November 2026")),
    IMAGE_ROW("gpt-image-1-mini", 0.011, 2, 8, three_params, MODEL_PAGE),
    GONE_ROW("gpt-image-1", YM_IMAGE, "gpt-image-1 was shut down on 2026-10-23; use " OPENAI_DEFAULT_IMAGE "."),
    GONE_ROW("dall-e-3", YM_IMAGE, "dall-e-3 was shut down on 2026-05-12; use " OPENAI_DEFAULT_IMAGE "."),
    GONE_ROW("dall-e-2", YM_IMAGE, "dall-e-2 was shut down on 2026-05-12; use " OPENAI_DEFAULT_IMAGE "."),
    SORA_ROW("sora-2", 0.10, sora_params),
    SORA_ROW("sora-2-pro", 0.30, sora_pro_params),
    TEXT_ROW("gpt-6-sol", 2.00, 10.00, THIRD_PARTY("September 2026")),
    TEXT_ROW("gpt-6-luna", 0.10, 0.50, THIRD_PARTY("September 2026")),
    TEXT_ROW("gpt-6-astra", 10.00, 50.00, THIRD_PARTY("November 2026")),
    TEXT_ROW("gpt-5.6-sol", 5.00, 30.00, THIRD_PARTY("November 2026")),
    TEXT_ROW("gpt-5.6-terra", 2.00, 12.00, THIRD_PARTY("November 2026")),
    TEXT_ROW("gpt-5.6-luna", 0.20, 1.20, MODEL_PAGE),
    TEXT_ROW("gpt-5.4", 2.50, 15.00, THIRD_PARTY("May 2026")),
    TEXT_ROW("gpt-5.4-mini", 0.75, 4.50, THIRD_PARTY("May 2026")),
    TEXT_ROW("gpt-5.4-nano", 0.20, 1.25, THIRD_PARTY("May 2026")),
    {0},
};

/* Of an image by quality: a square of 1024, then 1536 x 1024. */
#define IMAGES_2   {{0.006, 0.005}, {0.053, 0.041}, {0.211, 0.165}}
#define IMAGES_1_5 {{0.009, 0.013}, {0.034, 0.050}, {0.133, 0.200}}
#define IMAGES_1_M {{0.005, 0.006}, {0.011, 0.015}, {0.036, 0.052}}

static const struct openai_traits traits[] = {
    {"gpt-image-2.5-flare", OPENAI_SIXTEENS, 8, IMAGES_2},
    {"gpt-image-2.5-sunburst", OPENAI_SIXTEENS, 8, IMAGES_2},
    {"gpt-image-2", OPENAI_SIXTEENS, 8, IMAGES_2},
    {"gpt-image-1.5", OPENAI_THREE, 8, IMAGES_1_5},
    {"gpt-image-1-mini", OPENAI_THREE, 2.5, IMAGES_1_M},
    {"sora-2", OPENAI_SORA, 0, {{0}}},
    {"sora-2-pro", OPENAI_SORA_PRO, 0, {{0}}},
};

const struct openai_traits *openai_traits(const struct ym_call *call)
{
    static const struct openai_traits loose;
    for (size_t i = 0; i < YM_COUNT(traits); i++)
        if (strcmp(traits[i].id, call->req->model) == 0)
            return &traits[i];
    return &loose;
}

const struct ym_model *openai_known(const struct ym_call *call)
{
    return ym_driver_model(&ym_driver_openai, call->req->model);
}
