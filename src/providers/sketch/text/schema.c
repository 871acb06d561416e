/* Documents that follow a JSON Schema. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

enum { VALUES_MAX = 4000, DEPTH_MAX = 32, DEPTH_FULL = 6 };

struct maker {
    const cJSON *root;
    const struct topic *t;
    struct rng *r;
    int values, depth;
    int index;          /* of the item of a list that is being made; for numbers that count */
    struct ym_err *e;
};

static cJSON *value(struct maker *m, const cJSON *s, const char *name);

static cJSON *refuse(struct maker *m, const char *why)
{
    ym_fail(m->e, YM_INVALID, EINVAL, "The schema cannot be followed: %s.", why);
    return NULL;
}

/* ---- parts of a schema ---- */
static const cJSON *ref_find(struct maker *m, const char *ref)
{
    const cJSON *at = m->root;
    char key[128];
    if (ref[0] != '#')
        return NULL;
    for (const char *p = ref + 1; *p && at;) {
        size_t n = 0;
        if (*p++ != '/')
            return NULL;
        for (; *p && *p != '/' && n < sizeof(key) - 1; p++) {
            bool tilde = *p == '~' && (p[1] == '0' || p[1] == '1');
            key[n++] = tilde ? (p[1] == '0' ? '~' : '/') : *p;
            p += tilde;
        }
        key[n] = '\0';
        at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, (int)strtol(key, NULL, 10)) : cJSON_GetObjectItemCaseSensitive(at, key);
    }
    return at;
}

static void key_merge(cJSON *into, const cJSON *v)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(into, v->string);
    const cJSON *k;
    if (old && cJSON_IsObject(old) && cJSON_IsObject(v) && !strcmp(v->string, "properties")) {
        cJSON_ArrayForEach (k, v)
            key_merge(old, k);
    } else if (old && cJSON_IsArray(old) && cJSON_IsArray(v) && !strcmp(v->string, "required")) {
        cJSON_ArrayForEach (k, v)
            cJSON_AddItemToArray(old, cJSON_Duplicate(k, true));
    } else if (old) {
        cJSON_ReplaceItemInObjectCaseSensitive(into, v->string, cJSON_Duplicate(v, true));
    } else {
        cJSON_AddItemToObject(into, v->string, cJSON_Duplicate(v, true));
    }
}

static bool is_null_schema(const cJSON *s)
{
    const char *t = ym_json_str(s, "type");
    return t && !strcmp(t, "null");
}

/* The schema with one branch of its choices (or all of allOf) written into it. */
static cJSON *merged(struct maker *m, const cJSON *s, const char *choice)
{
    cJSON *all = cJSON_Duplicate(s, true);
    const cJSON *list = ym_json_get(s, choice), *branch, *k;
    bool every = !strcmp(choice, "allOf");
    cJSON_DeleteItemFromObjectCaseSensitive(all, choice);
    cJSON_ArrayForEach (branch, list) {
        const char *ref = ym_json_str(branch, "$ref");
        const cJSON *real = ref ? ref_find(m, ref) : branch;
        if (!every && is_null_schema(real) && branch->next)
            continue;
        cJSON_ArrayForEach (k, real)
            key_merge(all, k);
        if (!every)
            break;
    }
    return all;
}

static const char *type_of(const cJSON *s)
{
    static const char *const hints[][2] = {
        {"properties", "object"}, {"required", "object"}, {"additionalProperties", "object"}, {"items", "array"},
        {"prefixItems", "array"}, {"minItems", "array"}, {"minimum", "number"}, {"maximum", "number"}, {"multipleOf", "number"}};
    const cJSON *type = ym_json_get(s, "type"), *one;
    if (cJSON_IsString(type))
        return type->valuestring;
    cJSON_ArrayForEach (one, type)
        if (cJSON_IsString(one) && (strcmp(one->valuestring, "null") != 0 || !one->next))
            return one->valuestring;
    for (size_t i = 0; i < YM_COUNT(hints); i++)
        if (ym_json_get(s, hints[i][0]))
            return hints[i][1];
    return "string";
}

