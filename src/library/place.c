/* Making a result visible: its sidecar first, itself second, each by one rename; never over
 * anything of the user's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "names.h"
#include "sidecar.h"

#define NAMES_MAX 200 /* candidates looked at */
#define TRIES     4   /* when the file to be replaced changes while we look */

struct placing {
    const struct ym_library *l;
    struct ym_placement *p;
    char media[96]; /* the staged file to be published; "" = not yet prepared */
    bool cloned;    /* it is our own copy: removed when it is not used */
    bool retire;    /* the earlier result has another extension: removed once the new is there */
    struct ym_ident retired;
};

struct side { /* a sidecar that was published */
    bool published;
    struct ym_ident ident;
    char *before; /* the text of ours that it replaced; NULL = there was none */
    size_t before_len;
};
#define AUTOSIDE __attribute__((cleanup(side_fini)))
static void side_fini(struct side *s)
{
    free(s->before);
}

void ym_placement_fini(struct ym_placement *p)
{
    free(p->result);
    p->result = NULL;
}

/* ---- candidates ---- */

/* A path beside the prompt, or NULL when no name of ours fits in a folder entry. A stem that is too
 * long is cut and told apart by its digest: what was paid for gets a place under any circumstances.
 */
static char *candidate(const struct ym_placement *p, const char *ext, int attempt)
{
    const char *base = name_base(p->prompt);
    char name[256], cut[160], hex[65];
    int r = ym_result_name(base, p->output_filename, p->idx, ext, attempt, name);
    if (r < 0) {
        const char *from = p->output_filename ? p->output_filename : base;
        size_t len = p->output_filename ? strlen(from) : name_stem_len(base);
        struct ym_digest d = ym_digest_of(base, strlen(base));
        snprintf(cut, sizeof(cut), "%.*s-%.12s", (int)ym_utf8_cut(from, len, 120), from,
                 ym_digest_hex(&d, hex));
        r = ym_result_name(base, cut, p->idx, ext, attempt, name);
    }
    return r < 0 ? NULL : name_join(p->prompt, name_folder_len(p->prompt), name);
}

static bool is_candidate(const struct ym_placement *p, const char *path, const char *ext)
{
    for (int attempt = 0; attempt < NAMES_MAX; attempt++) {
        YM_AUTOFREE char *c = candidate(p, ext, attempt);
        if (c && strcmp(c, path) == 0)
            return true;
    }
    return false;
}

static char *sidecar_path(const char *media)
{
    return ym_asprintf("%s.json", media);
}

/* ---- the staged file ---- */

static int clone_bytes(struct placing *g, struct ym_err *e)
{
    const struct ym_store *s = g->l->store;
    struct ym_digest got;
    char name[96]; /* .part: what a crash leaves is removed by recovery */
    snprintf(name, sizeof(name), "%s.0.0.part", ym_id_new(ym_wall_now()).s);
    YM_AUTOCLOSE int fd =
        openat(s->staging_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_fail(e, errno, "make a copy for", g->p->prompt);
    memcpy(g->media, name, sizeof(name));
    g->cloned = true;
    int r = ym_clone_fd(g->p->from_fd, fd, e);
    if (r < 0)
        return r;
    r = ym_digest_fd(fd, &got, NULL);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r < 0)
        return disk_fail(e, -r, "make a copy for", g->p->prompt);
    /* The source may be a visible file that its owner is writing to right now. */
    if (!ym_digest_eq(&got, &g->p->b2))
        return ym_fail(e, YM_LOCAL, EAGAIN,
                       "The result changed while it was copied; it is looked for again.");
    return 0;
}

