/* The keys of a request: front matter, batch columns, folder defaults and sidecars read this table. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "settings.h"

#define A(...) ((const char *const[]){__VA_ARGS__, NULL})

/* clang-format off */
const struct ym_field ym_fields[] = {
    { "prompt", A("text", "description"), YM_F_STR, 0, 0, NULL, false, false, "The text itself." },
    { "output_filename", A("filename", "name", "output_name"), YM_F_STR, 0, 0, NULL, false, false, "Name of the result without an extension." },
    { "media_type", A("type"), YM_F_ENUM, 0, 0, A("image", "video", "audio", "sfx", "text"), false, false, "Kind of the result." },
    { "seed", A("random_seed"), YM_F_INT, -1, 4294967295.0, NULL, true, true, "Start of the randomness; -1 is none." },
    { "negative_prompt", A("negative", "exclude"), YM_F_STR, 0, 0, NULL, false, true, "What shall not be there." },
    { "from_image", A("source_image", "input_image", "image_url"), YM_F_STR, 0, 0, NULL, false, false, "Image to start from." },
    { "quality", NULL, YM_F_ENUM, 0, 0, A("draft", "standard", "high"), true, true, "How much effort and money to spend." },
    { "aspect_ratio", A("ratio"), YM_F_STR, 0, 0, NULL, true, true, "Width to height." },
    { "model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model, as MODEL or PROVIDER/MODEL." },
    { "image_model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model when the result is an image." },
    { "video_model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model when the result is a video." },
    { "audio_model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model when the result is audio." },
    { "sfx_model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model when the result is a sound effect." },
    { "text_model", NULL, YM_F_STR, 0, 0, NULL, false, true, "Model when the result is a text." },
    { "provider", NULL, YM_F_STR, 0, 0, NULL, false, true, "Provider of the model." },
    { "id", A("request_id"), YM_F_STR, 0, 0, NULL, false, false, "The row's own stable name." },
    { "n", NULL, YM_F_INT, 1, 64, NULL, false, true, "How many different results." },
    { "variation", NULL, YM_F_INT, 0, 1000000, NULL, false, false, "Number of the first result." },
    { "duration", A("duration_seconds"), YM_F_NUM, 0.1, 3600, NULL, true, true, "Length in seconds." },
    { "width", NULL, YM_F_INT, 16, 16384, NULL, true, true, "Width in pixels." },
    { "height", NULL, YM_F_INT, 16, 16384, NULL, true, true, "Height in pixels." },
    { "resolution", A("image_size"), YM_F_STR, 0, 0, NULL, true, true, "Size class of the result." },
    { "steps", NULL, YM_F_INT, 1, 500, NULL, true, true, "Sampling steps." },
    { "cfg_scale", A("guidance_scale"), YM_F_NUM, 0, 50, NULL, true, true, "How closely to follow the prompt." },
    { "sampler", A("sampler_name"), YM_F_STR, 0, 0, NULL, true, true, "Name of the sampler." },
    { "styles", NULL, YM_F_LIST, 0, 0, NULL, true, true, "Names of prompt styles." },
    { "loras", NULL, YM_F_LIST, 0, 0, NULL, true, true, "Names of LoRAs, or {id, weight}." },
    { "clip_skip", NULL, YM_F_INT, 1, 12, NULL, true, true, "Last layers of CLIP to skip." },
    { "strength", A("denoising_strength"), YM_F_NUM, 0, 1, NULL, true, true, "How much of the source image may change." },
    { "last_frame", NULL, YM_F_STR, 0, 0, NULL, false, false, "Image that a video ends with." },
    { "audio", A("generate_audio", "sound"), YM_F_BOOL, 0, 0, NULL, true, true, "Whether a video has sound." },
    { "fps", NULL, YM_F_NUM, 1, 120, NULL, true, true, "Pictures a second of a video." },
    { "scheduler", NULL, YM_F_STR, 0, 0, NULL, true, true, "Name of the noise schedule." },
    { "hires", A("hires_fix"), YM_F_OBJECT, 0, 0, NULL, true, true, "Second pass: {upscale_factor, upscaler, denoising_strength, steps}." },
    { "resize_mode", NULL, YM_F_ENUM, 0, 0, A("stretch", "crop", "fill", "latent"), true, true, "How a source image of another shape is fitted." },
    { "workflow", NULL, YM_F_STR, 0, 0, NULL, false, true, "JSON file of the library that a ComfyUI server runs, with the request filled in." },
    { "schema", NULL, YM_F_OBJECT, 0, 0, NULL, true, true, "JSON Schema that a text follows." },
    { "system", A("system_prompt"), YM_F_STR, 0, 0, NULL, true, true, "Standing instruction of a text model." },
    { "temperature", NULL, YM_F_NUM, 0, 2, NULL, true, true, "Randomness of a text." },
    { "max_tokens", NULL, YM_F_INT, 1, 1000000, NULL, true, true, "Longest text, in tokens." },
    { "format", A("output_format"), YM_F_STR, 0, 0, NULL, true, true, "File format to ask for, such as png or mp3." },
    { "language", A("language_code"), YM_F_STR, 0, 0, NULL, true, true, "Language of speech, such as en." },
    { "timestamps", NULL, YM_F_BOOL, 0, 0, NULL, true, true, "Ask for the time of every character of speech." },
    { "speed", NULL, YM_F_NUM, 0.25, 4, NULL, true, true, "Pace of speech; 1 is normal." },
    { "params", A("parameters", "extra"), YM_F_OBJECT, 0, 0, NULL, true, true, "Further settings of the model by its own names, passed on as they are." },
    { "voice", A("voice_id"), YM_F_STR, 0, 0, NULL, true, true, "Voice of speech." },
    { "stability", NULL, YM_F_NUM, 0, 1, NULL, true, true, "Evenness of a voice." },
    { "similarity", A("similarity_boost"), YM_F_NUM, 0, 1, NULL, true, true, "Likeness to the original voice." },
    { "style", NULL, YM_F_NUM, 0, 1, NULL, true, true, "Expressiveness of a voice." },
    { "safety", A("safety_settings"), YM_F_OBJECT, 0, 0, NULL, true, true, "The provider's safety thresholds: one for all, or one per category." },
    { "tier", NULL, YM_F_ENUM, 0, 0, A("now", "batch"), false, true, "Now, or cheaper and later." },
    { "priority", NULL, YM_F_ENUM, 0, 0, A("low", "normal", "high"), false, true, "Place in the queue." },
    { "max_usd", NULL, YM_F_MONEY, 0, 100000, NULL, false, true, "Hold the request when it may cost more." },
    { "destination", NULL, YM_F_STR, 0, 0, NULL, false, true, "Declared destination, or an address below one." },
    { "webhook", A("webhook_url"), YM_F_STR, 0, 0, NULL, false, true, "Declared webhook, or an address below one." },
    { "refine", NULL, YM_F_INT, 1, 20, NULL, false, true, "Rounds of judging and improving." },
    { "tags", NULL, YM_F_LIST, 0, 0, NULL, false, true, "Words to find the result by." },
    { "include", NULL, YM_F_LIST, 0, 0, NULL, false, true, "Text files of the library to put before the prompt." },
    { "references", A("reference_images"), YM_F_LIST, 0, 0, NULL, false, true, "Images to follow, in order." },
    { "not_before", NULL, YM_F_TIME, 0, 0, NULL, false, true, "Earliest time to start." },
    { "metadata", NULL, YM_F_OBJECT, 0, 0, NULL, false, true, "Anything of your own; kept as it is." },
    { 0 },
};
/* clang-format on */

