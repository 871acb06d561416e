/* Paths as people write them, and as the library knows them. */
#include "path.h"

#include <ctype.h>
#include <string.h>
#include <ymago/media.h>

/* Appends the components of p to the tidy absolute path in b ("" is the root). */
static void walk(struct ym_buf *b, const char *p)
{
    while (*p) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (b->len && b->data[b->len - 1] != '/')
                b->data[--b->len] = 0;
            if (b->len)
                b->data[--b->len] = 0;
        } else if (n && !(n == 1 && *p == '.')) {
            ym_buf_adds(b, "/");
            ym_buf_add(b, p, n);
        }
        p += n + (p[n] == '/');
    }
}

char *path_absolute(const char *cwd, const char *p)
{
    struct ym_buf b;
    ym_buf_init(&b, SIZE_MAX);
    if (*p != '/')
        walk(&b, cwd);
    walk(&b, p);
    if (!b.len)
        ym_buf_adds(&b, "/");
    return ym_buf_steal(&b);
}

const char *path_below(const char *root, const char *abs)
{
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(root, abs, n) != 0 || (abs[n] && abs[n] != '/'))
        return NULL;
    return abs[n] ? abs + n + 1 : abs + n;
}

char *path_join(const char *dir, const char *rel)
{
    const char *slash = *rel && strcmp(dir, "/") != 0 ? "/" : "";
    return ym_asprintf("%s%s%s", dir, slash, rel);
}

char *path_verb_target(const char *rel)
{
    static const char *const of_jobs[] = {"jobs", "queue", "running", "held", "failed", "unknown"};
    const char *p = path_below(".ymago", rel);
    const char *slash = p ? strchr(p, '/') : NULL;
    if (!slash)
        return ym_strdup(rel);
    size_t n = (size_t)(slash - p);
    if (n == 4 && memcmp(p, "wait", 4) == 0)
        return ym_strdup(slash + 1);
    for (size_t i = 0; i < YM_COUNT(of_jobs); i++) {
        YM_AUTOFREE char *id = ym_strndup(slash + 1, strcspn(slash + 1, "/"));
        if (strlen(of_jobs[i]) == n && memcmp(p, of_jobs[i], n) == 0 && ym_id_valid(id))
            return ym_steal(&id);
    }
    return ym_strdup(rel);
}

/* ---- a name from a prompt ---- */
#define SLUG_CHARS 40
#define SLUG_BYTES 120

/* Bytes of the character at p (valid UTF-8), and its code point. */
static size_t char_at(const char *p, uint32_t *ret)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t v = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((unsigned char)p[i] & 0x3f);
    *ret = v;
    return n;
}

/* Letters and digits of any script, and pictures: not punctuation, spaces, marks of direction. */
static bool fits_name(uint32_t c)
{
    static const uint32_t out[][2] = {{0x80, 0xbf},     {0xd7, 0xd7},     {0xf7, 0xf7},
                                      {0x61c, 0x61c},   {0x1680, 0x1680}, {0x180e, 0x180e},
                                      {0x2000, 0x206f}, {0x3000, 0x3004}, {0x3008, 0x3020},
                                      {0xe000, 0xf8ff}, {0xfe00, 0xfe6f}, {0xfeff, 0xff0f},
                                      {0xff1a, 0xff20}, {0xfff0, 0xffff}, {0xe0000, 0x10ffff}};
    if (c < 0x80)
        return isalnum((int)c);
    for (size_t i = 0; i < YM_COUNT(out); i++)
        if (c >= out[i][0] && c <= out[i][1])
            return false;
    return true;
}

char *path_slug(const char *prompt)
{
    struct ym_buf b;
    size_t n, chars = 0;
    bool gap = false;
    uint32_t c;
    ym_buf_init(&b, SLUG_BYTES);
    for (const char *p = prompt; *p; p += n) {
        n = char_at(p, &c);
        if (!fits_name(c)) {
            gap = b.len > 0;
            continue;
        }
        if (chars + gap + 1 > SLUG_CHARS || b.len + gap + n > SLUG_BYTES)
            break;
        chars += (size_t)gap + 1;
        if (gap)
            ym_buf_adds(&b, "-");
        gap = false;
        char low = c < 0x80 ? (char)tolower((int)c) : 0;
        ym_buf_add(&b, low ? &low : p, n);
    }
    if (!b.len)
        ym_buf_adds(&b, "image");
    return ym_buf_steal(&b);
}

static bool is_text_ext(const char *ext)
{
    return strcmp(ext, "md") == 0 || strcmp(ext, "txt") == 0 || strcmp(ext, "json") == 0;
}

void path_split(const char *base, char **ret_stem, char **ret_ext)
{
    const char *dot = strrchr(base, '.');
    bool media = dot && dot > base && (ym_media_is_ext(dot + 1) || is_text_ext(dot + 1));
    *ret_stem = media ? ym_strndup(base, (size_t)(dot - base)) : ym_strdup(base);
    *ret_ext = media ? ym_strdup(dot + 1) : NULL;
}
