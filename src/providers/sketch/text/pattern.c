/* Texts for regular expressions: literals, classes, groups, alternatives and counts; the least that fits. */
#include "text.h"

#include <ctype.h>

struct reader {
    const char *p;
    struct rng *r;
    int depth, budget;
};

static bool alternatives(struct reader *x, struct ym_buf *out);

/* One of the characters of a set given as pairs "azAZ09". */
static void put_range(struct reader *x, struct ym_buf *out, const char *pairs)
{
    int n = (int)strlen(pairs) / 2, k = rng_below(x->r, n);
    char c = (char)(pairs[2 * k] + rng_below(x->r, pairs[2 * k + 1] - pairs[2 * k] + 1));
    ym_buf_add(out, &c, 1);
}

static bool escaped(char c, const char **ret_pairs)
{
    *ret_pairs = c == 'd' ? "09" : c == 'w' ? "azAZ09" : c == 's' ? "  " : c == 'D' || c == 'S' || c == 'W' ? (c == 'W' ? "  " : "az") : NULL;
    return *ret_pairs != NULL;
}

/* [...]; a negated class gives the first letter or digit that is not in it. */
static bool class_read(struct reader *x, struct ym_buf *out)
{
    char pairs[200];
    size_t n = 0;
    bool negated = *x->p == '^';
    x->p += negated;
    while (*x->p && *x->p != ']' && n + 8 < sizeof(pairs)) {
        const char *set = NULL;
        if (*x->p == '\\' && x->p[1] && escaped(x->p[1], &set)) {
            memcpy(pairs + n, set, strlen(set));
            n += strlen(set);
            x->p += 2;
            continue;
        }
        x->p += *x->p == '\\';
        char from = *x->p++, to = from;
        if ((unsigned char)from >= 0x80)
            return false;
        if (*x->p == '-' && x->p[1] && x->p[1] != ']') {
            to = x->p[1];
            x->p += 2;
        }
        if (to < from || (unsigned char)to >= 0x80)
            return false;
        pairs[n++] = from;
        pairs[n++] = to;
    }
    pairs[n] = '\0';
    if (*x->p++ != ']' || n == 0)
        return false;
    if (!negated) {
        put_range(x, out, pairs);
        return true;
    }
    for (const char *c = "abcdefghijklmnopqrstuvwxyz0123456789 _-"; *c; c++) {
        bool in = false;
        for (size_t i = 0; i < n; i += 2)
            in |= *c >= pairs[i] && *c <= pairs[i + 1];
        if (!in)
            return ym_buf_add(out, c, 1) == 0;
    }
    return false;
}

static bool atom(struct reader *x, struct ym_buf *out)
{
    const char *set;
    char c = *x->p++;
    switch (c) {
    case '[':
        return class_read(x, out);
    case '(':
        if (*x->p == '?' && x->p[1] == ':')
            x->p += 2;
        else if (*x->p == '?')
            return false; /* looking ahead or behind */
        return alternatives(x, out) && *x->p++ == ')';
    case '.':
        put_range(x, out, "az");
        return true;
    case '\\':
        if (*x->p && escaped(*x->p, &set)) {
            put_range(x, out, set);
            x->p++;
            return true;
        }
        if (isalnum((unsigned char)*x->p) || !*x->p)
            return false;
        return ym_buf_add(out, x->p++, 1) == 0;
    case '*':
    case '+':
    case '?':
    case '{':
        return false;
    default:
        return ym_buf_add(out, &c, 1) == 0;
    }
}

/* How often the atom before shall come. */
static bool count_read(struct reader *x, int *ret)
{
    char c = *x->p;
    *ret = 1;
    if (c == '*' || c == '?' || c == '+') {
        x->p++;
        *ret = c == '+' ? 1 + rng_below(x->r, 3) : rng_below(x->r, 2);
    } else if (c == '{' && isdigit((unsigned char)x->p[1])) {
        char *end;
        long lo = strtol(x->p + 1, &end, 10), hi = lo;
        if (*end == ',' && isdigit((unsigned char)end[1])) {
            hi = strtol(end + 1, &end, 10);
        } else if (*end == ',') { /* as many as one likes */
            hi = lo + 2;
            end++;
        }
        if (*end != '}' || lo < 0 || hi < lo || hi > 1000)
            return false;
        x->p = end + 1;
        *ret = (int)lo + rng_below(x->r, (int)(hi - lo > 3 ? 3 : hi - lo) + 1);
    }
    x->p += *x->p == '?'; /* lazy or not is the same here */
    return true;
}

static bool sequence(struct reader *x, struct ym_buf *out)
{
    while (*x->p && *x->p != '|' && *x->p != ')') {
        if (*x->p == '^' || *x->p == '$') {
            x->p++;
            continue;
        }
        const char *start = x->p;
        size_t before = out->len;
        int n;
        if (--x->budget < 0 || !atom(x, out) || !count_read(x, &n))
            return false;
        const char *end = x->p;
        if (n == 0) {
            out->len = before;
            out->data[before] = '\0';
        }
        for (int i = 1; i < n; i++) {
            x->p = start;
            if (--x->budget < 0 || !atom(x, out))
                return false;
        }
        x->p = end;
    }
    return true;
}

/* The first of them; the others are read and forgotten. */
static bool alternatives(struct reader *x, struct ym_buf *out)
{
    if (++x->depth > 20 || !sequence(x, out))
        return false;
    while (*x->p == '|') {
        x->p++;
        YM_AUTOBUF struct ym_buf other;
        ym_buf_init(&other, 1 << 16);
        ym_buf_add(&other, "", 0);
        if (!sequence(x, &other))
            return false;
    }
    x->depth--;
    return true;
}

bool pattern_make(const char *pattern, struct rng *r, struct ym_buf *out)
{
    struct reader x = {.p = pattern, .r = r, .budget = 5000};
    ym_buf_add(out, "", 0);
    return alternatives(&x, out) && *x.p == '\0';
}
