/* Files on their way in: ID.A.N.part while bytes arrive, ID.A.N.whole once complete and durable. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

struct ym_staging {
    int fd, dirfd; /* dirfd is the store's */
    int64_t size;  /* where the next write goes */
    int64_t reserved;
    char name[80];
};

static void part_name(const struct ym_staging *st, char out[static 96])
{
    snprintf(out, 96, "%s.part", st->name);
}

/* Where the file system cannot reserve, the free space is compared at least. */
static int space_reserve(const struct ym_store *s, int fd, int64_t expect)
{
    int r;
    do
        r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, expect) < 0 ? errno : 0;
    while (r == EINTR);
    if (r == EOPNOTSUPP || r == ENOSYS || r == EINVAL) {
        int64_t room = ym_store_free_bytes(s);
        return room >= 0 && room < expect ? -ENOSPC : 0;
    }
    return -r;
}

int ym_staging_new(const struct ym_store *s, const char *name, int64_t expect,
                   struct ym_staging **ret, struct ym_err *e)
{
    struct ym_staging tmp = {.fd = -1, .dirfd = s->staging_fd};
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') || strlen(name) >= sizeof(tmp.name))
        return ym_fail(e, YM_BROKEN, EINVAL, "A staging file was given a name that is none.");
    snprintf(tmp.name, sizeof(tmp.name), "%s", name);
    char part[96];
    part_name(&tmp, part);
    YM_AUTOCLOSE int fd =
        openat(s->staging_fd, part, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_fail(e, errno, "make the staging file %s", part);
    int r = fchmod(fd, 0600) < 0 ? -errno : 0;
    if (r == 0 && expect > 0)
        r = space_reserve(s, fd, expect);
    if (r < 0) {
        io_unlink(s->staging_fd, part);
        return io_fail(e, -r, "reserve %lld bytes for a result", (long long)expect);
    }
    struct ym_staging *st = ym_alloc(sizeof(*st));
    *st = tmp;
    st->fd = ym_steal_fd(&fd);
    st->reserved = expect;
    *ret = st;
    return 0;
}

/* All or nothing: after an error the file is as long as before, so that the same bytes can be
 * written again when there is space. */
int ym_staging_write(struct ym_staging *st, const void *data, size_t len, struct ym_err *e)
{
    int r = io_pwrite_all(st->fd, data, len, st->size);
    if (r < 0) {
        if (ftruncate(st->fd, st->size) < 0)
            r = -EIO;
        return io_fail(e, -r, "write the staging file %s", st->name);
    }
    st->size += (int64_t)len;
    return 0;
}

int ym_staging_fd(const struct ym_staging *st)
{
    return st->fd;
}

int64_t ym_staging_size(const struct ym_staging *st)
{
    return st->size;
}

static void staging_free(struct ym_staging *st)
{
    close(st->fd);
    free(st);
}

int ym_staging_written(struct ym_staging *st, struct ym_err *e)
{
    struct stat now;
    if (fstat(st->fd, &now) < 0)
        return io_fail(e, errno, "look at the staging file %s", st->name);
    st->size = now.st_size;
    return 0;
}

void ym_staging_drop(struct ym_staging *st)
{
    if (!st)
        return;
    char part[96];
    part_name(st, part);
    io_unlink(st->dirfd, part);
    staging_free(st);
}

static int staging_complete(struct ym_staging *st, int64_t expect, bool sync_dir,
                            struct ym_whole *w, struct ym_err *e)
{
    if (expect >= 0 && expect != st->size)
        return ym_fail(e, YM_AMBIGUOUS, EBADMSG,
                       "The answer was cut off: %lld of %lld bytes arrived.", (long long)st->size,
                       (long long)expect);
    int r = 0;
    if (st->reserved > st->size && ftruncate(st->fd, st->size) < 0) /* gives the rest back */
        return io_fail(e, errno, "cut the staging file %s", st->name);
    /* The disk writes while the digest is computed; whether it did is asked of fsync below. */
    sync_file_range(st->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    int64_t size;
    r = ym_digest_fd(st->fd, &w->b2, &size);
    if (r < 0)
        return io_fail(e, -r, "read back the staging file %s", st->name);
    if (size != st->size)
        return ym_fail(e, YM_BROKEN, EIO,
                       "A staging file changed its length while it was checked; check the disk.");
    if ((r = io_sync(st->fd)) < 0)
        return io_fail(e, -r, "make the staging file %s durable", st->name);
    char part[96];
    part_name(st, part);
    snprintf(w->name, sizeof(w->name), "%s.whole", st->name);
    w->size = size;
    if (renameat(st->dirfd, part, st->dirfd, w->name) < 0)
        return io_fail(e, errno, "rename the staging file %s", st->name);
    if (sync_dir && (r = io_sync_dir(st->dirfd)) < 0)
        return io_fail(e, -r, "make the name of the staging file %s durable", st->name);
    return 0;
}

int ym_staging_finish(struct ym_staging *st, int64_t expect, bool sync_dir, struct ym_whole *ret,
                      struct ym_err *e)
{
    struct ym_whole w = {.size = 0};
    int r = staging_complete(st, expect, sync_dir, &w, e);
    if (r < 0) {
        if (w.name[0])
            io_unlink(st->dirfd, w.name);
        ym_staging_drop(st);
        return r;
    }
    staging_free(st);
    *ret = w;
    return 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

/* The names are collected first: fn may rename or remove them. */
int ym_staging_each(const struct ym_store *s, const char *suffix,
                    void (*fn)(void *ctx, const char *name), void *ctx)
{
    int fd = openat(s->staging_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int err = errno;
        ym_closep(&fd);
        return -err;
    }
    char **names = NULL;
    size_t n = 0, cap = 0;
    for (;;) {
        errno = 0;
        struct dirent *de = readdir(d); // NOLINT(concurrency-mt-unsafe): d is ours alone
        if (!de)
            break;
        if (!has_suffix(de->d_name, suffix))
            continue;
        if (n == cap)
            names = ym_realloc(names, (cap = cap ? cap * 2 : 64) * sizeof(*names));
        names[n++] = ym_strdup(de->d_name);
    }
    int r = -errno;
    closedir(d);
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            fn(ctx, names[i]);
        free(names[i]);
    }
    free(names);
    return r;
}

int ym_staging_remove(const struct ym_store *s, const char *name)
{
    return strchr(name, '/') ? -EINVAL : io_unlink(s->staging_fd, name);
}

int ym_staging_sync(const struct ym_store *s)
{
    return io_sync_dir(s->staging_fd);
}