/* Case, ' ', '-' and '_' are equal. */
static bool name_equal(const char *a, const char *b)
{
    for (;; a++, b++) {
        char x = (char)tolower((unsigned char)*a), y = (char)tolower((unsigned char)*b);
        x = x == ' ' || x == '-' ? '_' : x;
        y = y == ' ' || y == '-' ? '_' : y;
        if (x != y)
            return false;
        if (!x)
            return true;
    }
}

const struct ym_field *ym_field_find(const char *name)
{
    for (const struct ym_field *f = ym_fields; f->name; f++) {
        if (name_equal(f->name, name))
            return f;
        for (const char *const *a = f->aliases; a && *a; a++)
            if (name_equal(*a, name))
                return f;
    }
    return NULL;
}

const char **field_names(bool folder_only)
{
    size_t n = 0;
    for (const struct ym_field *f = ym_fields; f->name; f++) {
        n++;
        for (const char *const *a = f->aliases; a && *a; a++)
            n++;
    }
    const char **list = ym_alloc_array(n + 5, sizeof *list); /* room for "kind" and its like */
    n = 0;
    for (const struct ym_field *f = ym_fields; f->name; f++) {
        if (folder_only && !f->in_folder)
            continue;
        list[n++] = f->name;
        for (const char *const *a = f->aliases; a && *a; a++)
            list[n++] = *a;
    }
    return list;
}

