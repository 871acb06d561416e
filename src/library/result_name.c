/* Names that we give: of results and of notes. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "names.h"

size_t name_stem_len(const char *base)
{
    struct ym_name n;
    ym_name_classify(base, &n);
    if (n.cls == YM_NM_PROMPT)
        return strlen(n.stem);
    const char *dot = strrchr(base, '.');
    /* "budget.toml" has an extension, "bulk-10.15" has none. */
    return dot && dot > base && isalpha((unsigned char)dot[1]) ? (size_t)(dot - base)
                                                               : strlen(base);
}

int ym_result_name(const char *prompt_base, const char *output_filename, int idx, const char *ext,
                   int attempt, char out[static 256])
{
    size_t stem = name_stem_len(prompt_base);
    const char *name = output_filename ? output_filename : prompt_base;
    size_t len = output_filename ? strlen(output_filename) : stem;
    /* From the second try on, what tells the prompt from others of its stem: ".txt", ".x4.txt". */
    const char *tail = attempt > 0 ? prompt_base + stem : "";
    char number[16] = "", again[16] = "";
    if (idx > 0)
        snprintf(number, sizeof(number), "-%d", idx + 1);
    if (attempt > 1)
        snprintf(again, sizeof(again), "-%d", attempt);
    /* 250, so that the sidecar's name fits as well. */
    if (len + strlen(number) + strlen(tail) + strlen(again) + 1 + strlen(ext) > 250)
        return -ENAMETOOLONG;
    snprintf(out, 256, "%.*s%s%s%s.%s", (int)len, name, number, tail, again, ext);
    return 0;
}

const char *ym_result_ext(const char *path)
{
    static const char *const texts[] = {".out.md", ".out.json"};
    size_t len = strlen(path);
    for (size_t i = 0; i < YM_COUNT(texts); i++)
        if (len > strlen(texts[i]) && strcmp(path + len - strlen(texts[i]), texts[i]) == 0)
            return path + len - strlen(texts[i]) + 1;
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : "";
}

/* Names of devices elsewhere: such a file could not be copied to a stick. */
static bool is_device_name(const char *s)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", NULL};
    size_t len = strcspn(s, ".");
    for (const char *const *d = devices; *d; d++)
        if (len == 3 && strncasecmp(s, *d, 3) == 0)
            return true;
    return len == 4 && (strncasecmp(s, "com", 3) == 0 || strncasecmp(s, "lpt", 3) == 0) &&
           isdigit((unsigned char)s[3]) && s[3] != '0';
}

/* A picture of that name would be taken for something else: a reference, a README. */
static bool is_reserved(const char *s)
{
    char full[256];
    struct ym_name n;
    snprintf(full, sizeof(full), "%s.png", s);
    ym_name_classify(full, &n);
    return n.cls != YM_NM_MEDIA || is_device_name(s);
}

int ym_output_filename_check(const char *name, struct ym_err *e)
{
    size_t len = strlen(name);
    char shown[64];
    ym_text_show(name, shown, sizeof(shown));
    if (len == 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename is empty; give a name or leave it out.");
    if (len > 200)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename is %zu bytes long; at most 200 are allowed.", len);
    if (ym_utf8_valid(name, len) != len)
        return ym_fail(e, YM_INVALID, EINVAL, "output_filename \"%s\" is not valid UTF-8.", shown);
    if (ym_text_has_control(name, len) || strpbrk(name, "\t") || strstr(name, "\xe2\x80\xa8") ||
        strstr(name, "\xe2\x80\xa9"))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename \"%s\" holds control or direction characters; remove them.",
                       shown);
    const char *bad = strpbrk(name, "<>:\"/\\|?*");
    if (bad)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename \"%s\" must be one plain name without '%c'.", shown, *bad);
    if (strchr(".- ", name[0]) || strchr(". ", name[len - 1]))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename \"%s\" must not begin with '.', '-' or a blank, nor end "
                       "with '.' or a blank.",
                       shown);
    if (is_reserved(name))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "output_filename \"%s\" is reserved; choose another name.", shown);
    return 0;
}

char *ym_note_path(const char *prompt, const char *note, bool full)
{
    const char *base = name_base(prompt);
    size_t folder = (size_t)(base - prompt), len = full ? strlen(base) : name_stem_len(base);
    char end[24];
    snprintf(end, sizeof(end), ".%s.log", note);
    /* A note that would not fit in a name keeps its end, which says what it is. */
    len = ym_utf8_cut(base, len, 255 - strlen(end));
    return ym_asprintf("%.*s%.*s%s", (int)folder, prompt, (int)len, base, end);
}
