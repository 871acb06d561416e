/* JSON's grammar (RFC 8259) without recursion and without building anything. */
#include "json_scan.h"

#include <math.h>
#include <string.h>

#define NUMBER_MAX 63 /* cJSON copies a number into 64 bytes and cuts what is longer */

struct scan {
    const char *start, *p, *end;
    const char *what;   /* the fault, at p */
    uint64_t is_object; /* one bit a level, the innermost lowest */
    unsigned depth;
    size_t keys, stop_key; /* stops at the key with this number */
};

static bool fault(struct scan *s, const char *at, const char *what)
{
    s->p = at;
    s->what = what;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool hex4(const char *p, const char *end, unsigned *ret)
{
    unsigned v = 0;
    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (is_digit(c))
            v = v << 4 | (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            v = v << 4 | (unsigned)(c - 'A' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

/* s->p is behind "\u". */
static bool scan_unicode(struct scan *s)
{
    const char *at = s->p - 2;
    unsigned high, low;
    if (!hex4(s->p, s->end, &high))
        return fault(s, at, "\\u needs four hexadecimal digits");
    s->p += 4;
    if (high == 0)
        return fault(s, at, "\\u0000 is not allowed");
    if (high < 0xd800 || high > 0xdfff)
        return true;
    if (high > 0xdbff || s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u' ||
        !hex4(s->p + 2, s->end, &low) || low < 0xdc00 || low > 0xdfff)
        return fault(s, at, "this half of a surrogate pair stands alone");
    s->p += 6;
    return true;
}

/* s->p is on the opening quote. */
static bool scan_string(struct scan *s)
{
    const char *open = s->p++;
    while (s->p < s->end) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return true;
        }
        if (c < 0x20)
            return fault(s, s->p, "a control character in a string must be written as an escape");
        s->p++;
        if (c != '\\')
            continue;
        if (s->p == s->end)
            break;
        char kind = *s->p++;
        if (kind == 'u') {
            if (!scan_unicode(s))
                return false;
        } else if (kind == '\0' || !strchr("\"\\/bfnrt", kind)) {
            return fault(s, s->p - 2, "this escape is unknown");
        }
    }
    return fault(s, open, "this string is never closed");
}

size_t json_scan_number(const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    if (p < end && *p == '-')
        p++;
    if (p == end || !is_digit(*p))
        return 0;
    if (*p++ != '0')
        while (p < end && is_digit(*p))
            p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p))
            return 0;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p == end || !is_digit(*p))
            return 0;
        while (p < end && is_digit(*p))
            p++;
    }
    return (size_t)(p - text);
}

static bool scan_number(struct scan *s)
{
    char copy[NUMBER_MAX + 1];
    size_t n = json_scan_number(s->p, (size_t)(s->end - s->p));
    if (n == 0)
        return fault(s, s->p, "this is not a number");
    if (n > NUMBER_MAX)
        return fault(s, s->p, "this number is too long");
    memcpy(copy, s->p, n);
    copy[n] = '\0';
    if (!isfinite(strtod(copy, NULL)))
        return fault(s, s->p, "this number is too large");
    s->p += n;
    return true;
}

static bool scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < YM_COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
            s->p += n;
            return true;
        }
    }
    return fault(s, s->p, "a value is expected here");
}

/* A key and its colon. False also at the key that was asked for. */
static bool scan_key(struct scan *s)
{
    skip_space(s);
    if (s->p == s->end)
        return fault(s, s->p, "the text ends too early");
    if (*s->p != '"')
        return fault(s, s->p, "a key in double quotes is expected here");
    if (s->keys++ == s->stop_key || !scan_string(s))
        return false;
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return fault(s, s->p, "a colon is expected here");
    s->p++;
    return true;
}

/* An opening bracket. Sets *ret_empty when its closing one follows at once. */
static bool scan_open(struct scan *s, bool *ret_empty)
{
    bool object = *s->p == '{';
    if (s->depth == JSON_DEPTH_MAX)
        return fault(s, s->p, "this is nested too deeply");
    s->p++;
    skip_space(s);
    *ret_empty = s->p < s->end && *s->p == (object ? '}' : ']');
    if (*ret_empty) {
        s->p++;
        return true;
    }
    s->depth++;
    s->is_object = s->is_object << 1 | object;
    return !object || scan_key(s);
}

/* What follows a value: closing brackets, then a comma (and key) or, at the top, nothing. */
static bool scan_after(struct scan *s)
{
    for (;;) {
        skip_space(s);
        if (s->depth == 0)
            return true;
        bool object = s->is_object & 1;
        if (s->p < s->end && *s->p == ',') {
            s->p++;
            return !object || scan_key(s);
        }
        if (s->p == s->end)
            return fault(s, s->p, "the text ends too early");
        if (*s->p != (object ? '}' : ']'))
            return fault(s, s->p,
                         object ? "a comma or } is expected here"
                                : "a comma or ] is expected here");
        s->p++;
        s->depth--;
        s->is_object >>= 1;
    }
}

static bool scan_all(struct scan *s)
{
    do {
        bool empty = true;
        skip_space(s);
        if (s->p == s->end)
            return fault(s, s->p, "the text ends too early");
        char c = *s->p;
        bool good = c == '"'                  ? scan_string(s)
                    : c == '{' || c == '['    ? scan_open(s, &empty)
                    : c == '-' || is_digit(c) ? scan_number(s)
                                              : scan_word(s);
        if (!good || (empty && !scan_after(s)))
            return false;
    } while (s->depth > 0);
    return s->p == s->end || fault(s, s->p, "something follows the end of the value");
}

bool json_scan(const char *text, size_t len, size_t *ret_at, const char **ret_what)
{
    struct scan s = {.start = text, .p = text, .end = text + len, .stop_key = SIZE_MAX};
    size_t valid = ym_utf8_valid(text, len);
    bool good = valid == len ? scan_all(&s) : fault(&s, text + valid, "this is not UTF-8");
    if (!good) {
        *ret_at = (size_t)(s.p - text);
        *ret_what = s.what;
    }
    return good;
}

size_t json_scan_key(const char *text, size_t len, size_t nth)
{
    struct scan s = {.start = text, .p = text, .end = text + len, .stop_key = nth};
    bool whole = scan_all(&s);
    ym_assert(!whole && s.what == NULL);
    return (size_t)(s.p - text);
}

void json_scan_where(const char *text, size_t at, int *ret_line, int *ret_column)
{
    const char *line = text, *nl;
    int lines = 1;
    while ((nl = memchr(line, '\n', at - (size_t)(line - text)))) {
        line = nl + 1;
        lines++;
    }
    *ret_line = lines;
    *ret_column = (int)ym_utf8_count(line, at - (size_t)(line - text)) + 1;
}
