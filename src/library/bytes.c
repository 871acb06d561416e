/* Bytes that were paid for: finding them again, and saving them before a user's change. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

/* ---- finding ---- */

/* Failures that say nothing about the bytes: what was paid for must not be declared gone by them.
 */
static bool is_unknown(int r)
{
    return r == -EIO || r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

/* fd when it holds these bytes, else it is closed: -ENOENT, or -errno when that cannot be known. */
static int verified(int fd, const struct ym_digest *b2, int64_t size)
{
    YM_AUTOCLOSE int mine = fd;
    struct stat st;
    struct ym_digest got;
    if (mine < 0)
        return is_unknown(mine) ? mine : -ENOENT;
    if (fstat(mine, &st) < 0 || !S_ISREG(st.st_mode) || (size >= 0 && st.st_size != size))
        return -ENOENT;
    int r = ym_digest_fd(mine, &got, NULL);
    if (r < 0 || !ym_digest_eq(&got, b2))
        return r < 0 ? r : -ENOENT;
    return ym_steal_fd(&mine);
}

int ym_library_find_bytes(const struct ym_store *s, const char *const *copies, size_t ncopies,
                          const struct ym_digest *b2, const char *ext, int64_t size)
{
    int fd = verified(ym_object_open(s, b2, ext), b2, size);
    int worst = fd; /* -ENOENT only when all of them said so */
    for (size_t i = 0; i < ncopies && fd < 0; i++) {
        DISK_AUTOTHERE struct there t = {.fd = -1};
        int r = there_look(s, copies[i], &t);
        fd = verified(r < 0 ? r : ym_steal_fd(&t.fd), b2, size);
        if (is_unknown(fd))
            worst = fd;
    }
    return fd >= 0 ? fd : worst;
}

/* ---- saving ---- */

static bool row_ident_is(const struct ym_row_ident *row, const struct ym_ident *now)
{
    const struct ym_ident was = {row->ino, row->btime_ns, row->size, row->mtime_ns};
    return ym_ident_unchanged(&was, now);
}

/* The object may be a hard link to the very file that is about to be written (a replacement that
 * was broken off after the link was made): then it would change with it. */
static int unshare(const struct ym_store *s, int fd, const struct ym_digest *b2, const char *ext)
{
    YM_AUTOCLOSE int object = ym_object_open(s, b2, ext);
    struct stat a, b;
    if (object < 0 || fstat(object, &a) < 0 || fstat(fd, &b) < 0)
        return 0;
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev ? ym_object_remove(s, b2, ext) : 0;
}

static int save(const struct ym_store *s, const char *path, const struct there *t,
                const struct ym_digest *b2, bool will_write, struct ym_err *e)
{
    char ext[17];
    disk_object_ext(t->fd, t->ident.size, path, ext);
    if (!will_write)
        return ym_object_link(s, path, b2, ext, e);
    int r = unshare(s, t->fd, b2, ext);
    return r < 0 ? disk_fail(e, -r, "save", path) : ym_object_put_fd(s, t->fd, b2, ext, e);
}

int ym_library_preserve(const struct ym_store *s, struct ym_journal *reader, const char *path,
                        bool will_write, bool *ret_ours, struct ym_digest *ret_b2, struct ym_err *e)
{
    struct ym_row_ident row;
    struct ym_digest b2;
    DISK_AUTOTHERE struct there t = {.fd = -1};
    int r = ym_copy_get(reader, path, &row, &b2);
    if (r == -ENOENT) {
        *ret_ours = false;
        return 0;
    }
    if (r < 0)
        return ym_fail(e, YM_BROKEN, -r, "The journal cannot tell whose file this is.");
    r = there_look(s, path, &t);
    if (r < 0)
        return disk_fail(e, -r, "look at", path);
    /* Unchanged since we placed it: ours without reading it. A touched one is told by its bytes. */
    bool ours = t.fd >= 0 && row_ident_is(&row, &t.ident);
    if (!ours && t.fd >= 0 && t.ident.size == row.size) {
        r = there_holds(&t, &b2, row.size);
        if (r < 0)
            return disk_fail(e, -r, "read", path);
        ours = r == 1;
    }
    if (ours && (r = save(s, path, &t, &b2, will_write, e)) < 0)
        return r;
    *ret_ours = ours;
    if (ours)
        *ret_b2 = b2;
    return 0;
}