/* Is that one of the words of a name like "sceneTitle" or "voice_over_text"? */
static bool named(const char *name, const char *const *list)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        for (const char *p = name; *p; p++)
            if (!strncasecmp(p, *list, n) && (p == name || !isalpha((unsigned char)p[-1]) || isupper((unsigned char)*p)) &&
                !islower((unsigned char)p[n]))
                return true;
    }
    return false;
}
#define NAMED(name, ...) named(name, (const char *const[]){__VA_ARGS__, NULL})

/* ---- numbers ---- */
struct limits {
    double lo, hi;
    bool has_lo, has_hi;
};

static void bound_add(const cJSON *s, const char *plain, const char *strict, bool low, double step, struct limits *x)
{
    const cJSON *p = ym_json_get(s, plain), *q = ym_json_get(s, strict);
    bool flag = cJSON_IsTrue(q); /* the older form: a flag beside the plain bound */
    if (cJSON_IsNumber(p)) {
        *(low ? &x->lo : &x->hi) = p->valuedouble + (flag ? (low ? step : -step) : 0);
        *(low ? &x->has_lo : &x->has_hi) = true;
    }
    if (cJSON_IsNumber(q)) {
        double v = q->valuedouble + (low ? step : -step);
        bool *has = low ? &x->has_lo : &x->has_hi;
        double *at = low ? &x->lo : &x->hi;
        *at = !*has ? v : low ? fmax(*at, v) : fmin(*at, v);
        *has = true;
    }
}

/* Where in its range a number of that name usually lies. */
static double plausible(struct maker *m, const struct limits *x, const char *name)
{
    double at = rng_in(m->r, 0.2, 0.8);
    if (NAMED(name, "score", "rating", "confidence", "quality", "grade", "probability", "relevance", "similarity"))
        at = rng_in(m->r, 0.68, 0.93);
    else if (NAMED(name, "index", "id", "number", "order", "position", "scene", "shot", "step"))
        return (x->has_lo ? fmax(x->lo, 1) : 1) + m->index;
    else if (NAMED(name, "year"))
        return rng_in(m->r, 1960, 2024);
    else if (NAMED(name, "duration", "seconds", "length") && (!x->has_hi || x->hi >= 8))
        return rng_in(m->r, 3, 8);
    return mixd(x->lo, x->hi, at);
}

static cJSON *number(struct maker *m, const cJSON *s, const char *name, bool whole)
{
    const cJSON *multiple = ym_json_get(s, "multipleOf");
    double step = cJSON_IsNumber(multiple) && multiple->valuedouble > 0 ? multiple->valuedouble : whole ? 1 : 0;
    struct limits x = {.lo = 0};
    bound_add(s, "minimum", "exclusiveMinimum", true, step > 0 ? step : 1e-6, &x);
    bound_add(s, "maximum", "exclusiveMaximum", false, step > 0 ? step : 1e-6, &x);
    if (!x.has_lo)
        x.lo = x.has_hi ? fmin(0, x.hi - 10) : 0;
    if (!x.has_hi)
        x.hi = x.lo + 10;
    double v = clampd(plausible(m, &x, name), x.lo, x.hi);
    if (step > 0) {
        if (whole && step < 1)
            step = 1;
        double lo = ceil(x.lo / step - 1e-9), hi = floor(x.hi / step + 1e-9);
        if (!(lo <= hi) || !isfinite(lo * step) || !isfinite(hi * step) || !isfinite(v))
            return refuse(m, "no number fits its limits");
        return cJSON_CreateNumber(clampd(round(v / step), lo, hi) * step);
    }
    if (!(x.lo <= x.hi) || !isfinite(v))
        return refuse(m, "no number fits its limits");
    double rounded = round(v * 100) / 100;
    return cJSON_CreateNumber(rounded >= x.lo && rounded <= x.hi ? rounded : v);
}