/* Attributes, owner, mode and time are there before anybody can see the file. */
static int media_stage(struct placing *g, struct ym_err *e)
{
    struct ym_placement *p = g->p;
    if (g->media[0])
        return 0;
    int r = 0;
    if (p->staged)
        snprintf(g->media, sizeof(g->media), "%s", p->staged);
    else
        r = clone_bytes(g, e);
    if (r < 0)
        return r;
    YM_AUTOCLOSE int fd =
        openat(g->l->store->staging_fd, g->media, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return disk_fail(e, errno, "open the staged result of", p->prompt);
    sidecar_attributes(p->sidecar, fd);
    r = disk_dress(fd, p->mode, p->uid, p->gid);
    if (r == 0)
        r = ym_store_ident_fd(fd, &p->ident);
    return r < 0 ? disk_fail(e, -r, "prepare the result of", p->prompt) : 0;
}

/* ---- sidecars ---- */

/* 1 and *ret_text when ours stands there, 0 when nothing does, -EEXIST for anybody else's. */
static int side_look(const struct placing *g, const char *path, struct ym_ident *ret_ident,
                     char **ret_text, size_t *ret_len)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    YM_AUTOFREE char *text = NULL;
    size_t len;
    int r = there_look(g->l->store, path, &t);
    if (r < 0 || !t.exists)
        return r;
    if (t.fd < 0 || ym_read_fd(t.fd, SIDECAR_MAX, &text, &len) < 0)
        return -EEXIST;
    YM_AUTOJSON cJSON *doc = sidecar_ours(text, len);
    if (!doc)
        return -EEXIST;
    *ret_ident = t.ident;
    *ret_text = ym_steal(&text);
    *ret_len = len;
    return 1;
}

/* Publishes a staged text at path: where nothing is, or over a sidecar of ours (an orphan that a
 * crash left, or that of the result to be replaced). -EEXIST: the name is taken. */
static int side_put(const struct placing *g, const char *staged, const char *path, struct side *ret,
                    struct ym_err *e)
{
    int r = -EEXIST;
    for (int i = 0; i < TRIES; i++) {
        struct ym_ident was;
        YM_AUTOFREE char *text = NULL;
        size_t len = 0;
        int there = side_look(g, path, &was, &text, &len);
        if (there < 0)
            return there == -EEXIST ? there : disk_fail(e, -there, "look at", path);
        r = g->l->placer->publish(g->l->placer->ctx, staged, path, there ? &was : NULL, e);
        if (r == 0) {
            ret->published = true;
            ret->before = ym_steal(&text);
            ret->before_len = len;
            return 0;
        }
        if (r != -EEXIST && r != -EAGAIN)
            return r;
    }
    return -EEXIST;
}

static int side_publish(const struct placing *g, const char *media, struct side *ret,
                        struct ym_err *e)
{
    const struct ym_placement *p = g->p;
    char staged[96];
    if (!p->sidecar)
        return 0;
    YM_AUTOFREE char *path = sidecar_path(media);
    int r = disk_stage_text(g->l->store, p->sidecar, strlen(p->sidecar), p->mode, p->uid, p->gid,
                            staged, &ret->ident, e);
    if (r < 0)
        return r;
    r = side_put(g, staged, path, ret, e);
    if (r < 0)
        ym_staging_remove(g->l->store, staged);
    return r;
}

/* The media did not follow: puts back what was there. A failure leaves a stray description only. */
static void side_withdraw(const struct placing *g, const char *media, struct side *s)
{
    const struct ym_placer *pl = g->l->placer;
    YM_AUTOFREE char *path = sidecar_path(media);
    struct ym_err e;
    char staged[96];
    struct ym_ident ident;
    int r;
    if (!s->published)
        return;
    s->published = false;
    if (s->before) {
        r = disk_stage_text(g->l->store, s->before, s->before_len, g->p->mode, g->p->uid, g->p->gid,
                            staged, &ident, &e);
        if (r == 0 && (r = pl->publish(pl->ctx, staged, path, &s->ident, &e)) < 0)
            ym_staging_remove(g->l->store, staged);
    } else {
        r = pl->remove(pl->ctx, path, &s->ident, &e);
    }
    if (r < 0)
        ym_log(YM_WARN, "library", "%s describes no file: %s", path, e.msg);
}

/* ---- both ---- */

/* The ident as published; another file may stand there by now, but on another file system (the
 * placer copied) the new name is all there is. */
static void record(struct placing *g, const char *path)
{
    struct ym_ident now;
    struct stat st;
    const char *base;
    YM_AUTOCLOSE int dir = ym_store_parent(g->l->store, path, &base);
    if (dir >= 0 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        ym_store_ident(dir, base, &now) == 0 &&
        (ym_ident_same_file(&now, &g->p->ident) ||
         (st.st_dev != g->l->store->dev && now.size == g->p->ident.size)))
        g->p->ident = now;
    g->p->result = ym_strdup(path);
    g->media[0] = '\0'; /* it left staging */
}

