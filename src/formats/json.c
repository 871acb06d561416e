/* JSON: a strict look first, then cJSON, then the one thing only the tree shows (duplicate keys).
 */
#include <errno.h>
#include <string.h>
#include <ymago/formats.h>

#include "json_scan.h"

struct key {
    const char *text;
    size_t nth; /* among all keys of the document */
};

static int key_order(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    int r = strcmp(a->text, b->text);
    return r ? r : (a->nth > b->nth) - (a->nth < b->nth);
}

/* The second of two equal neighbours, or NULL. */
static const struct key *first_double(struct key *keys, size_t n)
{
    qsort(keys, n, sizeof keys[0], key_order);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i - 1].text, keys[i].text) == 0)
            return &keys[i];
    return NULL;
}

/* Looks for an object with two equal keys. *count numbers the keys as they stand in the text. The
 * scan has bounded the depth. */
static bool find_double(const cJSON *v, size_t *count, struct key *ret)
{
    size_t n = 0, i = 0;
    const cJSON *c;
    YM_AUTOFREE struct key *keys = NULL;
    if (cJSON_IsObject(v)) {
        cJSON_ArrayForEach(c, v) n++;
        keys = ym_alloc_array(n, sizeof keys[0]);
    }
    cJSON_ArrayForEach(c, v)
    {
        if (keys)
            keys[i++] = (struct key){c->string, (*count)++};
        if (c->child && find_double(c, count, ret))
            return true;
    }
    const struct key *twice = n > 1 ? first_double(keys, n) : NULL;
    if (twice)
        *ret = *twice;
    return twice != NULL;
}

static int refuse(struct ym_err *e, const char *text, size_t at, const char *what)
{
    int line, column;
    json_scan_where(text, at, &line, &column);
    return ym_fail(e, YM_INVALID, EINVAL, "The JSON text is wrong at line %d, column %d: %s.", line,
                   column, what);
}

int ym_json_parse(const char *text, size_t len, size_t max_len, cJSON **ret, struct ym_err *e)
{
    if (len > max_len)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The JSON text has %zu bytes; at most %zu are read: make it shorter.", len,
                       max_len);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    size_t at;
    const char *what;
    if (!json_scan(text, len, &at, &what))
        return refuse(e, text, at, what);
    YM_AUTOJSON cJSON *v = cJSON_ParseWithLength(text, len);
    if (!v)
        return ym_fail(e, YM_LOCAL, EINVAL,
                       "The JSON text does not fit into memory; free some and try again.");
    size_t count = 0;
    struct key twice;
    if (find_double(v, &count, &twice)) {
        char name[64], phrase[112];
        snprintf(phrase, sizeof phrase, "the key \"%s\" appears twice; keep one of them",
                 ym_text_show(twice.text, name, sizeof name));
        return refuse(e, text, json_scan_key(text, len, twice.nth), phrase);
    }
    *ret = ym_steal(&v);
    return 0;
}

void ym_json_freep(cJSON **p)
{
    cJSON_Delete(*p);
}
