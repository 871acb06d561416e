/* What fal's better-known models take, and how they spell it. A model that is not here is asked in the
 * usual words; what it calls otherwise can be given below `params`. */
#include <string.h>

#include "fal.h"

/* clang-format off */
#define L(...)             ((const char *const[]){__VA_ARGS__, NULL})
#define LENGTHS(...)       ((const int[]){__VA_ARGS__, 0})
#define P(name)            {(name), 0, 0, NULL}
#define P_RANGE(name, a, b) {(name), (a), (b), NULL}
#define P_OF(name, ...)    {(name), 0, 0, L(__VA_ARGS__)}
#define END                {NULL, 0, 0, NULL}
/* `quality` is taken where it is the ordinary one, so that a batch with such a column runs everywhere. */
#define USUAL              P("params"), P_OF("quality", "standard"), END

#define NAMED_SIZES "square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"
#define RATIOS_10   "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"

/* ---- what they take: a model that hands requests with images to a sibling takes what that one takes; which
 * of the fields go together is then the sibling's to say ---- */

static const struct ym_param flux_dev[] = {
    P("from_image"), P("strength"), P("seed"), P("aspect_ratio"), P("width"), P("height"), P_OF("resolution", NAMED_SIZES), P_RANGE("steps", 1, 50),
    P_RANGE("cfg_scale", 1, 20), P_OF("format", "jpeg", "png"), USUAL};
static const struct ym_param flux_schnell[] = {
    P("seed"), P("aspect_ratio"), P("width"), P("height"), P_OF("resolution", NAMED_SIZES), P_RANGE("steps", 1, 12),
    P_RANGE("cfg_scale", 1, 20), P_OF("format", "jpeg", "png"), USUAL};
static const struct ym_param flux_image[] = {
    P("from_image"), P("seed"), P("strength"), P_RANGE("steps", 1, 50), P_RANGE("cfg_scale", 1, 20),
    P_OF("format", "jpeg", "png"), USUAL};
static const struct ym_param kontext[] = {
    P("from_image"), P("seed"), P_OF("aspect_ratio", "21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"),
    P_RANGE("cfg_scale", 1, 20), P_OF("format", "jpeg", "png"), USUAL};
static const struct ym_param banana[] = {
    P("from_image"), P("references"), P_OF("aspect_ratio", RATIOS_10), P_OF("format", "png", "jpeg", "webp"), USUAL};
static const struct ym_param banana_sized[] = {
    P("from_image"), P("references"), P_OF("aspect_ratio", RATIOS_10), P_OF("resolution", "1K", "2K", "4K"),
    P_OF("format", "png", "jpeg", "webp"), P_OF("quality", "standard", "high"), P("params"), END};
static const struct ym_param seedream[] = {
    P("from_image"), P("references"), P("seed"), P("aspect_ratio"), P("width"), P("height"),
    P_OF("resolution", NAMED_SIZES), USUAL};
static const struct ym_param qwen[] = {
    P("negative_prompt"), P("seed"), P("aspect_ratio"), P("width"), P("height"), P_OF("resolution", NAMED_SIZES),
    P("steps"), P_RANGE("cfg_scale", 0, 20), P_OF("format", "jpeg", "png"), USUAL};

