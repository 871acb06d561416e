/* The lines that AUTOMATIC1111's programs print below a prompt. */
#include <string.h>
#include <strings.h>
#include <ymago/formats.h>

#define VALUE_MAX 200

/* Those of the second pass go into a table of their own. A text stays one, be it written in digits. */
static const struct {
    const char *theirs, *ours;
    bool hires, text;
} names[] = {
    {"Steps", "steps", false, false},
    {"Sampler", "sampler", false, true},
    {"Schedule type", "scheduler", false, true},
    {"CFG scale", "cfg_scale", false, false},
    {"Seed", "seed", false, false},
    {"Model", "model", false, true},
    {"Clip skip", "clip_skip", false, false},
    {"Denoising strength", "strength", false, false},
    {"Hires upscale", "upscale_factor", true, false},
    {"Hires upscaler", "upscaler", true, true},
    {"Hires steps", "steps", true, false},
};

static bool begins(const char *s, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && strncasecmp(s, with, n) == 0;
}

/* A number where it is one, else the text: the fields' checks judge it. */
static cJSON *value_of(const char *text, bool is_text)
{
    char *end;
    double v = strtod(text, &end);
    return !is_text && *text && !*end && v > -1e15 && v < 1e15 ? cJSON_CreateNumber(v) : cJSON_CreateString(text);
}

/* "512x768" */
static bool size_parse(const char *value, double *ret_width, double *ret_height)
{
    char *end;
    long w = strtol(value, &end, 10), h = 0;
    if (w > 0 && *end == 'x') {
        const char *second = end + 1;
        h = strtol(second, &end, 10);
    }
    *ret_width = (double)w;
    *ret_height = (double)h;
    return h > 0 && !*end;
}

static cJSON *hires_of(cJSON *out)
{
    cJSON *hires = cJSON_GetObjectItemCaseSensitive(out, "hires");
    return hires ? hires : cJSON_AddObjectToObject(out, "hires");
}

/* What is not known here (hashes, versions) is passed over. */
static void known_take(const char *key, size_t len, const char *value, cJSON *out)
{
    for (size_t i = 0; i < YM_COUNT(names); i++) {
        if (len != strlen(names[i].theirs) || !begins(key, len, names[i].theirs))
            continue;
        cJSON *into = names[i].hires ? hires_of(out) : out;
        if (!ym_json_get(into, names[i].ours))
            cJSON_AddItemToObject(into, names[i].ours, value_of(value, names[i].text));
    }
}

static void size_take(const char *value, cJSON *out)
{
    double w, h;
    if (!size_parse(value, &w, &h) || ym_json_get(out, "width"))
        return;
    cJSON_AddNumberToObject(out, "width", w);
    cJSON_AddNumberToObject(out, "height", h);
}

/* "Hires resize: 1024x1536" says by a size what "Hires upscale: 2" says by a factor. */
static void resize_take(const char *value, cJSON *out)
{
    double w, h, from = ym_json_num_or(out, "width", 0);
    bool known = size_parse(value, &w, &h) && from > 0 && w > from;
    if (known && !ym_json_get(ym_json_get(out, "hires"), "upscale_factor"))
        cJSON_AddNumberToObject(hires_of(out), "upscale_factor", w / from);
}

static void pair_take(const char *key, size_t len, const char *value, cJSON *out)
{
    if (len == 4 && begins(key, len, "Size"))
        size_take(value, out);
    else if (len == 12 && begins(key, len, "Hires resize"))
        resize_take(value, out);
    else
        known_take(key, len, value, out);
}

/* Length of a JSON string at s, quotes and all; 0 = it never ends. */
static size_t quoted_length(const char *s, size_t len)
{
    for (size_t i = 1; i < len && s[i] != '\n'; i++) {
        if (s[i] == '"')
            return i + 1;
        i += s[i] == '\\';
    }
    return 0;
}

/* A value that holds commas or colons is written as a JSON string. */
static void value_take(const char *key, size_t key_len, const char *s, size_t len, cJSON *out)
{
    YM_AUTOJSON cJSON *quoted = NULL;
    char value[VALUE_MAX];
    s = ym_text_trim(s, &len);
    if (len > 1 && *s == '"' && ym_json_parse(s, len, 4 * VALUE_MAX, &quoted, NULL) == 0 && cJSON_IsString(quoted)) {
        s = quoted->valuestring;
        len = strlen(s);
    }
    if (len == 0 || len >= sizeof value || memchr(s, 0, len))
        return;
    memcpy(value, s, len);
    value[len] = '\0';
    pair_take(key, key_len, value, out);
}

/* "Steps: 20, Sampler: Euler a, Lora hashes: "a: 1, b: 2", ..." */
static void pairs_take(const char *s, size_t len, cJSON *out)
{
    const char *end = s + len;
    while (s < end) {
        size_t n = (size_t)(end - s);
        const char *key = ym_text_trim(s, &n), *colon = memchr(key, ':', n), *comma = memchr(key, ',', n);
        if (!colon || (comma && comma < colon)) {
            s = comma ? comma + 1 : end;
            continue;
        }
        const char *value = colon + 1;
        while (value < end && *value == ' ')
            value++;
        size_t quoted = value < end && *value == '"' ? quoted_length(value, (size_t)(end - value)) : 0;
        comma = memchr(value + quoted, ',', (size_t)(end - value) - quoted);
        size_t key_len = (size_t)(colon - key);
        ym_text_trim(key, &key_len);
        value_take(key, key_len, value, (size_t)((comma ? comma : end) - value), out);
        s = comma ? comma + 1 : end;
    }
}

/* With a second pass the strength is that pass's. */
static void strength_move(cJSON *out)
{
    cJSON *hires = cJSON_GetObjectItemCaseSensitive(out, "hires");
    if (hires && ym_json_get(out, "strength"))
        cJSON_AddItemToObject(hires, "denoising_strength", cJSON_DetachItemFromObjectCaseSensitive(out, "strength"));
}

static const char *line_start(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n')
        at--;
    return at;
}

/* The last line that begins so, or NULL. */
static const char *line_find(const char *text, const char *end, const char *with)
{
    for (const char *p = end; p > text;) {
        const char *line = line_start(text, p - 1);
        if (begins(line, (size_t)(end - line), with))
            return line;
        p = line;
    }
    return NULL;
}

bool ym_parameter_lines(const char *text, size_t len, struct ym_span *ret_prompt, cJSON **ret)
{
    static const char negative[] = "Negative prompt:";
    size_t left = len;
    const char *start = ym_text_trim(text, &left), *end = start + left;
    const char *last = left ? line_start(start, end) : start;
    cJSON *out = cJSON_CreateObject();
    if (begins(last, (size_t)(end - last), "Steps:") && memchr(last, ',', (size_t)(end - last))) {
        pairs_take(last, (size_t)(end - last), out);
        strength_move(out);
        end = last;
    }
    const char *minus = line_find(start, end, negative);
    if (minus) {
        size_t n = (size_t)(end - minus) - (sizeof(negative) - 1);
        const char *words = ym_text_trim(minus + sizeof(negative) - 1, &n);
        YM_AUTOFREE char *copy = ym_strndup(words, n);
        if (n && ym_utf8_valid(words, n) == n && !memchr(words, 0, n))
            cJSON_AddStringToObject(out, "negative_prompt", copy);
        end = minus;
    }
    if (!out->child) {
        cJSON_Delete(out);
        return false;
    }
    *ret_prompt = (struct ym_span){start, (size_t)(end - start)};
    *ret = out;
    return true;
}
