/* Opening a library: its folder, its state folder and the marks that keep other tools out of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io.h"

static const char cachedir_tag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# ymago keeps its state here (see https://bford.info/cachedir/).\n";

static char *absolute_path(const char *path)
{
    YM_AUTOFREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    return cwd ? ym_asprintf("%s/%s", cwd, path) : ym_strdup(path);
}

static int lib_open(struct ym_store *s, const char *path, bool create, struct ym_err *e)
{
    /* 0700: while it is not mounted, prompts and results should not be open to other users. */
    bool made = create && mkdir(path, 0700) == 0;
    if (create && !made && errno != EEXIST)
        return io_fail(e, errno, "make the folder %s", path);
    s->lib_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lib_fd < 0 && errno == ENOTDIR)
        return ym_fail(e, YM_INVALID, ENOTDIR, "%s is not a folder; name a folder.", path);
    if (s->lib_fd < 0 && errno == ENOENT)
        return ym_fail(e, YM_INVALID, ENOENT, "There is no folder %s; make it or name another.",
                       path);
    if (s->lib_fd < 0)
        return io_fail(e, errno, "open the folder %s", path);
    if (made && fchmod(s->lib_fd, 0700) < 0)
        return io_fail(e, errno, "set the mode of %s", path);
    struct stat st;
    if (fstat(s->lib_fd, &st) < 0)
        return io_fail(e, errno, "look at the folder %s", path);
    s->dev = st.st_dev;
    return 0;
}

static int state_dir(int dirfd, const char *name, bool *made, int *ret, struct ym_err *e)
{
    int fd = io_private_dir(dirfd, name, made);
    if (fd == -EPERM)
        return ym_fail(e, YM_LOCAL, EPERM,
                       "The folder %s of this library belongs to another user; run as its owner.",
                       name);
    if (fd == -ENOTDIR || fd == -ELOOP)
        return ym_fail(e, YM_LOCAL, ENOTDIR,
                       "%s in this library is not a folder (a link or a file); move it away.",
                       name);
    if (fd < 0)
        return io_fail(e, -fd, "open the state folder %s", name);
    *ret = fd;
    return 0;
}

static int mark_write(int state_fd, const char *name, const char *text, size_t len,
                      struct ym_err *e)
{
    if (faccessat(state_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return ym_write_whole(state_fd, name, text, len, 0600, e);
}

/* A copied or restored state folder may have come with wider modes: the journal holds prompts. */
static int modes_correct(int state_fd, struct ym_err *e)
{
    int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int err = errno;
        ym_closep(&fd);
        return io_fail(e, err, "list the state folder");
    }
    int r = 0;
    struct dirent *de;
    while (r == 0 && (de = readdir(d))) { // NOLINT(concurrency-mt-unsafe): d is ours alone
        struct stat st;
        if (fstatat(state_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            (st.st_mode & 077) == 0)
            continue;
        YM_AUTOCLOSE int f =
            openat(state_fd, de->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (f >= 0 ? fchmod(f, 0600) < 0 : errno != ENOENT)
            r = ym_fail(e, YM_LOCAL, EPERM,
                        "Others may read %.60s in the state folder; run: chmod 600 on it.",
                        de->d_name);
    }
    closedir(d);
    return r;
}

static int state_open(struct ym_store *s, bool create, struct ym_err *e)
{
    if (!create && faccessat(s->lib_fd, ".ymago", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return ym_fail(e, YM_INVALID, ENOENT,
                       "%s is not a library yet; make it one with: ymago mount %s", s->lib_path,
                       s->lib_path);
    bool made = false, made_staging = false, made_objects = false;
    int r = state_dir(s->lib_fd, ".ymago", &made, &s->state_fd, e);
    if (r == 0)
        r = state_dir(s->state_fd, "staging", &made_staging, &s->staging_fd, e);
    if (r == 0)
        r = state_dir(s->state_fd, "objects", &made_objects, &s->objects_fd, e);
    if (r == 0)
        r = modes_correct(s->state_fd, e);
    if (r == 0)
        r = mark_write(s->state_fd, ".gitignore", "*\n", 2, e);
    if (r == 0)
        r = mark_write(s->state_fd, "CACHEDIR.TAG", cachedir_tag, sizeof(cachedir_tag) - 1, e);
    if (r < 0)
        return r;
    if (made && (r = io_sync_dir(s->lib_fd)) < 0)
        return io_fail(e, -r, "make the new state folder durable");
    if ((made_staging || made_objects) && (r = io_sync_dir(s->state_fd)) < 0)
        return io_fail(e, -r, "make the new state folder durable");
    return 0;
}

int ym_store_open(const char *path, bool create, struct ym_store *ret, struct ym_err *e)
{
    struct ym_store s = {
        .lib_fd = -1, .state_fd = -1, .staging_fd = -1, .objects_fd = -1, .lock_fd = -1};
    if (path[0] == '\0')
        return ym_fail(e, YM_INVALID, ENOENT, "The name of the library is empty; name a folder.");
    s.lib_path = absolute_path(path);
    int r = lib_open(&s, path, create, e);
    if (r == 0)
        r = state_open(&s, create, e);
    if (r < 0) {
        ym_store_close(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void ym_store_close(struct ym_store *s)
{
    ym_closep(&s->objects_fd);
    ym_closep(&s->staging_fd);
    ym_closep(&s->state_fd);
    ym_closep(&s->lib_fd);
    ym_closep(&s->lock_fd); /* last: who gets the lock finds everything closed */
    free(ym_steal(&s->lib_path));
}

int64_t ym_store_free_bytes(const struct ym_store *s)
{
    struct statvfs v;
    if (fstatvfs(s->state_fd, &v) < 0)
        return -errno;
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)v.f_bavail, (uint64_t)v.f_frsize, &bytes) ||
        bytes > INT64_MAX)
        return INT64_MAX;
    return (int64_t)bytes;
}
