/* JSON text: the canonical form that digests are made of, and the form people read. */
#include <math.h>
#include <string.h>
#include <ymago/formats.h>

#define DIGITS_MAX 1e17 /* below, "%.0f" is no longer than "%.17g" and has no exponent */

static void add(struct ym_buf *b, const char *s, size_t n)
{
    ym_assert(ym_buf_add(b, s, n) == 0); /* the buffer has no maximum */
}

static void add_string(struct ym_buf *b, const char *s)
{
    static const char shorts[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    add(b, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char esc[8];
        if (c == '"' || c == '\\')
            add(b, esc, (size_t)snprintf(esc, sizeof esc, "\\%c", c));
        else if (c < 0x20 && shorts[c])
            add(b, esc, (size_t)snprintf(esc, sizeof esc, "\\%c", shorts[c]));
        else if (c < 0x20)
            add(b, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", c));
        else
            add(b, s, 1);
    }
    add(b, "\"", 1);
}

static void add_number(struct ym_buf *b, double d)
{
    char text[40];
    ym_assert(isfinite(d));
    double whole = trunc(d);
    bool is_whole = !(whole < d) && !(whole > d) && fabs(d) < DIGITS_MAX;
    if (is_whole && !(d < 0) && !(d > 0))
        d = 0; /* -0 and 0 are one value */
    add(b, text, (size_t)snprintf(text, sizeof text, is_whole ? "%.0f" : "%.17g", d));
}

static int by_key(const void *pa, const void *pb)
{
    const cJSON *const *a = pa, *const *b = pb;
    return strcmp((*a)->string, (*b)->string);
}

static void add_value(struct ym_buf *b, const cJSON *v);

static void add_members(struct ym_buf *b, const cJSON *o)
{
    const cJSON *c;
    size_t n = 0;
    cJSON_ArrayForEach(c, o) n++;
    YM_AUTOFREE const cJSON **sorted = ym_alloc_array(n, sizeof(cJSON *));
    n = 0;
    cJSON_ArrayForEach(c, o) sorted[n++] = c;
    if (n > 1)
        qsort(sorted, n, sizeof sorted[0], by_key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            add(b, ",", 1);
        add_string(b, sorted[i]->string);
        add(b, ":", 1);
        add_value(b, sorted[i]);
    }
}

static void add_value(struct ym_buf *b, const cJSON *v)
{
    const cJSON *c;
    if (cJSON_IsObject(v)) {
        add(b, "{", 1);
        add_members(b, v);
        add(b, "}", 1);
    } else if (cJSON_IsArray(v)) {
        add(b, "[", 1);
        cJSON_ArrayForEach(c, v)
        {
            if (c != v->child)
                add(b, ",", 1);
            add_value(b, c);
        }
        add(b, "]", 1);
    } else if (cJSON_IsString(v)) {
        add_string(b, v->valuestring);
    } else if (cJSON_IsNumber(v)) {
        add_number(b, v->valuedouble);
    } else if (cJSON_IsBool(v)) {
        add(b, cJSON_IsTrue(v) ? "true" : "false", cJSON_IsTrue(v) ? 4 : 5);
    } else {
        ym_assert(cJSON_IsNull(v));
        add(b, "null", 4);
    }
}

char *ym_json_canonical(const cJSON *v)
{
    struct ym_buf b;
    ym_buf_init(&b, SIZE_MAX - 1);
    add_value(&b, v);
    return ym_buf_steal(&b);
}

char *ym_json_print(const cJSON *v, bool pretty)
{
    char *s = pretty ? cJSON_Print(v) : cJSON_PrintUnformatted(v);
    ym_assert(s != NULL);
    return s;
}
