/* The lines that AUTOMATIC1111's programs print below a prompt. */
#include <string.h>
#include <strings.h>
#include <ymago/formats.h>

#define VALUE_MAX 64

static const struct {
    const char *theirs, *ours;
} names[] = {
    {"Steps", "steps"}, {"Sampler", "sampler"},     {"CFG scale", "cfg_scale"},
    {"Seed", "seed"},   {"Clip skip", "clip_skip"}, {"Denoising strength", "strength"},
};

static bool begins(const char *s, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && strncasecmp(s, with, n) == 0;
}

/* A number where it is one, else the text: the fields' checks judge it. */
static cJSON *value_of(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    return *text && !*end && v > -1e15 && v < 1e15 ? cJSON_CreateNumber(v) : cJSON_CreateString(text);
}

static void size_take(const char *value, cJSON *out)
{
    char *end;
    long w = strtol(value, &end, 10);
    if (w <= 0 || *end != 'x')
        return;
    const char *second = end + 1;
    long h = strtol(second, &end, 10);
    if (h <= 0 || *end)
        return;
    cJSON_AddNumberToObject(out, "width", (double)w);
    cJSON_AddNumberToObject(out, "height", (double)h);
}

/* "Sampler: Euler a". What is not known here (hashes, versions, model names of theirs) is passed over. */
static void pair_take(const char *s, size_t len, cJSON *out)
{
    char value[VALUE_MAX];
    s = ym_text_trim(s, &len);
    const char *colon = memchr(s, ':', len);
    if (!colon)
        return;
    size_t key = (size_t)(colon - s), n = len - key - 1;
    const char *v = ym_text_trim(colon + 1, &n);
    if (n == 0 || n >= sizeof(value))
        return;
    memcpy(value, v, n);
    value[n] = '\0';
    if (key == 4 && begins(s, key, "Size"))
        size_take(value, out);
    for (size_t i = 0; i < YM_COUNT(names); i++)
        if (key == strlen(names[i].theirs) && begins(s, key, names[i].theirs) && !cJSON_HasObjectItem(out, names[i].ours))
            cJSON_AddItemToObject(out, names[i].ours, value_of(value));
}

static void pairs_take(const char *s, size_t len, cJSON *out)
{
    while (len) {
        const char *comma = memchr(s, ',', len);
        size_t n = comma ? (size_t)(comma - s) : len;
        pair_take(s, n, out);
        n += comma ? 1 : 0;
        s += n;
        len -= n;
    }
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
