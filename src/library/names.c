/* What a name means. By the name alone: no file is looked at here. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <ymago/media.h>

#include "names.h"

const char *const name_image_exts[] = {"png",  "jpg",  "jpeg", "webp", "gif",  "avif",
                                       "heic", "heif", "bmp",  "tif",  "tiff", NULL};
static const char *const prompt_exts[] = {"txt", "md", "prompt", NULL};
static const char *const batch_exts[] = {"csv", "tsv", "jsonl", "ndjson", NULL};
static const char *const document_exts[] = {"json", "yaml", "yml", NULL};
static const char *const sheet_exts[] = {"xlsx", "ods", NULL};
static const char *const side_files[] = {"~",       ".tmp",      ".part", ".swp",
                                         ".swx",    ".bak",      ".orig", ".crdownload",
                                         ".out.md", ".out.json", NULL};
static const char *const notes[] = {"error", "held", "approved", "working", NULL};

static bool in_list(const char *const *list, const char *word)
{
    for (; *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len >= n && strncasecmp(s + len - n, end, n) == 0;
}

static bool is_sed_temporary(const char *s, size_t len)
{
    if (len != 9 || strncmp(s, "sed", 3) != 0)
        return false;
    for (size_t i = 3; i < len; i++)
        if (!isalnum((unsigned char)s[i]))
            return false; /* "sedan.txt" is a prompt */
    return true;
}

/* Names that never mean anything to us, whatever their extension. */
static bool is_plain(const char *s, size_t len)
{
    if (len == 0 || len > 255 || strchr(".#_", s[0]))
        return true;
    if (strncasecmp(s, "README", 6) == 0 || strncmp(s, "STATUS", 6) == 0)
        return true;
    for (const char *const *end = side_files; *end; end++)
        if (ends_with(s, len, *end))
            return true;
    /* A name that is no UTF-8 cannot stand in a sidecar or an event. */
    return is_sed_temporary(s, len) || ym_utf8_valid(s, len) != len;
}

/* 2.., without leading zeros or signs; 0 = none. */
static int plain_number(const char *s, size_t len, int max)
{
    int v = 0;
    if (len < 1 || len > 3 || s[0] == '0')
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i]))
            return 0;
        v = v * 10 + (s[i] - '0');
    }
    return v >= 2 && v <= max ? v : 0;
}

static void copy_text(char *to, size_t size, const char *s, size_t len)
{
    ym_assert(len < size);
    memcpy(to, s, len);
    to[len] = '\0';
}

/* The last '.' of s that has something before it, or NULL. */
static const char *last_dot(const char *s, size_t len)
{
    const char *dot = memrchr(s, '.', len);
    return dot && dot > s ? dot : NULL;
}

/* "x.error.log" */
static bool as_note(const char *s, size_t len, struct ym_name *n)
{
    for (const char *const *note = notes; *note; note++) {
        char end[24];
        snprintf(end, sizeof(end), ".%s.log", *note);
        size_t k = strlen(end);
        if (len > k && strcmp(s + len - k, end) == 0) {
            n->cls = YM_NM_NOTE;
            n->note = *note;
            copy_text(n->stem, sizeof(n->stem), s, len - k);
            return true;
        }
    }
    return false;
}

/* "sunset.x4": takes ".x4" off the stem. */
static void take_times(struct ym_name *n)
{
    size_t len = strlen(n->stem);
    const char *dot = last_dot(n->stem, len);
    if (!dot || dot[1] != 'x')
        return;
    size_t at = (size_t)(dot - n->stem);
    n->n = plain_number(dot + 2, len - at - 2, 64);
    if (n->n)
        n->stem[at] = '\0';
}

static bool one_case(const char *ext)
{
    bool lower = false, upper = false;
    for (; *ext; ext++) {
        lower |= islower((unsigned char)*ext) != 0;
        upper |= isupper((unsigned char)*ext) != 0;
    }
    return !(lower && upper);
}

/* "sunset.in", "sunset.in2": takes it off the stem. References are found by trying their names, so
 * the extension must be written in one case, as cameras and programs do. */
static bool take_reference(struct ym_name *n, const char *ext_as_written)
{
    size_t len = strlen(n->stem);
    const char *dot = last_dot(n->stem, len);
    if (!dot || strncmp(dot, ".in", 3) != 0 || !one_case(ext_as_written))
        return false;
    size_t at = (size_t)(dot - n->stem);
    n->ref = dot[3] == '\0' ? 1 : plain_number(dot + 3, len - at - 3, NAME_REFS_MAX);
    if (!n->ref)
        return false;
    n->stem[at] = '\0';
    return true;
}

