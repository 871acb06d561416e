/* Reading what the user wrote: prompts, folder defaults, reference pictures. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "disk.h"
#include "names.h"

/* ---- prompts ---- */

void ym_file_facts_fini(struct ym_file_facts *f)
{
    free(f->bytes);
    *f = (struct ym_file_facts){.exists = false};
}

int ym_library_read(const struct ym_store *s, const char *path, struct ym_file_facts *ret,
                    struct ym_err *e)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = there_look(s, path, &t);
    if (r < 0)
        return disk_fail(e, -r, "read", path);
    struct ym_file_facts f = {.exists = t.exists,
                              .ident = t.ident,
                              .mode = t.mode & 07777,
                              .uid = t.uid,
                              .gid = t.gid,
                              .regular = S_ISREG(t.mode)};
    if (f.regular && t.fd < 0)
        return disk_fail(e, EACCES, "read", path);
    if (f.regular) {
        r = ym_read_fd(t.fd, YM_PROMPT_MAX, &f.bytes, &f.len);
        if (r < 0 && r != -EFBIG)
            return disk_fail(e, -r, "read", path);
        f.too_big = r == -EFBIG;
        if (f.bytes)
            f.b2 = ym_digest_of(f.bytes, f.len);
    }
    *ret = f;
    return 0;
}

/* ---- folder.toml ---- */

#define FOLDER_TEXT_MAX (64 * 1024)

void ym_folder_texts_free(struct ym_folder_text *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(t[i].folder);
        free(t[i].text);
    }
    free(t);
}

/* The folder.toml of the folder that is the first len bytes of path. 1 = found, 0 = there is none.
 */
static int folder_text(const struct ym_store *s, const char *path, size_t len,
                       struct ym_folder_text *ret, struct ym_err *e)
{
    YM_AUTOFREE char *name = name_join(path, len, "folder.toml");
    DISK_AUTOTHERE struct there t = {.fd = -1};
    struct ym_folder_text f = {.folder = NULL};
    int r = there_look(s, name, &t);
    if (r < 0 || !t.exists)
        return r < 0 ? disk_fail(e, -r, "read", name) : 0;
    if (!S_ISREG(t.mode)) /* left out, its limits would silently not hold */
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%.80s is no plain file; put the file itself there, not a link.", name);
    r = t.fd < 0 ? -EACCES : ym_read_fd(t.fd, FOLDER_TEXT_MAX, &f.text, &f.len);
    if (r == -EFBIG)
        return ym_fail(e, YM_INVALID, EFBIG, "%.80s is larger than 64 KiB; shorten it.", name);
    if (r < 0)
        return disk_fail(e, -r, "read", name);
    f.folder = ym_strndup(path, len);
    *ret = f;
    return 1;
}

int ym_library_folder_texts(const struct ym_store *s, const char *prompt,
                            struct ym_folder_text **ret, size_t *ret_n, struct ym_err *e)
{
    size_t max = 1, n = 0;
    for (const char *p = prompt; *p; p++)
        max += *p == '/';
    struct ym_folder_text *texts = ym_alloc_array(max, sizeof(*texts));
    for (size_t len = 0;;) { /* "", then up to each slash */
        int r = folder_text(s, prompt, len, &texts[n], e);
        if (r < 0) {
            ym_folder_texts_free(texts, n);
            return r;
        }
        n += (size_t)r;
        const char *slash = strchr(prompt + len + (len > 0), '/');
        if (!slash)
            break;
        len = (size_t)(slash - prompt);
    }
    *ret = texts;
    *ret_n = n;
    return 0;
}

/* ---- references ---- */

#define WORKFLOW_MAX_BYTES (1 << 20)
#define REF_MAX_BYTES (64LL * 1024 * 1024)

static void ref_fini(struct ym_ref *r)
{
    free(r->path);
    *r = (struct ym_ref){.path = NULL};
}

void ym_refs_free(struct ym_ref *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ref_fini(&r[i]);
    free(r);
}

/* Takes path over on success. */
static int ref_load(const struct ym_store *s, char *path, enum ym_ref_role role, struct ym_ref *ret, struct ym_err *e)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    char shown[96], ext[17];
    ym_text_show(path, shown, sizeof(shown));
    int r = there_look(s, path, &t);
    if (r < 0)
        return disk_fail(e, -r, "read", path);
    if (!t.exists)
        return ym_fail(e, YM_INVALID, ENOENT,
                       "The reference picture %s does not exist; check its name.", shown);
    if (!S_ISREG(t.mode))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The reference picture %s is no plain file; put the picture itself there.",
                       shown);
    if (t.fd < 0)
        return disk_fail(e, EACCES, "read", path);
    if (t.ident.size > (role == YM_REF_WORKFLOW ? WORKFLOW_MAX_BYTES : REF_MAX_BYTES))
        return ym_fail(e, YM_INVALID, EFBIG,
                       "The reference picture %s is larger than %d MiB; make it smaller.", shown,
                       role == YM_REF_WORKFLOW ? 1 : 64);
    struct ym_ref ref = {.role = role, .size = t.ident.size};
    if (role == YM_REF_WORKFLOW)
        snprintf(ref.mime, sizeof(ref.mime), "application/json");
    else if (!disk_sniff(t.fd, path, ext, ref.mime) || strncmp(ref.mime, "image/", 6) != 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The reference %s is not a picture that is understood; save it as PNG or "
                       "JPEG.",
                       shown);
    r = ym_digest_fd(t.fd, &ref.b2, &ref.size);
    if (r < 0)
        return disk_fail(e, -r, "read", path);
    ref.path = path;
    *ret = ref;
    return 0;
}