static int field_unknown(const char *key, const char *source, struct ym_err *e)
{
    YM_AUTOFREE const char **names = field_names(false);
    const char *near = ym_text_suggest(key, names);
    char show[80];
    ym_text_show(key, show, sizeof show);
    if (near)
        return ym_fail(e, YM_INVALID, EINVAL, "%s: unknown key \"%s\"; did you mean \"%s\"?", source, show, near);
    return ym_fail(e, YM_INVALID, EINVAL,
                   "%s: unknown key \"%s\"; keys of your own go below \"metadata\".", source, show);
}

static int value_fail(const struct ym_field *f, const cJSON *in, const char *source,
                      const struct field_why *why, struct ym_err *e)
{
    char expects[160], show[64];
    if (why->text[0])
        return ym_fail(e, YM_INVALID, EINVAL, "%s: %s: %s", source, f->name, why->text);
    YM_AUTOFREE char *text = cJSON_IsString(in) ? ym_strdup(in->valuestring) : ym_json_print(in, false);
    return ym_fail(e, YM_INVALID, EINVAL, "%s: %s must be %s, not \"%s\".", source, f->name,
                   field_expects(f, expects, sizeof expects), ym_text_show(text, show, sizeof show));
}

/* One key of the user's into out. */
static int field_take(const cJSON *in, const char *source, cJSON *out, struct ym_err *e)
{
    const struct ym_field *f = ym_field_find(in->string);
    struct field_why why = {""};
    bool drop = false;
    char show[64];
    if (!f)
        return field_unknown(in->string, source, e);
    if (cJSON_IsNull(in) || (cJSON_IsString(in) && in->valuestring[0] == '\0'))
        return 0; /* an empty cell */
    if (ym_json_get(out, f->name))
        return ym_fail(e, YM_INVALID, EINVAL, "%s: \"%s\" sets %s a second time; keep one of them.", source,
                       ym_text_show(in->string, show, sizeof show), f->name);
    cJSON *v = field_value(f, in, &drop, &why);
    if (!v && !drop)
        return value_fail(f, in, source, &why, e);
    if (v)
        cJSON_AddItemToObject(out, f->name, v);
    return 0;
}

int ym_fields_check(const cJSON *raw, const char *source, cJSON **ret, struct ym_err *e)
{
    YM_AUTOJSON cJSON *out = cJSON_CreateObject();
    const cJSON *in;
    if (!cJSON_IsObject(raw))
        return ym_fail(e, YM_INVALID, EINVAL, "%s must be a list of keys and values.", source);
    cJSON_ArrayForEach (in, raw) {
        int r = field_take(in, source, out, e);
        if (r < 0)
            return r;
    }
    *ret = ym_steal(&out);
    return 0;
}

const char *ym_fields_model(const cJSON *fields, enum ym_kind k)
{
    static const char *const own[YM_KIND_COUNT] = {
        [YM_IMAGE] = "image_model", [YM_VIDEO] = "video_model", [YM_AUDIO] = "audio_model",
        [YM_SFX] = "sfx_model",     [YM_TEXT] = "text_model",
    };
    const char *m = ym_json_str(fields, "model");
    return m || k < 0 || k >= YM_KIND_COUNT || !own[k] ? m : ym_json_str(fields, own[k]);
}

/* ---- lower <- upper ---- */

static void put(cJSON *o, const char *key, const cJSON *v)
{
    cJSON_DeleteItemFromObjectCaseSensitive(o, key);
    cJSON_AddItemToObject(o, key, cJSON_Duplicate(v, true));
}

cJSON *ym_fields_merge(const cJSON *lower, const cJSON *upper)
{
    cJSON *out = lower ? cJSON_Duplicate(lower, true) : cJSON_CreateObject();
    const cJSON *v, *inner;
    cJSON_ArrayForEach (v, upper) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(out, v->string);
        if (old && strcmp(v->string, "metadata") == 0) {
            cJSON_ArrayForEach (inner, v)
                put(old, inner->string, inner);
        } else if (old && strcmp(v->string, "max_usd") == 0) {
            cJSON_SetNumberValue(old, fmin(old->valuedouble, v->valuedouble));
        } else {
            put(out, v->string, v);
        }
    }
    return out;
}