static const struct ym_param kling_text[] = {
    P("from_image"), P("last_frame"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16", "1:1"), P("negative_prompt"), P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param kling_image[] = {
    P("from_image"), P("last_frame"), P("duration"), P("negative_prompt"), P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param veo_3[] = {
    P("from_image"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16"), P_OF("resolution", "720p", "1080p"), P("audio"),
    P("negative_prompt"), P("seed"), USUAL};
static const struct ym_param veo_31[] = {
    P("from_image"), P("last_frame"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16"),
    P_OF("resolution", "720p", "1080p"), P("audio"), P("negative_prompt"), P("seed"), USUAL};
static const struct ym_param veo_image[] = {
    P("from_image"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16"), P_OF("resolution", "720p", "1080p"), P("audio"),
    USUAL};
static const struct ym_param veo_frames[] = {
    P("from_image"), P("last_frame"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16", "1:1"),
    P_OF("resolution", "720p", "1080p"), P("audio"), USUAL};
static const struct ym_param omni[] = {P("duration"), P("aspect_ratio"), USUAL};
static const struct ym_param wan_text[] = {
    P("from_image"), P("duration"), P_OF("aspect_ratio", "16:9", "9:16", "1:1"), P_OF("resolution", "480p", "720p", "1080p"),
    P("negative_prompt"), P("seed"), USUAL};
static const struct ym_param wan_image[] = {
    P("from_image"), P("duration"), P_OF("resolution", "480p", "720p", "1080p"), P("negative_prompt"), P("seed"), USUAL};

static const struct ym_param speech[] = {P("voice"), P("stability"), P("similarity"), P("style"), P("speed"), P("timestamps"),
                                         P("language"), USUAL};
static const struct ym_param effects[] = {P_RANGE("duration", 0.5, 22), P("format"), USUAL};

/* Models that nobody here knows: whatever has a usual name there. */
const struct ym_param fal_image_params[] = {
    P("from_image"), P("references"), P("negative_prompt"), P("seed"), P("aspect_ratio"), P("width"), P("height"),
    P("resolution"), P("steps"), P("cfg_scale"), P("strength"), P("scheduler"), P("format"), USUAL};
const struct ym_param fal_video_params[] = {
    P("from_image"), P("last_frame"), P("references"), P("negative_prompt"), P("seed"), P("duration"), P("aspect_ratio"),
    P("resolution"), P("steps"), P("cfg_scale"), P("audio"), P("fps"), USUAL};
const struct ym_param fal_sound_params[] = {
    P("negative_prompt"), P("seed"), P("duration"), P("steps"), P("cfg_scale"), P("voice"), P("stability"),
    P("similarity"), P("style"), P("speed"), P("language"), P("timestamps"), P("format"), USUAL};

/* ---- models and prices ---- */

#define PRICES(i, s) {.image = (i), .second = (s), .song = -1, .kchars = -1, .mtok_in = -1, .mtok_out = -1, .mtok_image_out = -1}
#define LISTED   "fal.ai/pricing, read 2026-09-20"
#define DERIVED  "not read from the provider's list: check it"
#define IMAGE(name, price, note, list, images)                                                                         \
    {.id = (name), .kinds = 1u << YM_IMAGE, .prices = PRICES(price, -1), .price_note = (note), .max_prompt = 5000,      \
     .max_refs = (images), .params = (list)}
#define VIDEO(name, price, note, list, images)                                                                         \
    {.id = (name), .kinds = 1u << YM_VIDEO, .prices = PRICES(-1, price), .price_note = (note), .max_prompt = 2500,      \
     .max_refs = (images), .params = (list)}

const struct ym_model fal_models[] = {
    IMAGE(FAL_DEFAULT_IMAGE, 0.025, DERIVED, flux_dev, 1),
    IMAGE("fal-ai/flux/schnell", 0.003, DERIVED, flux_schnell, 0),
    IMAGE("fal-ai/flux/dev/image-to-image", -1, NULL, flux_image, 1),
    IMAGE("fal-ai/flux-pro/kontext", 0.04, LISTED, kontext, 1),
    IMAGE("fal-ai/flux-pro/kontext/text-to-image", 0.04, LISTED, kontext, 1),
    IMAGE("fal-ai/nano-banana", 0.0398, LISTED, banana, 10),
    IMAGE("fal-ai/nano-banana/edit", 0.0398, LISTED, banana, 10),
    IMAGE("fal-ai/nano-banana-pro", -1, NULL, banana_sized, 14),
    IMAGE("fal-ai/nano-banana-pro/edit", -1, NULL, banana_sized, 14),
    IMAGE("fal-ai/nano-banana-2", -1, NULL, banana_sized, 14),
    IMAGE("fal-ai/nano-banana-2/edit", -1, NULL, banana_sized, 14),
    IMAGE("fal-ai/bytedance/seedream/v4/text-to-image", 0.03, LISTED, seedream, 10),
    IMAGE("fal-ai/bytedance/seedream/v4/edit", 0.03, LISTED, seedream, 10),
    IMAGE("fal-ai/qwen-image", 0.02, LISTED, qwen, 0),
    VIDEO(FAL_DEFAULT_VIDEO, 0.07, LISTED, kling_text, 2),
    VIDEO("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", 0.07, LISTED, kling_image, 2),
    VIDEO("fal-ai/veo3", 0.40, LISTED, veo_3, 1),
    VIDEO("fal-ai/veo3/image-to-video", 0.40, LISTED, veo_image, 1),
    VIDEO("fal-ai/veo3.1", -1, NULL, veo_31, 2),
    VIDEO("fal-ai/veo3.1/image-to-video", -1, NULL, veo_frames, 2),
    VIDEO("fal-ai/veo3.1/first-last-frame-to-video", -1, NULL, veo_frames, 2),
    VIDEO("google/gemini-omni-flash", 0.125, "fal.ai/models/google/gemini-omni-flash/llms.txt, November 2026", omni, 0),
    VIDEO("fal-ai/wan-25-preview/text-to-video", 0.05, LISTED, wan_text, 1),
    VIDEO("fal-ai/wan-25-preview/image-to-video", 0.05, LISTED, wan_image, 1),
    {.id = FAL_DEFAULT_AUDIO, .kinds = 1u << YM_AUDIO, .prices = PRICES(-1, -1), .max_prompt = 5000, .params = speech},
    {.id = FAL_DEFAULT_SFX, .kinds = 1u << YM_SFX, .prices = PRICES(-1, -1), .params = effects},
    {0},
};

/* ---- spelling ---- */

static const struct queue_spelling usual_names[] = {
    {"steps", "num_inference_steps"}, {"cfg_scale", "guidance_scale"}, {"format", "output_format"},
    {"audio", "generate_audio"},      {"language", "language_code"},   {"similarity", "similarity_boost"},
    {NULL, NULL}};
static const struct queue_spelling kling_names[] = {{"cfg_scale", "cfg_scale"}, {NULL, NULL}};
static const struct queue_spelling effect_names[] = {{"duration", "duration_seconds"}, {NULL, NULL}};
static const struct queue_default cheapest[] = {{"resolution", "\"480p\""}, {NULL, NULL}};

#define EDIT .needs_image = true, .source = "image_urls[]", .refs = "image_urls[]"

static const struct queue_row rows[] = {
    {.id = FAL_DEFAULT_IMAGE, .with_image = "fal-ai/flux/dev/image-to-image", .shape = QUEUE_IMAGE_SIZE, .per_megapixel = true},
    {.id = "fal-ai/flux/schnell", .shape = QUEUE_IMAGE_SIZE, .per_megapixel = true},
    {.id = "fal-ai/flux/dev/image-to-image", .needs_image = true, .source = "image_url", .per_megapixel = true},
    {.id = "fal-ai/flux-pro/kontext", .needs_image = true, .source = "image_url"},
    {.id = "fal-ai/flux-pro/kontext/text-to-image", .with_image = "fal-ai/flux-pro/kontext"},
    {.id = "fal-ai/nano-banana", .with_image = "fal-ai/nano-banana/edit"},
    {.id = "fal-ai/nano-banana/edit", EDIT},
    {.id = "fal-ai/nano-banana-pro", .with_image = "fal-ai/nano-banana-pro/edit", .high_size = "2K"},
    {.id = "fal-ai/nano-banana-pro/edit", EDIT, .high_size = "2K"},
    {.id = "fal-ai/nano-banana-2", .with_image = "fal-ai/nano-banana-2/edit", .high_size = "2K"},
    {.id = "fal-ai/nano-banana-2/edit", EDIT, .high_size = "2K"},
    {.id = "fal-ai/bytedance/seedream/v4/text-to-image", .with_image = "fal-ai/bytedance/seedream/v4/edit",
     .shape = QUEUE_IMAGE_SIZE},
    {.id = "fal-ai/bytedance/seedream/v4/edit", EDIT, .shape = QUEUE_IMAGE_SIZE},
    {.id = "fal-ai/qwen-image", .shape = QUEUE_IMAGE_SIZE, .per_megapixel = true},
    {.id = FAL_DEFAULT_VIDEO, .with_image = "fal-ai/kling-video/v2.5-turbo/pro/image-to-video", .duration = QUEUE_TEXT,
     .lengths = LENGTHS(5, 10), .seconds = 5, .names = kling_names},
    {.id = "fal-ai/kling-video/v2.5-turbo/pro/image-to-video", .needs_image = true, .source = "image_url",
     .last = "tail_image_url", .duration = QUEUE_TEXT, .lengths = LENGTHS(5, 10), .seconds = 5, .names = kling_names},
    {.id = "fal-ai/veo3", .with_image = "fal-ai/veo3/image-to-video", .duration = QUEUE_TEXT_S, .lengths = LENGTHS(4, 6, 8),
     .seconds = 8},
    {.id = "fal-ai/veo3/image-to-video", .needs_image = true, .source = "image_url", .duration = QUEUE_TEXT_S,
     .lengths = LENGTHS(4, 6, 8), .seconds = 8},
    {.id = "fal-ai/veo3.1", .with_image = "fal-ai/veo3.1/image-to-video",
     .with_last = "fal-ai/veo3.1/first-last-frame-to-video", .duration = QUEUE_TEXT_S, .lengths = LENGTHS(4, 6, 8), .seconds = 8},
    {.id = "fal-ai/veo3.1/image-to-video", .with_last = "fal-ai/veo3.1/first-last-frame-to-video", .needs_image = true,
     .source = "image_url", .duration = QUEUE_TEXT_S, .lengths = LENGTHS(4, 6, 8), .seconds = 8},
    {.id = "fal-ai/veo3.1/first-last-frame-to-video", .needs_image = true, .needs_last = true, .source = "first_frame_url",
     .last = "last_frame_url", .duration = QUEUE_TEXT_S, .lengths = LENGTHS(4, 6, 8), .seconds = 8},
    {.id = "google/gemini-omni-flash", .lengths = LENGTHS(3, 4, 5, 6, 7, 8, 9, 10), .seconds = 5},
    {.id = "fal-ai/wan-25-preview/text-to-video", .with_image = "fal-ai/wan-25-preview/image-to-video", .duration = QUEUE_TEXT,
     .lengths = LENGTHS(5, 10), .seconds = 5, .defaults = cheapest, .priced_size = "480p"},
    {.id = "fal-ai/wan-25-preview/image-to-video", .needs_image = true, .source = "image_url", .duration = QUEUE_TEXT,
     .lengths = LENGTHS(5, 10), .seconds = 5, .defaults = cheapest, .priced_size = "480p"},
    {.id = FAL_DEFAULT_AUDIO, .prompt = "text"},
    {.id = FAL_DEFAULT_SFX, .prompt = "text", .names = effect_names},
    {0},
};

/* ---- models of no table ---- */

static const struct queue_row general_picture = {.source = "image_url", .refs = "image_urls[]"};
static const struct queue_row general_edit = {EDIT};
static const struct queue_row general_video = {.source = "image_url", .last = "end_image_url", .refs = "image_urls[]"};
static const struct queue_row general_kling = {.source = "image_url", .last = "tail_image_url", .duration = QUEUE_TEXT,
                                               .names = kling_names};
static const struct queue_row general_veo = {.source = "image_url", .last = "last_frame_url", .duration = QUEUE_TEXT_S};
static const struct queue_row general_sound = {.prompt = NULL};
static const struct queue_row general_speech = {.prompt = "text"};
static const struct queue_row general_effect = {.prompt = "text", .names = effect_names};

/* Names of models tell their family, and families spell alike. */
static const struct {
    enum ym_kind kind;
    const char *part;
    const struct queue_row *row;
} families[] = {
    {YM_IMAGE, "/edit", &general_edit},
    {YM_VIDEO, "kling-video/", &general_kling},
    {YM_VIDEO, "/veo", &general_veo},
    {YM_AUDIO, "tts", &general_speech},
    {YM_AUDIO, "speech", &general_speech},
    {YM_SFX, "elevenlabs/", &general_effect},
};

/* clang-format on */

static const struct queue_row *row_general(const struct ym_call *call)
{
    const struct ym_request *r = call->req;
    for (size_t i = 0; i < YM_COUNT(families); i++)
        if (families[i].kind == r->kind && strstr(r->model, families[i].part))
            return families[i].row;
    return r->kind == YM_IMAGE ? &general_picture : r->kind == YM_VIDEO ? &general_video : &general_sound;
}

const struct queue_service fal_service = {
    .driver = &ym_driver_fal, .label = "fal", .rows = rows, .names = usual_names, .general = row_general};