/* ---- beside the prompt ---- */

/* The file stem.inN.ext that exists, in the order of the extensions: png before jpg. A folder of
 * 100 000 files makes listing dear and trying a few names cheap. NULL = none. */
static char *find_numbered(int dirfd, const char *stem, int number)
{
    char name[300], mark[16] = ".in";
    struct stat st;
    if (number > 1)
        snprintf(mark, sizeof(mark), ".in%d", number);
    for (const char *const *ext = name_image_exts; *ext; ext++) {
        int n = snprintf(name, sizeof(name), "%s%s.%s", stem, mark, *ext);
        for (int upper = 0; upper < 2; upper++) {
            if (n > 0 && n <= 255 && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return ym_strdup(name);
            for (char *p = strrchr(name, '.'); *p; p++)
                *p = (char)toupper((unsigned char)*p);
        }
    }
    return NULL;
}

int ym_library_refs(const struct ym_store *s, const char *prompt, struct ym_ref **ret,
                    size_t *ret_n, struct ym_err *e)
{
    const char *base;
    YM_AUTOCLOSE int dirfd = ym_store_parent(s, prompt, &base);
    if (dirfd < 0)
        return disk_fail(e, -dirfd, "look beside", prompt);
    YM_AUTOFREE char *stem = ym_strndup(base, name_stem_len(base));
    struct ym_ref *refs = ym_alloc_array(NAME_REFS_MAX, sizeof(*refs));
    size_t n = 0;
    int missing = 0;
    /* One number may be missing (the first was deleted), two end the list. */
    for (int number = 1; number <= NAME_REFS_MAX && missing < 2; number++) {
        YM_AUTOFREE char *name = find_numbered(dirfd, stem, number);
        missing = name ? 0 : missing + 1;
        if (!name)
            continue;
        YM_AUTOFREE char *path = name_join(prompt, name_folder_len(prompt), name);
        int r = ref_load(s, path, number == 1 ? YM_REF_SOURCE : YM_REF_REFERENCE, &refs[n], e);
        if (r < 0) {
            ym_refs_free(refs, n);
            return r;
        }
        ym_steal(&path);
        n++;
    }
    *ret = refs;
    *ret_n = n;
    return 0;
}

/* ---- named ---- */

/* "./a//b.png" -> "a/b.png"; NULL for what is no plain path below the library. */
static char *plain_path(const char *path)
{
    size_t len = strlen(path);
    if (path[0] == '/' || len > 4000 || ym_utf8_valid(path, len) != len ||
        ym_text_has_control(path, len) || strchr(path, '\t') || strchr(path, '\\'))
        return NULL;
    YM_AUTOFREE char *out = ym_alloc(len + 1);
    size_t n = 0;
    while (*path) {
        size_t part = strcspn(path, "/");
        bool skip = part == 0 || (part == 1 && path[0] == '.');
        if (!skip && path[0] == '.')
            return NULL; /* "..", ".ymago", ".ssh" */
        if (!skip) {
            if (n)
                out[n++] = '/';
            memcpy(out + n, path, part);
            n += part;
        }
        path += part + (path[part] == '/');
    }
    return n ? ym_steal(&out) : NULL;
}

static int ref_url(const char *url, enum ym_ref_role role, struct ym_ref *ret, struct ym_err *e)
{
    size_t len = strlen(url);
    if (len > 2048 || len <= 8 || ym_text_has_control(url, len) || strpbrk(url, " \t\"<>\\"))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "A reference address is damaged or longer than 2048 bytes; check it.");
    *ret = (struct ym_ref){.role = role, .path = ym_strdup(url), .is_url = true, .b2 = ym_digest_of(url, len)};
    return 0;
}

int ym_library_ref(const struct ym_store *s, const char *from, const char *path, enum ym_ref_role role,
                   struct ym_ref *ret, struct ym_err *e)
{
    if (strncasecmp(path, "https://", 8) == 0 && role != YM_REF_WORKFLOW)
        return ref_url(path, role, ret, e);
    char shown[96];
    YM_AUTOFREE char *plain = plain_path(path);
    if (!plain || strstr(path, "://"))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The reference \"%s\" must be a path inside the library (no \"..\", no "
                       "hidden folder) or an https address.",
                       ym_text_show(path, shown, sizeof(shown)));
    YM_AUTOFREE char *beside = name_join(from, name_folder_len(from), plain);
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = there_look(s, beside, &t);
    if (r < 0)
        return disk_fail(e, -r, "read", beside);
    char **use = t.exists ? &beside : &plain;
    r = ref_load(s, *use, role, ret, e);
    if (r == 0)
        ym_steal(use);
    return r;
}