/* ---- texts ---- */
static bool format_put(struct maker *m, const char *format, struct ym_buf *out)
{
    const char *w = topic_word(m->t, m->r);
    bool ascii = ym_utf8_count(w, strlen(w)) == strlen(w);
    w = ascii ? w : "light";
    int day = 1 + rng_below(m->r, 28), month = 1 + rng_below(m->r, 12), hour = rng_below(m->r, 24), minute = rng_below(m->r, 60);
    if (!strcmp(format, "date"))
        ym_buf_addf(out, "2026-%02d-%02d", month, day);
    else if (!strcmp(format, "date-time"))
        ym_buf_addf(out, "2026-%02d-%02dT%02d:%02d:00Z", month, day, hour, minute);
    else if (!strcmp(format, "time"))
        ym_buf_addf(out, "%02d:%02d:00Z", hour, minute);
    else if (!strcmp(format, "duration"))
        ym_buf_addf(out, "PT%dS", 3 + rng_below(m->r, 57));
    else if (!strcmp(format, "email"))
        ym_buf_addf(out, "%s@example.org", w);
    else if (!strcmp(format, "hostname"))
        ym_buf_addf(out, "%s.example.org", w);
    else if (!strcmp(format, "uri") || !strcmp(format, "url") || !strcmp(format, "uri-reference") || !strcmp(format, "iri"))
        ym_buf_addf(out, "https://example.org/%s", w);
    else if (!strcmp(format, "ipv4"))
        ym_buf_addf(out, "192.0.2.%d", 1 + rng_below(m->r, 254));
    else if (!strcmp(format, "ipv6"))
        ym_buf_addf(out, "2001:db8::%x", (unsigned)rng_below(m->r, 65535) + 1);
    else if (!strcmp(format, "uuid"))
        ym_buf_addf(out, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(rng_next(m->r) >> 32), (unsigned)rng_below(m->r, 65536),
                    (unsigned)rng_below(m->r, 4096), (unsigned)rng_below(m->r, 4096), (unsigned long long)(rng_next(m->r) >> 16));
    else if (!strcmp(format, "color"))
        ym_buf_addf(out, "#%06x", (unsigned)(rng_next(m->r) >> 40));
    else
        return false;
    return true;
}

static void name_put(struct maker *m, struct ym_buf *out)
{
    static const char *const people[] = {"Mara Lind", "Jonas Weber", "Ilse Okafor", "Tomas Rivera", "Nora Hale", "Emil Sato"};
    ym_buf_adds(out, people[rng_below(m->r, 6)]);
}

/* What a field of that name would hold. */
static void guess_put(struct maker *m, const char *name, struct ym_buf *out)
{
    if (NAMED(name, "color", "colour", "hex"))
        format_put(m, "color", out);
    else if (NAMED(name, "url", "uri", "link"))
        format_put(m, "uri", out);
    else if (NAMED(name, "email"))
        format_put(m, "email", out);
    else if (NAMED(name, "date"))
        format_put(m, "date", out);
    else if (NAMED(name, "language", "lang", "locale"))
        ym_buf_adds(out, "en");
    else if (NAMED(name, "id", "key", "slug"))
        ym_buf_addf(out, "%s-%d", topic_word(m->t, m->r), m->index + 1);
    else if (NAMED(name, "speaker", "character", "author", "person", "actor"))
        name_put(m, out);
    else if (NAMED(name, "tag", "tags", "keyword", "keywords", "word", "genre", "mood", "category", "hashtags"))
        ym_buf_adds(out, m->index < m->t->n ? m->t->words[m->index] : prose_noun(m->r));
    else if (NAMED(name, "title", "name", "heading", "label", "headline", "location", "subject"))
        prose_title(out, m->t, m->r);
    else
        prose_sentence(out, m->t, m->r);
}

