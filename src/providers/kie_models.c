/* What KIE's better-known models take, and how they spell it: images as image_url or as a list image_urls,
 * durations as text, `sound`. No price is known here: KIE bills credits, which its answers tell. */
#include <string.h>

#include "kie.h"

/* clang-format off */
#define L(...)              ((const char *const[]){__VA_ARGS__, NULL})
#define LENGTHS(...)        ((const int[]){__VA_ARGS__, 0})
#define P(name)             {(name), 0, 0, NULL}
#define P_RANGE(name, a, b) {(name), (a), (b), NULL}
#define P_OF(name, ...)     {(name), 0, 0, L(__VA_ARGS__)}
#define END                 {NULL, 0, 0, NULL}
#define USUAL               P("params"), P_OF("quality", "standard"), END

#define KLING_RATIOS  P_OF("aspect_ratio", "1:1", "16:9", "9:16")
#define BANANA_RATIOS "1:1", "9:16", "16:9", "3:4", "4:3", "3:2", "2:3", "5:4", "4:5", "21:9"

static const struct ym_param kling_26_text[] = {P("from_image"), P("duration"), KLING_RATIOS, P("audio"), USUAL};
static const struct ym_param kling_26_image[] = {P("from_image"), P("duration"), P("audio"), USUAL};
/* A model that hands requests with images to a sibling takes what that one takes; which of the fields go
 * together is then the sibling's to say. */
