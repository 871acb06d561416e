/* Placing without a mount: plain renames out of staging. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "disk.h"

/* Renames onto a name where nothing may be. Without RENAME_NOREPLACE (some network file systems) a
 * hard link refuses a taken name as well; without links the look before is all there is. */
static int rename_new(int from, const char *name, int to, const char *base)
{
    if (renameat2(from, name, to, base, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(from, name, to, base, 0) == 0)
        return unlinkat(from, name, 0) < 0 ? -errno : 0;
    if (errno == EEXIST || errno == ENOENT || errno == EXDEV)
        return -errno;
    struct stat st;
    if (fstatat(to, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(from, name, to, base) < 0 ? -errno : 0;
}

/* -EAGAIN unless the file at that name is still the one meant. */
static int still_this(int dirfd, const char *base, const struct ym_ident *want)
{
    struct ym_ident now;
    int r = ym_store_ident(dirfd, base, &now);
    return r == -ENOENT || (r == 0 && !ym_ident_unchanged(&now, want)) ? -EAGAIN : r;
}

static int rename_to(int from, const char *name, int to, const char *base,
                     const struct ym_ident *replace)
{
    if (!replace)
        return rename_new(from, name, to, base);
    int r = still_this(to, base, replace);
    if (r == 0 && renameat(from, name, to, base) < 0)
        r = -errno;
    return r;
}

static void copy_xattrs(int from, int to)
{
    char list[4096], value[4096];
    ssize_t n = flistxattr(from, list, sizeof(list));
    for (const char *key = list; n > 0 && key < list + n; key += strlen(key) + 1) {
        ssize_t len =
            strncmp(key, "user.", 5) == 0 ? fgetxattr(from, key, value, sizeof(value)) : -1;
        if (len >= 0) /* a file system without them is no reason to fail */
            (void)!fsetxattr(to, key, value, (size_t)len, 0);
    }
}

/* A copy of the staged file in the target's folder, whole and durable, under a hidden name. */
static int copy_beside(const struct ym_store *s, const char *staged, int to, const char *temp,
                       struct ym_err *e)
{
    YM_AUTOCLOSE int in = openat(s->staging_fd, staged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (in < 0 || fstat(in, &st) < 0)
        return -errno;
    YM_AUTOCLOSE int out = openat(to, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return -errno;
    int r = ym_clone_fd(in, out, e);
    if (r < 0)
        return r;
    copy_xattrs(in, out);
    r = disk_dress(out, st.st_mode, st.st_uid, st.st_gid);
    if (r == 0 && fsync(out) < 0)
        r = -errno;
    return r;
}

static int stage_beside(const struct ym_store *s, const char *staged, int to, char ret_name[static 64],
                        struct ym_err *e)
{
    snprintf(ret_name, 64, ".ymago-%s.part", ym_id_new(ym_wall_now()).s);
    int r = copy_beside(s, staged, to, ret_name, e);
    if (r < 0)
        unlinkat(to, ret_name, 0);
    return r;
}

int ym_stage_beside(const struct ym_store *s, const char *staged, const char *path,
                    char ret_name[static 64], struct ym_err *e)
{
    const char *base;
    YM_AUTOCLOSE int to = ym_store_parent(s, path, &base);
    int r = to < 0 ? to : stage_beside(s, staged, to, ret_name, e);
    return r < 0 ? disk_fail(e, -r, "place", path) : 0;
}

/* The target lies on another file system (something is mounted inside the library). */
static int publish_across(const struct ym_store *s, const char *staged, int to, const char *base,
                          const struct ym_ident *replace, struct ym_err *e)
{
    char temp[64];
    int r = stage_beside(s, staged, to, temp, e);
    if (r < 0)
        return r;
    r = rename_to(to, temp, to, base, replace);
    if (r < 0)
        unlinkat(to, temp, 0);
    else
        ym_staging_remove(s, staged); /* if that fails, recovery removes it */
    return r;
}

static int plain_publish(void *ctx, const char *staged, const char *path,
                         const struct ym_ident *replace, struct ym_err *e)
{
    const struct ym_store *s = ctx;
    const char *base;
    YM_AUTOCLOSE int to = ym_store_parent(s, path, &base);
    int r = to < 0 ? to : rename_to(s->staging_fd, staged, to, base, replace);
    if (r == -EXDEV && to >= 0)
        r = publish_across(s, staged, to, base, replace, e);
    return r < 0 ? disk_fail(e, -r, "place", path) : 0;
}

static int plain_remove(void *ctx, const char *path, const struct ym_ident *only_if,
                        struct ym_err *e)
{
    const char *base;
    YM_AUTOCLOSE int dir = ym_store_parent(ctx, path, &base);
    struct ym_ident now;
    int r = dir < 0 ? dir : ym_store_ident(dir, base, &now);
    if (r == 0 && only_if && !ym_ident_unchanged(&now, only_if))
        r = -EAGAIN;
    if (r == 0 && unlinkat(dir, base, 0) < 0)
        r = -errno;
    return r < 0 && r != -ENOENT ? disk_fail(e, -r, "remove", path) : 0;
}

static int plain_touch(void *ctx, const char *path, struct ym_err *e)
{
    const char *base;
    YM_AUTOCLOSE int dir = ym_store_parent(ctx, path, &base);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    int r = dir < 0 ? dir : 0;
    if (r == 0 && utimensat(dir, base, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r < 0 ? disk_fail(e, -r, "touch", path) : 0;
}

const struct ym_placer ym_placer_plain = {
    .publish = plain_publish,
    .remove = plain_remove,
    .touch = plain_touch,
};