/* 0 = visible at path. -EEXIST: taken (replace: NULL); -EAGAIN: no longer what was to be replaced.
 */
static int publish_pair(struct placing *g, const char *path, const struct ym_ident *replace,
                        struct ym_err *e)
{
    AUTOSIDE struct side side = {.published = false};
    int r = media_stage(g, e);
    if (r < 0)
        return r;
    r = side_publish(g, path, &side, e);
    /* Somebody's own text at the sidecar's name stays; our old picture may be replaced all the
     * same. */
    if (r < 0 && !(r == -EEXIST && replace))
        return r;
    r = g->l->placer->publish(g->l->placer->ctx, g->media, path, replace, e);
    if (r < 0)
        side_withdraw(g, path, &side);
    else
        record(g, path);
    g->p->described = side.published;
    return r;
}

/* ---- what is there already ---- */

/* The same bytes beside another prompt that is still there are that prompt's: two stems of one name
 * must not share a file that either may replace. */
static bool belongs_to_other(const struct placing *g, const char *media)
{
    YM_AUTOFREE char *path = sidecar_path(media), *text = NULL;
    struct ym_ident ident;
    size_t len;
    if (side_look(g, path, &ident, &text, &len) <= 0)
        return false;
    YM_AUTOJSON cJSON *doc = sidecar_ours(text, len);
    const char *owner = ym_json_str(ym_json_get(doc, "ymago"), "prompt_file");
    if (!owner || strchr(owner, '/') || strcmp(owner, name_base(g->p->prompt)) == 0)
        return false;
    YM_AUTOFREE char *other = name_join(media, name_folder_len(media), owner);
    DISK_AUTOTHERE struct there t = {.fd = -1};
    return there_look(g->l->store, other, &t) == 0 && t.exists;
}

/* Our bytes lie there already: they stay, and get a sidecar when there is none. */
static int keep_there(struct placing *g, const char *path, const struct ym_ident *ident,
                      struct ym_err *e)
{
    YM_AUTOFREE char *side_path = sidecar_path(path);
    AUTOSIDE struct side side = {.published = false};
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = there_look(g->l->store, side_path, &t);
    if (r == 0 && !t.exists)
        r = side_publish(g, path, &side, e);
    if (r < 0 && r != -EEXIST)
        return r;
    g->p->described = side.published;
    g->p->ident = *ident;
    g->p->result = ym_strdup(path);
    if (g->p->staged)
        ym_staging_remove(g->l->store, g->p->staged);
    return 0;
}

/* 1 = our bytes lie at path and stay; 0 = nothing is there; -EEXIST = something else; else -errno.
 */
static int try_same(struct placing *g, const char *path, struct ym_err *e)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int64_t size = -1;
    struct stat st;
    int known = g->p->staged
                    ? fstatat(g->l->store->staging_fd, g->p->staged, &st, AT_SYMLINK_NOFOLLOW)
                    : fstat(g->p->from_fd, &st);
    if (known == 0)
        size = st.st_size;
    int r = there_look(g->l->store, path, &t);
    if (r < 0)
        return disk_fail(e, -r, "look at", path);
    if (!t.exists)
        return 0;
    r = there_holds(&t, &g->p->b2, size);
    if (r < 0)
        return disk_fail(e, -r, "read", path);
    if (r == 0 || belongs_to_other(g, path))
        return -EEXIST;
    r = keep_there(g, path, &t.ident, e);
    return r < 0 ? r : 1;
}

/* ---- replacing our own earlier result ---- */

/* Is the file at old->result still ours, by its bytes? Then they go to objects/. 1, 0 or -errno. */
static int save_old(struct placing *g, struct ym_ident *ret_ident, struct ym_err *e)
{
    const struct ym_slot_row *old = g->p->old;
    DISK_AUTOTHERE struct there t = {.fd = -1};
    char ext[17];
    int r = there_look(g->l->store, old->result, &t);
    if (r == 0)
        r = there_holds(&t, &old->b2, -1);
    if (r < 0)
        return disk_fail(e, -r, "read", old->result);
    if (r == 0) {
        g->p->kept = t.exists;
        return 0;
    }
    disk_object_ext(t.fd, t.ident.size, old->result, ext);
    r = ym_object_link(g->l->store, old->result, &old->b2, ext, e);
    if (r < 0 && r != -ENOENT && r != -EAGAIN)
        return r;
    *ret_ident = t.ident;
    return r == 0; /* else it went away under our eyes */
}

