/* UTF-8, text that is safe to show, and the nearest word. */
#include <ctype.h>
#include <string.h>
#include <ymago/base.h>

/* Bytes of the valid sequence at s, and its code point; 0 = invalid or cut. len > 0. */
static size_t utf8_one(const unsigned char *s, size_t len, uint32_t *ret_cp)
{
    if (s[0] < 0x80) {
        *ret_cp = s[0];
        return 1;
    }
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : (s[0] & 0xf0) == 0xe0        ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || len < n)
        return 0;
    uint32_t cp = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    *ret_cp = cp;
    return n;
}

static bool is_ascii_8(const unsigned char *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof w);
    return (w & UINT64_C(0x8080808080808080)) == 0;
}

size_t ym_utf8_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0;
    while (i < len) {
        if (len - i >= 8 && is_ascii_8(p + i)) {
            i += 8;
            continue;
        }
        uint32_t cp;
        size_t n = utf8_one(p + i, len - i, &cp);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

size_t ym_utf8_count(const char *s, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

size_t ym_utf8_cut(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max; /* a sequence has at most three continuation bytes */
    for (int i = 0; i < 3 && cut > 0 && ((unsigned char)s[cut] & 0xc0) == 0x80; i++)
        cut--;
    return ((unsigned char)s[cut] & 0xc0) == 0x80 ? max : cut;
}

static bool is_bidi(uint32_t cp)
{
    return cp == 0x61c || cp == 0x200e || cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || is_bidi(cp);
}

/* One unit of s as it is shown, into out (at least 12 bytes); sets the bytes eaten. */
static size_t show_one(const unsigned char *s, size_t len, char *out, size_t *ret_eaten)
{
    uint32_t cp = 0;
    size_t n = utf8_one(s, len, &cp);
    *ret_eaten = n ? n : 1;
    if (n == 0)
        return (size_t)snprintf(out, 12, "\\x%02X", s[0]);
    if (is_control(cp))
        return (size_t)snprintf(out, 12, cp < 0x100 ? "\\x%02X" : "\\u{%X}", cp);
    memcpy(out, s, n);
    return n;
}

void ym_text_escape(struct ym_buf *out, const char *s, size_t len, size_t max)
{
    const unsigned char *p = (const unsigned char *)s;
    char unit[12];
    size_t used = 0, eaten;
    for (size_t i = 0; i < len; i += eaten) {
        size_t n = show_one(p + i, len - i, unit, &eaten);
        if (n > max - used || ym_buf_add(out, unit, n) < 0)
            return;
        used += n;
    }
}

const char *ym_text_show(const char *s, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t len = strlen(s), used = 0, eaten;
    char unit[12];
    ym_assert(size > 0);
    for (size_t i = 0; i < len; i += eaten) {
        size_t n = show_one(p + i, len - i, unit, &eaten);
        if (n >= size - used)
            break;
        memcpy(out + used, unit, n);
        used += n;
    }
    out[used] = '\0';
    return out;
}

bool ym_text_has_control(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0; i < len;) {
        uint32_t cp = 0;
        size_t n = utf8_one(p + i, len - i, &cp);
        if (n && cp != '\t' && is_control(cp))
            return true;
        i += n ? n : 1;
    }
    return false;
}

static const char bom[] = "\xef\xbb\xbf";

/* Bytes of blank at p, which has n bytes: one of ASCII white space, three of a BOM, or none. */
static size_t blank_at(const char *p, size_t n)
{
    if (n >= 1 && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        return 1;
    return n >= 3 && memcmp(p, bom, 3) == 0 ? 3 : 0;
}

static size_t blank_before(const char *end, size_t n)
{
    if (n >= 1 && blank_at(end - 1, 1))
        return 1;
    return n >= 3 && memcmp(end - 3, bom, 3) == 0 ? 3 : 0;
}

const char *ym_text_trim(const char *s, size_t *len)
{
    size_t n = *len, blank;
    while ((blank = blank_at(s, n)) > 0) {
        s += blank;
        n -= blank;
    }
    while ((blank = blank_before(s + n, n)) > 0)
        n -= blank;
    *len = n;
    return s;
}

#define WORD_MAX 64

/* Lower case, without '-' and '_'; returns the length, or WORD_MAX + 1 when it is longer. */
static size_t fold_word(const char *s, char out[static WORD_MAX])
{
    size_t n = 0;
    for (; *s; s++) {
        if (*s == '-' || *s == '_')
            continue;
        if (n == WORD_MAX)
            return WORD_MAX + 1;
        out[n++] = (char)tolower((unsigned char)*s);
    }
    return n;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance (adjacent letters swapped count once). */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned rows[3][WORD_MAX + 1];
    unsigned *two = rows[0], *one = rows[1], *now = rows[2];
    for (size_t j = 0; j <= nb; j++)
        one[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            now[j] = least(least(one[j], now[j - 1]) + 1, one[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two[j - 2] + 1);
        }
        unsigned *free_row = two;
        two = one;
        one = now;
        now = free_row;
    }
    return one[nb];
}

const char *ym_text_suggest(const char *word, const char *const *list)
{
    char w[WORD_MAX], c[WORD_MAX];
    size_t nw = fold_word(word, w);
    const char *best = NULL;
    unsigned best_at = 3;
    if (nw == 0 || nw > WORD_MAX)
        return NULL;
    for (; *list; list++) {
        size_t nc = fold_word(*list, c);
        if (nc > WORD_MAX)
            continue;
        unsigned d = distance(w, nw, c, nc);
        if (d < best_at && 2 * d < nw) {
            best = *list;
            best_at = d;
        }
    }
    return best;
}
