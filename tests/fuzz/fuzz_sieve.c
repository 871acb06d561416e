/* Any split gives the same answer, and a slow reader that parses the whole text agrees with it. */
#include "fuzz.h"

#include <errno.h>
#include <ymago/formats.h>

#define LONG_STRING 40
#define MAX_DOC     2000
#define MAX_MEDIA   5

static const char *const media_keys[] = {"data", "b64_json", "images[]", NULL};

struct outcome {
    int r;
    struct ym_sieve *sieve;
    cJSON *doc;
    struct ym_buf media[MAX_MEDIA];
    unsigned begun, ended;
};

static int on_begin(void *ctx, unsigned i)
{
    struct outcome *o = ctx;
    ym_assert(i == o->begun && o->begun == o->ended && i < MAX_MEDIA);
    ym_buf_init(&o->media[o->begun++], 1 << 20);
    return 0;
}

static int on_data(void *ctx, unsigned i, const uint8_t *data, size_t len)
{
    struct outcome *o = ctx;
    ym_assert(i + 1 == o->begun && len > 0);
    return ym_buf_add(&o->media[i], data, len);
}

static int on_end(void *ctx, unsigned i)
{
    struct outcome *o = ctx;
    ym_assert(i + 1 == o->begun);
    o->ended++;
    return 0;
}

static void sift(const char *text, size_t len, size_t step, struct outcome *o)
{
    static const struct ym_sieve_spec spec = {media_keys, LONG_STRING, MAX_DOC, MAX_MEDIA};
    const struct ym_sieve_sink sink = {on_begin, on_data, on_end, o};
    *o = (struct outcome){.sieve = ym_sieve_new(&spec, &sink)};
    for (size_t at = 0; at < len && o->r == 0; at += step) {
        size_t n = len - at < step ? len - at : step;
        YM_AUTOFREE char *piece = malloc(n); /* of its exact size */
        memcpy(piece, text + at, n);
        o->r = ym_sieve_feed(o->sieve, piece, n);
    }
    if (o->r == 0)
        o->r = ym_sieve_end(o->sieve, &o->doc, NULL);
    ym_assert(o->r == 0 || o->r == -EBADMSG || o->r == -E2BIG);
    ym_assert(o->r < 0 || o->begun == o->ended);
}

static void outcome_fini(struct outcome *o)
{
    for (unsigned i = 0; i < o->begun; i++)
        ym_buf_fini(&o->media[i]);
    cJSON_Delete(o->doc);
    ym_sieve_free(o->sieve);
}

/* The same value, tokens apart. */
static void same_value(const struct outcome *a, const cJSON *x, const struct outcome *b,
                       const cJSON *y)
{
    ym_assert((x->type & 0xff) == (y->type & 0xff));
    ym_assert(!x->string == !y->string && (!x->string || strcmp(x->string, y->string) == 0));
    int i = ym_sieve_index(a->sieve, x);
    ym_assert(i == ym_sieve_index(b->sieve, y));
    if (i < 0 && cJSON_IsString(x))
        same_text(x->valuestring, y->valuestring);
    const cJSON *p = x->child, *q = y->child;
    for (; p && q; p = p->next, q = q->next)
        same_value(a, p, b, q);
    ym_assert(!p && !q);
}

static void same_outcome(const struct outcome *a, const struct outcome *b)
{
    ym_assert(a->r == b->r);
    if (a->r < 0)
        return;
    ym_assert(a->begun == b->begun);
    for (unsigned i = 0; i < a->begun; i++)
        ym_assert(a->media[i].len == b->media[i].len &&
                  memcmp(a->media[i].data, b->media[i].data, a->media[i].len) == 0);
    same_value(a, a->doc, b, b->doc);
}

/* What stands behind a data URL's head, or the whole. */
static const char *media_part(const char *s)
{
    const char *comma = strncmp(s, "data:", 5) == 0 ? strchr(s, ',') : NULL;
    return comma ? comma + 1 : s;
}

static void check_media(const struct ym_buf *got, const char *text)
{
    size_t n = strlen(text);
    YM_AUTOFREE uint8_t *want = malloc((n / 4 + 1) * 3);
    struct ym_b64_dec d = {0};
    ssize_t len = ym_b64_decode(&d, text, n, want);
    ym_assert(len > 0 && ym_b64_decode_end(&d) == 0);
    ym_assert(got->len == (size_t)len && memcmp(got->data, want, got->len) == 0);
}

static bool is_media_key(const char *key)
{
    return key && (strcmp(key, media_keys[0]) == 0 || strcmp(key, media_keys[1]) == 0);
}

/* x stands in the sifted document where y stands in the text; media: it is to be diverted. */
static void check_sifted(const struct outcome *o, const cJSON *x, const cJSON *y, bool media)
{
    ym_assert((x->type & 0xff) == (y->type & 0xff));
    int i = ym_sieve_index(o->sieve, x);
    media = media || is_media_key(y->string);
    if (i >= 0) {
        ym_assert(media);
        check_media(&o->media[i], media_part(y->valuestring));
    } else if (cJSON_IsString(x) && strcmp(x->valuestring, y->valuestring) != 0) {
        ym_assert(x->valuestring[0] == '\0'); /* it was too long, or a data URL of nothing */
        ym_assert(media ? *media_part(y->valuestring) == '\0'
                        : strlen(y->valuestring) > LONG_STRING / 6);
    } else if (cJSON_IsString(x) && media) {
        ym_assert(x->valuestring[0] == '\0'); /* media never pass */
    }
    const cJSON *p = x->child, *q = y->child;
    bool elements = cJSON_IsArray(y) && y->string && strcmp(y->string, "images") == 0;
    for (; p && q; p = p->next, q = q->next) {
        elements = elements && cJSON_IsString(q);
        check_sifted(o, p, q, elements);
    }
    ym_assert(!p && !q);
}

/* First byte: the length of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 1;
    struct outcome whole, cut, bytes;
    sift(text, size - 1, size, &whole);
    sift(text, size - 1, (size_t)data[0] % 61 + 1, &cut);
    sift(text, size - 1, 1, &bytes);
    same_outcome(&whole, &cut);
    same_outcome(&whole, &bytes);
    YM_AUTOJSON cJSON *v = NULL;
    bool is_json = ym_json_parse(text, size - 1, SIZE_MAX, &v, NULL) == 0;
    if (whole.r == 0 && is_json) /* what is taken out may be worse than what is checked */
        check_sifted(&whole, whole.doc, v, false);
    outcome_fini(&whole);
    outcome_fini(&cut);
    outcome_fini(&bytes);
    return 0;
}