/* 1 = done; 0 = go on with new names; -errno. */
static int try_replace(struct placing *g, struct ym_err *e)
{
    struct ym_placement *p = g->p;
    const struct ym_slot_row *old = p->old;
    struct ym_ident ident;
    if (!old || !old->result || old->status == YM_SLOT_KEPT || old->status == YM_SLOT_DELETED)
        return 0;
    int r = 0;
    bool same_ext = is_candidate(p, old->result, p->ext);
    const char *dot = strrchr(name_base(old->result), '.');
    if (!same_ext && (!dot || !is_candidate(p, old->result, dot + 1))) {
        p->kept = true; /* it was renamed, or is to be called otherwise from now on */
        return 0;
    }
    for (int i = 0; i < TRIES; i++) {
        r = same_ext ? try_same(g, old->result, e) : 0;
        if (r != -EEXIST)
            return r; /* our new bytes, nothing, or an error */
        if ((r = save_old(g, &ident, e)) <= 0)
            return r;
        r = publish_pair(g, old->result, &ident, e);
        if (r == 0)
            p->saved = true;
        if (r != -EAGAIN)
            return r == 0 ? 1 : r;
    }
    p->kept = true; /* somebody is at work on it */
    return 0;
}

/* The new result has another extension: the old one goes when the new one is visible. */
static int note_retired(struct placing *g, struct ym_err *e)
{
    const struct ym_slot_row *old = g->p->old;
    if (!old || !old->result || g->p->kept || old->status == YM_SLOT_KEPT ||
        old->status == YM_SLOT_DELETED || is_candidate(g->p, old->result, g->p->ext))
        return 0;
    int r = save_old(g, &g->retired, e);
    g->retire = r == 1;
    return r < 0 ? r : 0;
}

static void retire_old(struct placing *g)
{
    const struct ym_placer *pl = g->l->placer;
    const char *path = g->p->old->result;
    YM_AUTOFREE char *side = sidecar_path(path), *text = NULL;
    struct ym_ident ident;
    struct ym_err e;
    size_t len;
    if (pl->remove(pl->ctx, path, &g->retired, &e) < 0) {
        g->p->kept = true;
        return;
    }
    g->p->saved = true;
    if (side_look(g, side, &ident, &text, &len) == 1 && pl->remove(pl->ctx, side, &ident, &e) < 0)
        ym_log(YM_WARN, "library", "%s describes no file: %s", side, e.msg);
}

/* ---- new names ---- */

static int try_names(struct placing *g, struct ym_err *e)
{
    for (int attempt = 0; attempt < NAMES_MAX; attempt++) {
        YM_AUTOFREE char *path = candidate(g->p, g->p->ext, attempt);
        if (!path)
            return ym_fail(
                e, YM_INVALID, ENAMETOOLONG,
                "No result name fits beside this prompt; give the prompt a shorter name.");
        int r = try_same(g, path, e);
        if (r == 0)
            r = publish_pair(g, path, NULL, e);
        if (r != -EEXIST)
            return r < 0 ? r : 0;
    }
    return ym_fail(e, YM_LOCAL, EEXIST,
                   "All result names of this prompt are taken; move some of those files away.");
}

int ym_place_result(const struct ym_library *l, struct ym_placement *p, struct ym_err *e)
{
    struct placing g = {.l = l, .p = p};
    p->result = NULL;
    p->saved = p->kept = p->described = false;
    int r = try_replace(&g, e);
    if (r == 0 && (r = note_retired(&g, e)) == 0)
        r = try_names(&g, e);
    if (r >= 0 && g.retire)
        retire_old(&g);
    if (g.cloned && g.media[0])
        ym_staging_remove(l->store, g.media);
    if (r < 0) {
        ym_placement_fini(p);
        return r;
    }
    r = disk_sync_folder(l->store, p->result);
    return r < 0 ? disk_fail(e, -r, "make durable the folder of", p->result) : 0;
}
