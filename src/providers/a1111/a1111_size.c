/* How large, how long, how many steps: what was asked for, in the numbers that the servers take. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "a1111.h"

#define SIDE_MIN    64
#define SIDE_MAX    8192
#define STEPS       20 /* of AUTOMATIC1111's own page; its API's default of 50 is a waste */
#define FPS         16 /* what the film models that sd-server runs were made for */
#define FRAMES      33 /* about two seconds */
#define HIGH_SIDE   1.25
#define HIGH_STEPS  1.5
#define DRAFT_STEPS 0.6

static const char *text_of(const struct ym_call *call, const char *field)
{
    return ym_json_str_or(call->req->params, field, "");
}

static double number_of(const struct ym_call *call, const char *field)
{
    return ym_json_num_or(call->req->params, field, 0);
}

static double of_list(const cJSON *state, const char *key, int i, double fallback)
{
    const cJSON *v = cJSON_GetArrayItem(ym_json_get(state, key), i);
    return cJSON_IsNumber(v) && v->valuedouble > 0 ? v->valuedouble : fallback;
}

/* A latent is an eighth of the picture: other sides are cut by the servers, silently. */
static int side(double v)
{
    double n = round(v / 8) * 8;
    return n < SIDE_MIN ? SIDE_MIN : n > SIDE_MAX ? SIDE_MAX : (int)n;
}

/* "16:9" -> 1.78, else the shape of the model's own size. */
static double ratio_of(const struct ym_call *call, double fallback)
{
    char *end;
    const char *text = text_of(call, "aspect_ratio");
    double w = strtod(text, &end), h = *end == ':' ? strtod(end + 1, NULL) : 0;
    return w > 0 && h > 0 ? w / h : fallback;
}

/* Side of a square with as many pixels; a "720p" is the shorter side of that shape. */
static double resolution_of(const char *text, double ratio)
{
    char *end;
    double n = strtod(text, &end);
    if (*end == 'K')
        return n * 1024;
    return *end == 'p' ? n * sqrt(ratio > 1 ? ratio : 1 / ratio) : n;
}

void a1111_size(const struct ym_call *call, const cJSON *state, int *ret_width, int *ret_height)
{
    double native_w = of_list(state, "base", 0, 512), native_h = of_list(state, "base", 1, 512);
    double ratio = ratio_of(call, native_w / native_h), w = number_of(call, "width"), h = number_of(call, "height");
    if (w <= 0 && h <= 0) {
        double n = resolution_of(text_of(call, "resolution"), ratio);
        if (n <= 0)
            n = sqrt(native_w * native_h) * (strcmp(text_of(call, "quality"), "high") == 0 ? HIGH_SIDE : 1);
        w = n * sqrt(ratio);
    }
    if (w <= 0)
        w = h * ratio;
    if (h <= 0)
        h = w / ratio;
    *ret_width = side(w);
    *ret_height = side(h);
}

bool a1111_size_given(const struct ym_call *call)
{
    bool w = number_of(call, "width") > 0, h = number_of(call, "height") > 0;
    return (w && h) || ((w || h) && *text_of(call, "aspect_ratio")) || *text_of(call, "resolution");
}

/* Made for a million pixels: at a quarter of that these paint badly, and the older ones paint everything
 * twice at four times theirs. Nothing but the name tells which it is. */
int a1111_size_native(const char *model)
{
    static const char *const large[] = {"xl",        "sd3",  "sd35",   "flux",   "pony",    "illustrious", "noob",
                                        "animagine", "qwen", "zimage", "chroma", "hidream", "lumina",      "kolors"};
    for (const char *p = model; *p; p++)
        for (size_t i = 0; i < YM_COUNT(large); i++)
            if (a1111_prefix(p, large[i]) > 0)
                return 1024;
    return 512;
}

int a1111_steps(const struct ym_call *call, const cJSON *state)
{
    const char *quality = text_of(call, "quality");
    double steps = number_of(call, "steps"), own = ym_json_num_or(state, "steps", STEPS);
    bool draft = strcmp(quality, "draft") == 0, high = strcmp(quality, "high") == 0;
    if (steps > 0)
        return (int)steps;
    if (!draft && !high)
        return ym_json_get(state, "steps") ? 0 : STEPS;
    own = round(own * (high ? HIGH_STEPS : DRAFT_STEPS));
    return own < 1 ? 1 : (int)own;
}

/* The film models take 4n+1 pictures; sd-server rounds down to that, this rounds to the nearest. */
int a1111_frames(const struct ym_call *call, const cJSON *state, int *ret_fps)
{
    double fps = number_of(call, "fps"), seconds = number_of(call, "duration");
    double own = ym_json_num_or(state, "frames", FRAMES);
    if (fps <= 0)
        fps = ym_json_num_or(state, "fps", FPS);
    fps = round(fps);
    *ret_fps = fps < 1 ? 1 : fps > 120 ? 120 : (int)fps;
    if (seconds <= 0)
        return own < 5 ? FRAMES : (int)own;
    double n = round((seconds * *ret_fps - 1) / 4) * 4 + 1;
    return n < 5 ? 5 : n > 100000 ? 100000 : (int)n;
}