static bool is_media_ext(const char *ext)
{
    return ym_media_is_ext(ext) || in_list(name_image_exts, ext);
}

/* What a sidecar describes: "x.png", or a text result "x.out.md". */
static bool names_media(const char *s)
{
    size_t len = strlen(s);
    const char *dot = last_dot(s, len);
    char ext[16];
    if (!dot || strlen(dot + 1) >= sizeof(ext))
        return false;
    for (size_t i = 0; i <= strlen(dot + 1); i++)
        ext[i] = (char)tolower((unsigned char)dot[1 + i]);
    return is_media_ext(ext) || ends_with(s, len, ".out.md") || ends_with(s, len, ".out.json");
}

static enum ym_name_class class_of_ext(const char *ext)
{
    return in_list(prompt_exts, ext)     ? YM_NM_PROMPT
           : in_list(batch_exts, ext)    ? YM_NM_BATCH
           : in_list(document_exts, ext) ? YM_NM_DOCUMENT
           : in_list(sheet_exts, ext)    ? YM_NM_SHEET
           : is_media_ext(ext)           ? YM_NM_MEDIA
                                         : YM_NM_PLAIN;
}

static void classify(const char *s, size_t len, struct ym_name *n)
{
    const char *dot = last_dot(s, len);
    if (!dot || strlen(dot + 1) >= sizeof(n->ext))
        return;
    for (size_t i = 0; dot[1 + i]; i++)
        n->ext[i] = (char)tolower((unsigned char)dot[1 + i]);
    n->cls = class_of_ext(n->ext);
    if (n->cls == YM_NM_PLAIN)
        return;
    copy_text(n->stem, sizeof(n->stem), s, (size_t)(dot - s));
    if (n->cls == YM_NM_PROMPT)
        take_times(n);
    else if (n->cls == YM_NM_MEDIA && in_list(name_image_exts, n->ext) &&
             take_reference(n, dot + 1))
        n->cls = YM_NM_REFERENCE;
    else if (strcmp(n->ext, "json") == 0 && names_media(n->stem))
        n->cls = YM_NM_SIDECAR;
}

void ym_name_classify(const char *base, struct ym_name *ret)
{
    struct ym_name n = {.cls = YM_NM_PLAIN};
    size_t len = strlen(base);
    /* The sidecar of a text result ends in ".out.md.json": no side file. */
    if (!is_plain(base, len) && !as_note(base, len, &n)) {
        if (strcmp(base, "folder.toml") == 0) {
            n.cls = YM_NM_FOLDER;
            copy_text(n.stem, sizeof(n.stem), "folder", 6);
            copy_text(n.ext, sizeof(n.ext), "toml", 4);
        } else {
            classify(base, len, &n);
        }
    }
    *ret = n;
}

/* ---- paths ---- */

const char *name_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t name_folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

char *name_join(const char *folder, size_t len, const char *base)
{
    return len ? ym_asprintf("%.*s/%s", (int)len, folder, base) : ym_strdup(base);
}

/* Folders whose inside is not the user's list of wishes. */
static bool is_closed(const char *s, size_t len)
{
    return (len && s[0] == '.') || ends_with(s, len, ".batch") || ends_with(s, len, ".refine");
}

bool ym_path_hidden(const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/");
        if (path[len] == '\0')
            return path[0] == '.';
        if (is_closed(path, len))
            return true;
        path += len + 1;
    }
}

static enum ym_kind kind_of_folder(const char *s, size_t len)
{
    for (int k = 0; k < YM_KIND_COUNT; k++) {
        const char *folder = ym_kind_folder((enum ym_kind)k);
        if (folder && strlen(folder) == len && memcmp(folder, s, len) == 0)
            return (enum ym_kind)k;
    }
    return YM_KIND_NONE;
}

/* The kind and whether a folder "batches" stands above; both only where nothing is closed. */
static enum ym_kind walk_folders(const char *path, bool *ret_batches)
{
    enum ym_kind kind = YM_KIND_NONE;
    bool batches = false;
    for (;;) {
        size_t len = strcspn(path, "/");
        if (path[len] == '\0')
            break;
        if (is_closed(path, len)) {
            *ret_batches = false;
            return YM_KIND_NONE;
        }
        if (kind == YM_KIND_NONE)
            kind = kind_of_folder(path, len);
        batches |= len == 7 && memcmp(path, "batches", 7) == 0;
        path += len + 1;
    }
    *ret_batches = batches;
    return kind;
}

enum ym_kind ym_path_kind(const char *path)
{
    bool batches;
    return walk_folders(path, &batches);
}

bool ym_path_is_batch_folder(const char *path)
{
    bool batches;
    return walk_folders(path, &batches) != YM_KIND_NONE || batches;
}
