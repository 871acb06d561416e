/* Notes beside prompts: ours, deletable, never over a file of the user's. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "names.h"
#include "sidecar.h"

#define TRIES 4

struct note {
    const struct ym_library *l;
    const char *text;
    size_t len;
    struct ym_digest b2;
    const struct ym_digest *ours;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* A note may be read by whoever may read its prompt, else its folder. */
static void note_owner(struct note *n, const char *prompt)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    struct stat st;
    n->mode = 0600;
    n->uid = geteuid();
    n->gid = getegid();
    if (there_look(n->l->store, prompt, &t) == 0 && t.exists) {
        n->mode = t.mode;
        n->uid = t.uid;
        n->gid = t.gid;
    } else if (fstat(n->l->store->lib_fd, &st) == 0) {
        n->mode = st.st_mode;
        n->uid = st.st_uid;
        n->gid = st.st_gid;
    }
    n->mode = (n->mode & 0666) | 0600;
}

/* What stands at a note's name: 0 = nothing, 1 = our earlier note, 2 = this very text, -EEXIST =
 * something of the user's. */
static int note_look(const struct note *n, const char *path, struct ym_ident *ret)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = there_look(n->l->store, path, &t);
    if (r < 0 || !t.exists)
        return r;
    *ret = t.ident;
    r = there_holds(&t, &n->b2, (int64_t)n->len);
    if (r != 0)
        return r < 0 ? r : 2;
    r = n->ours ? there_holds(&t, n->ours, -1) : 0;
    return r < 0 ? r : r == 1 ? 1 : -EEXIST;
}

/* 0 = the note stands at path now; -EEXIST = that name is not ours to use. */
static int note_try(const struct note *n, const char *path, struct ym_ident *ret, struct ym_err *e)
{
    const struct ym_placer *pl = n->l->placer;
    int r = -EEXIST;
    for (int i = 0; i < TRIES; i++) {
        struct ym_ident was, ident;
        char staged[96];
        int there = note_look(n, path, &was);
        if (there < 0)
            return there == -EEXIST ? there : disk_fail(e, -there, "read", path);
        if (there == 2) {
            *ret = was;
            return 0;
        }
        r = disk_stage_text(n->l->store, n->text, n->len, n->mode, n->uid, n->gid, staged, &ident,
                            e);
        if (r < 0)
            return r;
        r = pl->publish(pl->ctx, staged, path, there ? &was : NULL, e);
        if (r == 0) {
            *ret = ident;
            return 0;
        }
        ym_staging_remove(n->l->store, staged);
        if (r != -EEXIST && r != -EAGAIN)
            return r;
    }
    return -EEXIST;
}

int ym_place_note(const struct ym_library *l, const char *prompt, const char *note,
                  const char *text, size_t len, const struct ym_digest *ours, char **ret_path,
                  struct ym_digest *ret_b2, struct ym_ident *ret_ident, struct ym_err *e)
{
    struct note n = {.l = l, .text = text, .len = len, .ours = ours, .b2 = ym_digest_of(text, len)};
    struct ym_ident ident;
    note_owner(&n, prompt);
    YM_AUTOFREE char *brief = ym_note_path(prompt, note, false);
    YM_AUTOFREE char *full = ym_note_path(prompt, note, true);
    /* Where our last one stands, the new one goes; else the short name comes first. */
    char **order[2] = {&brief, &full};
    if (ours && note_look(&n, full, &ident) == 1) {
        order[0] = &full;
        order[1] = &brief;
    }
    int r = -EEXIST;
    for (int i = 0; i < 2 && r == -EEXIST; i++) {
        r = note_try(&n, *order[i], &ident, e);
        if (r < 0)
            continue;
        r = disk_sync_folder(l->store, *order[i]);
        if (r < 0)
            return disk_fail(e, -r, "make durable the folder of", *order[i]);
        *ret_path = ym_steal(order[i]);
        *ret_b2 = n.b2;
        *ret_ident = ident;
    }
    char shown[96];
    if (r == -EEXIST)
        return ym_fail(e, YM_LOCAL, EEXIST, "Files of yours stand at both names for the note %s.",
                       ym_text_show(brief, shown, sizeof(shown)));
    return r;
}

int ym_remove_note(const struct ym_library *l, const char *path, const struct ym_digest *ours,
                   struct ym_err *e)
{
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = there_look(l->store, path, &t);
    if (r == 0)
        r = there_holds(&t, ours, -1);
    if (r <= 0) /* gone, or the user wrote into it */
        return r < 0 ? disk_fail(e, -r, "read", path) : 0;
    r = l->placer->remove(l->placer->ctx, path, &t.ident, e);
    return r == -EAGAIN ? 0 : r;
}

/* The text anew under the other name, then the old one is removed: two renames, seen by watchers. */
static int move_text(const struct ym_library *l, const struct there *from, const char *to,
                     const struct ym_ident *replace, struct ym_ident *ret_ident, struct ym_err *e)
{
    YM_AUTOFREE char *text = NULL;
    size_t len;
    char staged[96];
    int r = ym_read_fd(from->fd, SIDECAR_MAX, &text, &len);
    if (r < 0)
        return disk_fail(e, -r, "read what goes to", to);
    r = disk_stage_text(l->store, text, len, from->mode, from->uid, from->gid, staged, ret_ident, e);
    if (r < 0)
        return r;
    r = l->placer->publish(l->placer->ctx, staged, to, replace, e);
    if (r < 0)
        ym_staging_remove(l->store, staged);
    return r;
}

int ym_move_note(const struct ym_library *l, const char *from, const char *to,
                 const struct ym_digest *ours, const struct ym_digest *over,
                 struct ym_ident *ret_ident, struct ym_err *e)
{
    DISK_AUTOTHERE struct there a = {.fd = -1};
    DISK_AUTOTHERE struct there b = {.fd = -1};
    struct ym_ident ident;
    int r = there_look(l->store, from, &a);
    if (r == 0)
        r = there_holds(&a, ours, -1);
    if (r <= 0)
        return r < 0 ? disk_fail(e, -r, "read", from) : 0;
    r = there_look(l->store, to, &b);
    if (r == 0 && b.exists && !(over && there_holds(&b, over, -1) == 1))
        return 0;
    if (r == 0)
        r = move_text(l, &a, to, b.exists ? &b.ident : NULL, &ident, e);
    if (r == -EEXIST || r == -EAGAIN || r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    *ret_ident = ident;
    r = l->placer->remove(l->placer->ctx, from, &a.ident, e);
    return r < 0 && r != -EAGAIN ? r : 1;
}

/* ---- texts ---- */

static void add_part(struct ym_buf *b, const char *label, const char *text, const char *fallback)
{
    const char *s = text && *text ? text : fallback;
    ym_buf_addf(b, "%s: ", label);
    ym_text_escape(b, s, strlen(s), 2048);
    ym_buf_adds(b, "\n");
}

char *ym_error_note_text(const struct ym_error_note *n)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 64 * 1024);
    add_part(&b, "What failed", n->what, "The work failed.");
    add_part(&b, "The provider's words", n->words, "(none)");
    add_part(&b, "Billed", n->billed, "unknown");
    add_part(&b, "What ymago will do", n->next, "Nothing by itself.");
    add_part(&b, "What you can do", n->advice, "Edit the prompt and save it.");
    return ym_buf_steal(&b);
}