static void length_fit(struct maker *m, struct ym_buf *b, size_t min, size_t max)
{
    while (ym_utf8_count(b->data, b->len) < min) {
        ym_buf_adds(b, b->len ? " " : "");
        prose_sentence(b, m->t, m->r);
    }
    size_t chars = ym_utf8_count(b->data, b->len), bytes = b->len;
    if (chars <= max)
        return;
    for (size_t n = chars; n > max; n--) /* back over one character at a time */
        do
            bytes--;
        while (bytes > 0 && ((unsigned char)b->data[bytes] & 0xC0) == 0x80);
    size_t word = bytes; /* to a word's end, when that is near and long enough */
    while (word > 0 && b->data[word] != ' ')
        word--;
    if (word > 0 && ym_utf8_count(b->data, word) >= (min ? min : 1) && word + 24 > bytes)
        bytes = word;
    b->len = bytes;
    b->data[bytes] = '\0';
}

static cJSON *string(struct maker *m, const cJSON *s, const char *name)
{
    double min = ym_json_num_or(s, "minLength", 0), max = ym_json_num_or(s, "maxLength", 1e6);
    const char *format = ym_json_str(s, "format"), *pattern = ym_json_str(s, "pattern");
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 1 << 18);
    ym_buf_add(&b, "", 0);
    if (min > max || min > 100000)
        return refuse(m, "no text has the length it asks for");
    if (pattern) {
        if (!pattern_make(pattern, m->r, &b))
            return refuse(m, "the offline sketch does not understand its pattern");
    } else if (!format || !format_put(m, format, &b)) {
        guess_put(m, name, &b);
        length_fit(m, &b, (size_t)min, (size_t)fmax(max, 0));
    }
    return cJSON_CreateString(b.data);
}

/* ---- lists and objects ---- */
static bool holds(const cJSON *list, const cJSON *v)
{
    const cJSON *old;
    cJSON_ArrayForEach (old, list)
        if (cJSON_Compare(old, v, true))
            return true;
    return false;
}

/* Adds one more item; false when none can be, with m->e only if that matters. */
static bool item_add(struct maker *m, const cJSON *s, const char *name, cJSON *list, bool unique)
{
    for (int i = 0; i < 50; i++) {
        cJSON *v = value(m, s, name);
        if (!v)
            return false;
        if (!unique || !holds(list, v))
            return cJSON_AddItemToArray(list, v);
        cJSON_Delete(v);
    }
    refuse(m, "it asks for more different values than there are");
    return false;
}

static cJSON *array(struct maker *m, const cJSON *s, const char *name)
{
    const cJSON *items = ym_json_get(s, "items"), *first = ym_json_get(s, "prefixItems");
    double min = ym_json_num_or(s, "minItems", 0), max = ym_json_num_or(s, "maxItems", 1e6);
    if (cJSON_IsArray(items)) { /* the older form of prefixItems */
        first = items;
        items = NULL;
    }
    int fixed = cJSON_GetArraySize(first);
    if (min > max || min > VALUES_MAX)
        return refuse(m, "no list has the length it asks for");
    double many = m->depth > DEPTH_FULL ? min : fmax(min, fmin(fmax(3, fixed), max));
    if (cJSON_IsFalse(items) || (fixed && !items))
        many = fmax(min, fmin(fixed, max));
    cJSON *list = cJSON_CreateArray(), *any = cJSON_CreateObject();
    int was = m->index;
    bool unique = cJSON_IsTrue(ym_json_get(s, "uniqueItems"));
    for (m->index = 0; m->index < (int)many; m->index++) {
        const cJSON *of = m->index < fixed ? cJSON_GetArrayItem(first, m->index) : cJSON_IsObject(items) ? items : any;
        if (item_add(m, of, name, list, unique))
            continue;
        if (m->index < (int)min || !unique) {
            cJSON_Delete(list);
            list = NULL;
        }
        break;
    }
    m->index = was;
    cJSON_Delete(any);
    return list;
}

static bool is_required(const cJSON *s, const char *name)
{
    const cJSON *k;
    cJSON_ArrayForEach (k, ym_json_get(s, "required"))
        if (cJSON_IsString(k) && !strcmp(k->valuestring, name))
            return true;
    return false;
}

static bool member_add(struct maker *m, cJSON *o, const cJSON *s, const char *name)
{
    cJSON *v = value(m, s, name);
    if (v)
        cJSON_AddItemToObject(o, name, v);
    return v != NULL;
}

