/* JSON text: the canonical form that digests are made of, and the forms that people and programs
 * read. Our own printer, because cJSON's rounds numbers to 15 digits: a seed near 2^53 would come
 * back as another one. */
#include <math.h>
#include <string.h>
#include <ymago/formats.h>

#define DIGITS_MAX 1e17 /* below, "%.0f" is no longer than "%.17g" and has no exponent */

struct printer {
    struct ym_buf out;
    bool sorted; /* canonical: keys by byte, numbers always with all their digits */
    bool pretty;
    int depth;
};

static void add(struct printer *p, const char *s, size_t n)
{
    ym_assert(ym_buf_add(&p->out, s, n) == 0); /* the buffer has no maximum */
}

static void add_line(struct printer *p)
{
    if (!p->pretty)
        return;
    add(p, "\n", 1);
    for (int i = 0; i < p->depth; i++)
        add(p, "  ", 2);
}

static void add_string(struct printer *p, const char *s)
{
    static const char shorts[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    add(p, "\"", 1);
    while (*s) {
        unsigned char c = (unsigned char)*s;
        char esc[8];
        size_t plain = 0; /* bytes that need no escape */
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        if (plain > 0)
            add(p, s, plain);
        else if (c >= 0x20 || shorts[c])
            add(p, esc,
                (size_t)snprintf(esc, sizeof esc, "\\%c",
                                 c >= 0x20 ? c : (unsigned char)shorts[c]));
        else
            add(p, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", c));
        s += plain ? plain : 1;
    }
    add(p, "\"", 1);
}

static bool same_double(double a, double b)
{
    return !(a < b) && !(a > b);
}

static void add_number(struct printer *p, double d)
{
    char text[40];
    int digits = p->sorted ? 17 : 15;
    ym_assert(isfinite(d));
    if (same_double(d, 0)) {
        add(p, "0", 1); /* -0 and 0 are one value */
    } else if (same_double(trunc(d), d) && fabs(d) < DIGITS_MAX) {
        add(p, text, (size_t)snprintf(text, sizeof text, "%.0f", d));
    } else {
        do
            snprintf(text, sizeof text, "%.*g", digits++, d);
        while (digits <= 17 && !same_double(strtod(text, NULL), d));
        add(p, text, strlen(text));
    }
}

static int by_key(const void *pa, const void *pb)
{
    const cJSON *const *a = pa, *const *b = pb;
    return strcmp((*a)->string, (*b)->string);
}

static void add_value(struct printer *p, const cJSON *v);

/* The items of an object or array, between its brackets. */
static void add_items(struct printer *p, const cJSON *o)
{
    const cJSON *c;
    size_t n = 0;
    bool keys = cJSON_IsObject(o);
    cJSON_ArrayForEach(c, o) n++;
    YM_AUTOFREE const cJSON **items = ym_alloc_array(n, sizeof(cJSON *));
    n = 0;
    cJSON_ArrayForEach(c, o) items[n++] = c;
    if (keys && p->sorted && n > 1)
        qsort(items, n, sizeof items[0], by_key);
    p->depth++;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            add(p, ",", 1);
        add_line(p);
        if (keys) {
            add_string(p, items[i]->string);
            add(p, ": ", p->pretty ? 2 : 1);
        }
        add_value(p, items[i]);
    }
    p->depth--;
    if (n > 0)
        add_line(p);
}

static void add_value(struct printer *p, const cJSON *v)
{
    if (cJSON_IsObject(v) || cJSON_IsArray(v)) {
        bool object = cJSON_IsObject(v);
        add(p, object ? "{" : "[", 1);
        add_items(p, v);
        add(p, object ? "}" : "]", 1);
    } else if (cJSON_IsString(v)) {
        add_string(p, v->valuestring);
    } else if (cJSON_IsNumber(v)) {
        add_number(p, v->valuedouble);
    } else if (cJSON_IsBool(v)) {
        add(p, cJSON_IsTrue(v) ? "true" : "false", cJSON_IsTrue(v) ? 4 : 5);
    } else {
        ym_assert(cJSON_IsNull(v));
        add(p, "null", 4);
    }
}

static char *print(const cJSON *v, bool sorted, bool pretty)
{
    struct printer p = {.sorted = sorted, .pretty = pretty};
    ym_buf_init(&p.out, SIZE_MAX - 1);
    add_value(&p, v);
    return ym_buf_steal(&p.out);
}

char *ym_json_canonical(const cJSON *v)
{
    return print(v, true, false);
}

char *ym_json_print(const cJSON *v, bool pretty)
{
    return print(v, false, pretty);
}