static const struct ym_param kling_25[] = {P("from_image"), P("last_frame"), P("duration"), KLING_RATIOS,
                                           P("negative_prompt"), P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param kling_21[] = {P("from_image"), P("duration"), KLING_RATIOS, P("negative_prompt"),
                                           P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param kling_image[] = {P("from_image"), P("duration"), P("negative_prompt"),
                                              P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param kling_frames[] = {P("from_image"), P("last_frame"), P("duration"), P("negative_prompt"),
                                               P_RANGE("cfg_scale", 0, 1), USUAL};
static const struct ym_param kling_3[] = {P("from_image"), P("last_frame"), P("duration"), KLING_RATIOS, P("audio"), USUAL};
static const struct ym_param veo[] = {P("from_image"), P("last_frame"), P_OF("aspect_ratio", "16:9", "9:16"), USUAL};
static const struct ym_param banana[] = {P("from_image"), P("references"), P_OF("aspect_ratio", BANANA_RATIOS),
                                              P_OF("format", "png", "jpeg"), USUAL};
static const struct ym_param banana_2[] = {
    P("from_image"), P("references"), P_OF("aspect_ratio", BANANA_RATIOS, "1:4", "4:1", "1:8", "8:1"),
    P_OF("resolution", "1K", "2K", "4K"), P_OF("format", "jpg", "png"), P_OF("quality", "standard", "high"), P("params"), END};

/* Models that nobody here knows. */
const struct ym_param kie_image_params[] = {
    P("from_image"), P("references"), P("negative_prompt"), P("seed"), P("aspect_ratio"), P("resolution"), P("steps"),
    P("cfg_scale"), P("strength"), P("format"), USUAL};
const struct ym_param kie_video_params[] = {
    P("from_image"), P("last_frame"), P("references"), P("negative_prompt"), P("seed"), P("duration"), P("aspect_ratio"),
    P("resolution"), P("cfg_scale"), P("audio"), USUAL};

#define UNKNOWN {-1, -1, -1, -1, -1, -1, -1, false}
#define VIDEO(name, list, chars, images)                                                                               \
    {.id = (name), .kinds = 1u << YM_VIDEO, .prices = UNKNOWN, .max_prompt = (chars), .max_refs = (images), .params = (list)}
#define IMAGE(name, list, chars, images)                                                                               \
    {.id = (name), .kinds = 1u << YM_IMAGE, .prices = UNKNOWN, .max_prompt = (chars), .max_refs = (images), .params = (list)}

const struct ym_model kie_models[] = {
    VIDEO(KIE_DEFAULT_VIDEO, kling_26_text, 1000, 1),
    VIDEO("kling-2.6/image-to-video", kling_26_image, 1000, 1),
    VIDEO("kling/v2-5-turbo-text-to-video-pro", kling_25, 2500, 2),
    VIDEO("kling/v2-5-turbo-image-to-video-pro", kling_frames, 2500, 2),
    VIDEO("kling/v2-1-standard", kling_image, 5000, 1),
    VIDEO("kling/v2-1-pro", kling_frames, 5000, 2),
    VIDEO("kling/v2-1-master-text-to-video", kling_21, 5000, 1),
    VIDEO("kling/v2-1-master-image-to-video", kling_image, 5000, 1),
    VIDEO("kling-3.0/video", kling_3, 2500, 2),
    VIDEO("veo3", veo, 2000, 2),
    VIDEO("veo3_fast", veo, 2000, 2),
    IMAGE("google/nano-banana", banana, 5000, 10),
    IMAGE("google/nano-banana-edit", banana, 5000, 10),
    IMAGE("nano-banana-2", banana_2, 20000, 14),
    {0},
};

static const struct queue_spelling usual_names[] = {
    {"steps", "num_inference_steps"}, {"format", "output_format"}, {"audio", "sound"}, {NULL, NULL}};
static const struct queue_spelling size_names[] = {{"aspect_ratio", "image_size"}, {NULL, NULL}};
/* 2.6 refuses requests that leave these out. */
static const struct queue_default silent_wide[] = {{"sound", "false"}, {"aspect_ratio", "\"16:9\""}, {NULL, NULL}};
static const struct queue_default silent[] = {{"sound", "false"}, {NULL, NULL}};

#define SECONDS_5_10 .duration = QUEUE_TEXT, .lengths = LENGTHS(5, 10), .seconds = 5
#define ONE_IMAGE    .needs_image = true, .source = "image_url"

static const struct queue_row rows[] = {
    {.id = KIE_DEFAULT_VIDEO, .with_image = "kling-2.6/image-to-video", SECONDS_5_10, .defaults = silent_wide},
    {.id = "kling-2.6/image-to-video", .needs_image = true, .source = "image_urls[]", SECONDS_5_10, .defaults = silent},
    {.id = "kling/v2-5-turbo-text-to-video-pro", .with_image = "kling/v2-5-turbo-image-to-video-pro", SECONDS_5_10,
     .max_negative = 2496},
    {.id = "kling/v2-5-turbo-image-to-video-pro", ONE_IMAGE, .last = "tail_image_url", SECONDS_5_10, .max_negative = 2496},
    {.id = "kling/v2-1-standard", ONE_IMAGE, SECONDS_5_10, .max_negative = 500},
    {.id = "kling/v2-1-pro", ONE_IMAGE, .last = "tail_image_url", SECONDS_5_10, .max_negative = 500},
    {.id = "kling/v2-1-master-text-to-video", .with_image = "kling/v2-1-master-image-to-video", SECONDS_5_10,
     .max_negative = 500},
    {.id = "kling/v2-1-master-image-to-video", ONE_IMAGE, SECONDS_5_10, .max_negative = 500},
    {.id = "kling-3.0/video", .source = "image_urls[]", .last = "image_urls[]", .duration = QUEUE_TEXT,
     .lengths = LENGTHS(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), .seconds = 5, .defaults = silent},
    {.id = "veo3", .source = "imageUrls[]", .last = "imageUrls[]", .billed_seconds = 8},
    {.id = "veo3_fast", .source = "imageUrls[]", .last = "imageUrls[]", .billed_seconds = 8},
    {.id = "google/nano-banana", .with_image = "google/nano-banana-edit", .names = size_names},
    {.id = "google/nano-banana-edit", .needs_image = true, .source = "image_urls[]", .refs = "image_urls[]", .names = size_names},
    {.id = "nano-banana-2", .source = "image_input[]", .refs = "image_input[]", .high_size = "2K"},
    {0},
};

static const struct queue_row general_list = {.source = "image_urls[]", .last = "image_urls[]", .refs = "image_urls[]",
                                              .duration = QUEUE_TEXT};
static const struct queue_row general_one = {.source = "image_url", .last = "tail_image_url", .duration = QUEUE_TEXT};

/* clang-format on */

/* The older Kling models have one address, the newer ones a list. */
static const struct queue_row *row_general(const struct ym_call *call)
{
    return strncmp(call->req->model, "kling/", 6) == 0 ? &general_one : &general_list;
}

const struct queue_service kie_service = {
    .driver = &ym_driver_kie, .label = "KIE", .rows = rows, .names = usual_names, .general = row_general};

bool kie_is_veo(const char *model)
{
    return strncmp(model, "veo3", 4) == 0;
}
