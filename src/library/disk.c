/* Looking at files of the library and preparing ours, without following a link. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ymago/media.h>

#include "disk.h"
#include "names.h"

void there_fini(struct there *t)
{
    ym_closep(&t->fd);
    t->fd = -1;
}

static int ident_of_name(const struct ym_store *s, const char *path, struct there *t)
{
    const char *base;
    YM_AUTOCLOSE int parent = ym_store_parent(s, path, &base);
    struct stat st;
    if (parent < 0)
        return parent;
    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    t->mode = st.st_mode;
    t->uid = st.st_uid;
    t->gid = st.st_gid;
    return ym_store_ident(parent, base, &t->ident);
}

int there_look(const struct ym_store *s, const char *path, struct there *ret)
{
    struct there t = {.fd = -1};
    /* By name first: opening a device or a pipe can do something. */
    int r = ident_of_name(s, path, &t);
    if (r == -ENOENT || r == -ENOTDIR) {
        *ret = (struct there){.fd = -1};
        return 0;
    }
    if (r < 0)
        return r;
    t.exists = true;
    if (S_ISREG(t.mode)) {
        t.fd = ym_store_openat(s, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
        if (t.fd == -EMFILE || t.fd == -ENFILE || t.fd == -EIO)
            return t.fd;
        struct stat st;
        if (t.fd >= 0 &&
            (fstat(t.fd, &st) < 0 || !S_ISREG(st.st_mode) || ym_store_ident_fd(t.fd, &t.ident) < 0))
            there_fini(&t);
        if (t.fd < 0)
            t.fd = -1;
    }
    *ret = t;
    return 0;
}

int there_holds(const struct there *t, const struct ym_digest *b2, int64_t size)
{
    struct ym_digest got;
    if (t->fd < 0 || (size >= 0 && t->ident.size != size))
        return 0;
    int r = ym_digest_fd(t->fd, &got, NULL);
    return r < 0 ? r : ym_digest_eq(&got, b2);
}

int disk_fail(struct ym_err *e, int err, const char *doing, const char *path)
{
    char shown[96];
    ym_text_show(path, shown, sizeof(shown));
    switch (err) {
    case ENOSPC:
    case EDQUOT:
        return ym_fail(e, YM_LOCAL, err, "The disk is full: could not %s %s; free some space.",
                       doing, shown);
    case EACCES:
    case EPERM:
        return ym_fail(e, YM_LOCAL, err, "Not permitted to %s %s; check owner and mode.", doing,
                       shown);
    case EIO:
        return ym_fail(e, YM_BROKEN, err, "The disk failed: could not %s %s; check the disk.",
                       doing, shown);
    case EXDEV:
    case ELOOP:
        return ym_fail(e, YM_INVALID, err,
                       "%s leaves the library or goes through a link; use a plain path below it.",
                       shown);
    case ENOENT:
        return ym_fail(e, YM_LOCAL, err, "Could not %s %s: its folder is gone.", doing, shown);
    default:
        return ym_fail(e, YM_LOCAL, err, "Could not %s %s: %s.", doing, shown,
                       strerrordesc_np(err));
    }
}

int disk_sync_folder(const struct ym_store *s, const char *path)
{
    YM_AUTOFREE char *folder = ym_strndup(path, name_folder_len(path));
    YM_AUTOCLOSE int fd = ym_store_openat(s, folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int disk_dress(int fd, mode_t mode, uid_t uid, gid_t gid)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || futimens(fd, NULL) < 0)
        return -errno;
    /* Before the mode: a change of owner may take bits away. Only root may give files away. */
    if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
        (void)!fchown(fd, (uid_t)-1, gid);
    return fchmod(fd, (mode & 0666) | 0400) < 0 ? -errno : 0;
}

int disk_stage_text(const struct ym_store *s, const char *text, size_t len, mode_t mode, uid_t uid,
                    gid_t gid, char ret_name[static 96], struct ym_ident *ret_ident,
                    struct ym_err *e)
{
    struct ym_staging *st;
    char name[64];
    snprintf(name, sizeof(name), "%s.0.0", ym_id_new(ym_wall_now()).s);
    int r = ym_staging_new(s, name, 0, &st, e);
    if (r < 0)
        return r;
    struct ym_ident ident;
    struct ym_whole whole;
    if ((r = ym_staging_write(st, text, len, e)) < 0) {
        ym_staging_drop(st);
        return r;
    }
    if ((r = disk_dress(ym_staging_fd(st), mode, uid, gid)) < 0 ||
        (r = ym_store_ident_fd(ym_staging_fd(st), &ident)) < 0) {
        ym_staging_drop(st);
        return disk_fail(e, -r, "prepare", "a note or sidecar");
    }
    if ((r = ym_staging_finish(st, (int64_t)len, false, &whole, e)) < 0)
        return r;
    snprintf(ret_name, 96, "%s", whole.name);
    *ret_ident = ident;
    return 0;
}

bool disk_sniff(int fd, const char *path, char ret_ext[static 17], char ret_mime[static 40])
{
    uint8_t head[YM_MEDIA_HEAD];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    const struct ym_media_type *type = n > 0 ? ym_media_sniff(head, (size_t)n) : NULL;
    if (type) {
        snprintf(ret_ext, 17, "%s", type->ext);
        snprintf(ret_mime, 40, "%s", type->mime);
        return true;
    }
    const char *dot = strrchr(name_base(path), '.');
    size_t len =
        dot ? strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") : 0;
    bool fits = len > 0 && len <= 16 && dot[1 + len] == '\0';
    snprintf(ret_ext, 17, "%s", fits ? dot + 1 : "bin");
    for (char *p = ret_ext; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    ret_mime[0] = '\0';
    return false;
}

void disk_object_ext(int fd, int64_t size, const char *path, char ret_ext[static 17])
{
    struct ym_media_info info;
    char mime[40];
    if (ym_media_probe_fd(fd, size, &info, NULL) == 0)
        snprintf(ret_ext, 17, "%s", info.type->ext);
    else
        disk_sniff(fd, path, ret_ext, mime);
}