static cJSON *object(struct maker *m, const cJSON *s)
{
    const cJSON *properties = ym_json_get(s, "properties"), *more = ym_json_get(s, "additionalProperties"), *k;
    cJSON *o = cJSON_CreateObject(), *any = cJSON_CreateObject();
    bool good = true;
    cJSON_ArrayForEach (k, properties)
        if (good && !cJSON_IsFalse(k) && (m->depth <= DEPTH_FULL || is_required(s, k->string)))
            good = member_add(m, o, k, k->string);
    cJSON_ArrayForEach (k, ym_json_get(s, "required"))
        if (good && cJSON_IsString(k) && !cJSON_GetObjectItemCaseSensitive(o, k->valuestring))
            good = member_add(m, o, cJSON_IsObject(more) ? more : any, k->valuestring);
    if (good && !properties && cJSON_IsObject(more) && m->depth <= DEPTH_FULL) /* a map: a few entries */
        for (int i = 0; i < 3 && good; i++) {
            const char *name = m->t->words[i % m->t->n];
            if (!cJSON_GetObjectItemCaseSensitive(o, name))
                good = member_add(m, o, more, name);
        }
    cJSON_Delete(any);
    if (!good) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

/* ---- any ---- */
static cJSON *by_type(struct maker *m, const cJSON *s, const char *name)
{
    const char *type = type_of(s);
    if (!strcmp(type, "object"))
        return object(m, s);
    if (!strcmp(type, "array"))
        return array(m, s, name);
    if (!strcmp(type, "string"))
        return string(m, s, name);
    if (!strcmp(type, "integer") || !strcmp(type, "number"))
        return number(m, s, name, *type == 'i');
    if (!strcmp(type, "boolean"))
        return cJSON_CreateBool(rng_chance(m->r, 0.7));
    if (!strcmp(type, "null"))
        return cJSON_CreateNull();
    return refuse(m, "it names a type that JSON does not have");
}

static cJSON *value_of(struct maker *m, const cJSON *s, const char *name)
{
    static const char *const choices[] = {"allOf", "anyOf", "oneOf"};
    const char *ref = ym_json_str(s, "$ref");
    const cJSON *list;
    if (cJSON_IsFalse(s))
        return refuse(m, "it allows nothing");
    if (ref) {
        const cJSON *real = ref_find(m, ref);
        return real ? value(m, real, name) : refuse(m, "a $ref in it leads nowhere");
    }
    if ((list = ym_json_get(s, "const")))
        return cJSON_Duplicate(list, true);
    for (size_t i = 0; i < YM_COUNT(choices); i++)
        if (cJSON_GetArraySize(ym_json_get(s, choices[i])) > 0) {
            cJSON *all = merged(m, s, choices[i]), *v = value(m, all, name);
            cJSON_Delete(all);
            return v;
        }
    list = ym_json_get(s, "enum");
    if (cJSON_IsArray(list))
        return cJSON_GetArraySize(list) > 0 ? cJSON_Duplicate(cJSON_GetArrayItem(list, rng_below(m->r, cJSON_GetArraySize(list))), true)
                                            : refuse(m, "an enum in it is empty");
    return by_type(m, s, name);
}

static cJSON *value(struct maker *m, const cJSON *s, const char *name)
{
    if (++m->values > VALUES_MAX)
        return refuse(m, "it asks for thousands of values");
    if (m->depth >= DEPTH_MAX)
        return refuse(m, "it nests without an end");
    m->depth++;
    cJSON *v = value_of(m, s, name);
    m->depth--;
    return v;
}

int schema_make(const cJSON *schema, const struct topic *t, struct rng *r, cJSON **ret, struct ym_err *e)
{
    struct ym_err why = {.cls = YM_OK};
    struct maker m = {.root = schema, .t = t, .r = r, .e = &why};
    cJSON *v = value(&m, schema, "text");
    if (!v) {
        if (e)
            *e = why;
        return -EINVAL;
    }
    *ret = v;
    return 0;
}
