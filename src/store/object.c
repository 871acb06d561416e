/* Bytes kept by their digest: objects/ab/HEX.EXT. An object appears by a rename out of staging/, so
 * that it is whole or not there, and what a crash leaves behind is a .part like any other. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "path.h"

struct object_name {
    char dir[3];
    char file[96]; /* below dir */
};

static int object_name(const struct ym_digest *b2, const char *ext, struct object_name *ret)
{
    char hex[65];
    ym_digest_hex(b2, hex);
    size_t n = strlen(ext);
    for (size_t i = 0; i < n; i++) /* "png", "out.md" */
        if (!isalnum((unsigned char)ext[i]) && (ext[i] != '.' || i == 0 || i + 1 == n || ext[i - 1] == '.'))
            return -EINVAL;
    if (n > 16)
        return -EINVAL;
    snprintf(ret->dir, sizeof(ret->dir), "%.2s", hex);
    snprintf(ret->file, sizeof(ret->file), "%s%s%s", hex, n > 0 ? "." : "", ext);
    return 0;
}

/* Is it there, a regular file of that size? */
static bool object_has(int dirfd, const char *file, int64_t size)
{
    struct stat st;
    return fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_size == size;
}

/* The folder objects/ab, made and durable; fd or -errno. */
static int object_dir(const struct ym_store *s, const struct object_name *n)
{
    int fd = openat(s->objects_fd, n->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    bool made = false;
    fd = io_private_dir(s->objects_fd, n->dir, &made);
    if (fd >= 0 && made) {
        int r = io_sync_dir(s->objects_fd);
        if (r < 0) {
            ym_closep(&fd);
            return r;
        }
    }
    return fd;
}

/* staging/`staged`, durable, becomes the object. */
static int object_install(const struct ym_store *s, const char *staged, int dirfd, const char *file)
{
    if (renameat(s->staging_fd, staged, dirfd, file) < 0)
        return -errno;
    return io_sync_dir(dirfd);
}

/* A copy under a temporary name in staging/, checked against the digest and durable. */
static int object_copy(const struct ym_store *s, int fd, const struct ym_digest *b2,
                       const char *temp, struct ym_err *e)
{
    YM_AUTOCLOSE int out =
        openat(s->staging_fd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return io_fail(e, errno, "make a file for the history");
    int r = ym_clone_fd(fd, out, e);
    if (r < 0)
        return r;
    struct ym_digest got;
    r = ym_digest_fd(out, &got, NULL);
    if (r < 0)
        return io_fail(e, -r, "read back a copy for the history");
    if (!ym_digest_eq(&got, b2))
        return ym_fail(e, YM_LOCAL, EAGAIN,
                       "A file changed while it was copied to the history; try again.");
    if (fchmod(out, 0400) < 0)
        return io_fail(e, errno, "set the mode of a history file");
    r = io_sync(out);
    return r < 0 ? io_fail(e, -r, "make a history file durable") : 0;
}

int ym_object_put_fd(const struct ym_store *s, int fd, const struct ym_digest *b2, const char *ext,
                     struct ym_err *e)
{
    struct object_name n;
    struct stat st;
    int r = object_name(b2, ext, &n);
    if (r == 0 && fstat(fd, &st) < 0)
        r = -errno;
    YM_AUTOCLOSE int dir = r < 0 ? -1 : object_dir(s, &n);
    if (r < 0 || dir < 0)
        return io_fail(e, r < 0 ? -r : -dir, "open the history folder");
    if (object_has(dir, n.file, st.st_size))
        return 0;
    char temp[64];
    io_temp_name("object-", ".part", temp, sizeof(temp));
    r = object_copy(s, fd, b2, temp, e);
    if (r == 0 && (r = object_install(s, temp, dir, n.file)) < 0)
        io_fail(e, -r, "put a file into the history");
    if (r < 0)
        io_unlink(s->staging_fd, temp);
    return r;
}

/* Links exactly the file that `fd` is: another one may stand at that name by now. */
static int object_hardlink(const struct ym_store *s, const char *lib_path, const struct stat *want,
                           const char *temp)
{
    const char *base;
    YM_AUTOCLOSE int parent = ym_store_parent(s, lib_path, &base);
    if (parent < 0)
        return parent;
    if (linkat(parent, base, s->staging_fd, temp, 0) < 0)
        return -errno;
    struct stat st;
    int r = fstatat(s->staging_fd, temp, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    if (r == 0 && (st.st_ino != want->st_ino || st.st_dev != want->st_dev))
        r = -EAGAIN;
    if (r < 0)
        io_unlink(s->staging_fd, temp);
    return r;
}

static bool link_impossible(int r)
{
    return r == -EXDEV || r == -EPERM || r == -EMLINK || r == -EOPNOTSUPP;
}

int ym_object_link(const struct ym_store *s, const char *lib_path, const struct ym_digest *b2,
                   const char *ext, struct ym_err *e)
{
    YM_AUTOCLOSE int fd = ym_store_openat(s, lib_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return io_fail(e, fd < 0 ? -fd : errno, "open a file for the history");
    if (!S_ISREG(st.st_mode))
        return ym_fail(e, YM_INVALID, EINVAL, "Only plain files are kept in the history.");
    /* With a second name the bytes could still be changed through that one: then a copy. */
    if (st.st_nlink > 1)
        return ym_object_put_fd(s, fd, b2, ext, e);
    struct object_name n;
    int r = object_name(b2, ext, &n);
    YM_AUTOCLOSE int dir = r < 0 ? -1 : object_dir(s, &n);
    if (r < 0 || dir < 0)
        return io_fail(e, r < 0 ? -r : -dir, "open the history folder");
    if (object_has(dir, n.file, st.st_size))
        return 0;
    char temp[64];
    io_temp_name("object-", ".part", temp, sizeof(temp));
    r = object_hardlink(s, lib_path, &st, temp);
    if (link_impossible(r))
        return ym_object_put_fd(s, fd, b2, ext, e);
    if (r == 0)
        r = io_sync(fd);
    if (r == 0)
        r = object_install(s, temp, dir, n.file);
    /* rename(2) leaves both names when they are links to one file. */
    io_unlink(s->staging_fd, temp);
    return r < 0 ? io_fail(e, -r, "put a file into the history") : 0;
}

int ym_object_move(const struct ym_store *s, const char *staged, const struct ym_digest *b2,
                   const char *ext, struct ym_err *e)
{
    if (strchr(staged, '/'))
        return ym_fail(e, YM_BROKEN, EINVAL, "A staged file was given a name that is none.");
    YM_AUTOCLOSE int fd =
        openat(s->staging_fd, staged, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return io_fail(e, errno, "open a staged file");
    struct object_name n;
    int r = object_name(b2, ext, &n);
    YM_AUTOCLOSE int dir = r < 0 ? -1 : object_dir(s, &n);
    if (r < 0 || dir < 0)
        return io_fail(e, r < 0 ? -r : -dir, "open the history folder");
    if (object_has(dir, n.file, st.st_size)) {
        r = io_unlink(s->staging_fd, staged);
    } else {
        r = fchmod(fd, 0400) < 0 ? -errno : 0;
        if (r == 0)
            r = object_install(s, staged, dir, n.file);
    }
    return r < 0 ? io_fail(e, -r, "move a staged file into the history") : 0;
}

static int object_path(const struct ym_digest *b2, const char *ext, char out[static 112])
{
    struct object_name n;
    int r = object_name(b2, ext, &n);
    if (r == 0)
        snprintf(out, 112, "%s/%s", n.dir, n.file);
    return r;
}

int ym_object_open(const struct ym_store *s, const struct ym_digest *b2, const char *ext)
{
    char path[112];
    int r = object_path(b2, ext, path);
    return r < 0 ? r : path_open(s->objects_fd, path, O_RDONLY | O_NONBLOCK, 0);
}

int ym_object_remove(const struct ym_store *s, const struct ym_digest *b2, const char *ext)
{
    char path[112];
    int r = object_path(b2, ext, path);
    return r < 0 ? r : io_unlink(s->objects_fd, path);
}
