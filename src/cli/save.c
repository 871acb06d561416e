/* Results that are written where the command line says. */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <ymago/media.h>
#include <ymago/store.h>

#include "path.h"

#define STEM_MAX 200
#define TRIES    10000

static int fail_io(struct ym_err *e, int err, const char *what, const char *path)
{
    char shown[120];
    return ym_fail(e, YM_LOCAL, err, "%s cannot be %s: %s.",
                   ym_text_show(path, shown, sizeof(shown)), what, strerrordesc_np(err));
}

void save_to_fini(struct save_to *t)
{
    free(t->dir);
    free(t->stem);
    free(t->ext);
    *t = (struct save_to){0};
}

int folders_make(const char *dir, mode_t mode, struct ym_err *e)
{
    struct stat st;
    YM_AUTOFREE char *path = ym_strdup(dir);
    for (char *p = path + 1;; p++) {
        char was = *p;
        if (was && was != '/')
            continue;
        *p = 0;
        if (stat(path, &st) < 0 && (errno != ENOENT || (mkdir(path, mode) < 0 && errno != EEXIST)))
            return fail_io(e, errno, "made", path);
        *p = was;
        if (!was)
            break;
    }
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return fail_io(e, ENOTDIR, "used as a folder", dir);
    return access(dir, W_OK | X_OK) < 0 ? fail_io(e, errno, "written to", dir) : 0;
}

static bool names_folder(const char *written, const char *abs)
{
    struct stat st;
    size_t n = strlen(written);
    return n == 0 || written[n - 1] == '/' || (stat(abs, &st) == 0 && S_ISDIR(st.st_mode));
}

int save_to_open(const char *cwd, const char *output_path, const char *default_dir,
                 const char *prompt, mode_t umask_now, struct save_to *ret, struct ym_err *e)
{
    struct save_to t = {0};
    YM_AUTOFREE char *abs = path_absolute(cwd, output_path ? output_path : default_dir);
    if (!output_path || names_folder(output_path, abs)) {
        t.dir = ym_steal(&abs);
        t.stem = path_slug(prompt);
    } else {
        char *slash = strrchr(abs, '/');
        path_split(slash + 1, &t.stem, &t.ext);
        slash[slash == abs] = 0;
        t.dir = ym_steal(&abs);
    }
    int r = 0;
    if (strlen(t.stem) > STEM_MAX)
        r = ym_fail(e, YM_INVALID, ENAMETOOLONG,
                    "The file name in --output-path is too long: at most %d bytes.", STEM_MAX);
    if (r == 0)
        r = folders_make(t.dir, 0777 & ~umask_now, e);
    if (r < 0)
        save_to_fini(&t);
    else
        *ret = t;
    return r;
}

/* ---- one file that appears whole ---- */
static void temp_name(char out[static 40])
{
    uint64_t r;
    ym_random(&r, sizeof(r));
    snprintf(out, 40, ".ymago-%016llx.tmp", (unsigned long long)r);
}

/* 0, -EEXIST, or -errno. Without RENAME_NOREPLACE a hard link is as good: it replaces nothing. */
static int appear(int dir, const char *temp, const char *name)
{
    if (renameat2(dir, temp, dir, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -errno;
    if (linkat(dir, temp, dir, name, 0) < 0)
        return -errno;
    unlinkat(dir, temp, 0);
    return 0;
}

static int temp_open(int dir, char name[static 40])
{
    temp_name(name);
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

static int temp_finish(int fd, mode_t mode)
{
    return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int temp_bytes(int dir, int from, mode_t mode, char name[static 40], struct ym_err *e)
{
    YM_AUTOCLOSE int fd = temp_open(dir, name);
    if (fd < 0)
        return fail_io(e, -fd, "written", "A new file");
    int r = ym_clone_fd(from, fd, e);
    if (r == 0 && (r = temp_finish(fd, mode)) < 0)
        fail_io(e, -r, "written", "A new file");
    if (r < 0)
        unlinkat(dir, name, 0);
    return r;
}

static int temp_text(int dir, const char *text, mode_t mode, char name[static 40], struct ym_err *e)
{
    YM_AUTOCLOSE int fd = temp_open(dir, name);
    if (fd < 0)
        return fail_io(e, -fd, "written", "A new file");
    int r = 0;
    for (size_t at = 0, len = strlen(text); at < len && r == 0;) {
        ssize_t n = write(fd, text + at, len - at);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno != EINTR)
            r = -errno;
    }
    if (r == 0)
        r = temp_finish(fd, mode);
    if (r < 0) {
        unlinkat(dir, name, 0);
        fail_io(e, -r, "written", "A new file");
    }
    return r;
}

/* What lies at name: 0 nothing, 1 these very bytes, 2 something else. */
static int taken(int dir, const char *name, const struct ym_digest *b2, int64_t size)
{
    struct stat st;
    struct ym_digest d;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : 2;
    if (!S_ISREG(st.st_mode) || st.st_size != size)
        return 2;
    YM_AUTOCLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && ym_digest_fd(fd, &d, NULL) == 0 && ym_digest_eq(&d, b2) ? 1 : 2;
}

/* ---- media and sidecar, together under one name ---- */
struct saving {
    int dir;
    char media[40], side[40]; /* temporary names; side "" = none (any more) */
    struct ym_digest b2, side_b2;
    int64_t size, side_size;
};

/* 0 when both are there, 1 when the same media was there already, -EEXIST when the name is taken.
 */
static int place_pair(struct saving *s, const char *name)
{
    YM_AUTOFREE char *side = ym_asprintf("%s.json", name);
    int at = taken(s->dir, name, &s->b2, s->size), side_at = 0, r = 0;
    if (at == 2)
        return -EEXIST;
    if (s->side[0])
        side_at = taken(s->dir, side, &s->side_b2, s->side_size);
    if (side_at == 2)
        return at == 1 ? 1 : -EEXIST;
    bool mine = s->side[0] && side_at == 0;
    if (mine && (r = appear(s->dir, s->side, side)) < 0)
        return r;
    if (at == 1)
        return 1;
    r = appear(s->dir, s->media, name);
    if (r < 0 && mine) /* the name was taken in this moment */
        renameat(s->dir, side, s->dir, s->side);
    return r;
}

static int place_somewhere(struct saving *s, const struct save_to *t, const char *ext, int first,
                           struct saved *ret, struct ym_err *e)
{
    for (int k = first; k < first + TRIES; k++) {
        YM_AUTOFREE char *name =
            k == 1 ? ym_asprintf("%s.%s", t->stem, ext) : ym_asprintf("%s-%d.%s", t->stem, k, ext);
        int r = place_pair(s, name);
        if (r == -EEXIST)
            continue;
        if (r < 0)
            return fail_io(e, -r, "written", name);
        ret->path = path_join(t->dir, name);
        ret->there = r == 1;
        ret->other_name = k != first;
        return fsync(s->dir) < 0 && errno != EINVAL ? fail_io(e, errno, "made durable", t->dir) : 0;
    }
    return ym_fail(e, YM_LOCAL, EEXIST, "No free name is left for %s in that folder.", t->stem);
}

/* The extension asked for, if it says what the bytes are; else the one of the bytes. A text may be
 * called anything. */
static const char *choose_ext(const struct save_to *t, int fd, const char *told, bool *ret_other)
{
    uint8_t head[YM_MEDIA_HEAD];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    const struct ym_media_type *type = n > 0 ? ym_media_sniff(head, (size_t)n) : NULL;
    const char *ext = type ? type->ext : told && *told ? told : "bin";
    bool text = !type && told && strncmp(told, "out.", 4) == 0;
    const char *mime = t->ext ? ym_media_mime_of_ext(t->ext) : NULL;
    *ret_other = t->ext && !text && !(type && mime && strcmp(mime, type->mime) == 0);
    return t->ext && !*ret_other ? t->ext : ext;
}

int save_result(const struct save_to *t, int first, int fd, const char *told, const char *sidecar,
                mode_t mode, struct saved *ret, struct ym_err *e)
{
    struct saving s = {.dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct saved done = {0};
    YM_AUTOCLOSE int dir = s.dir;
    if (dir < 0)
        return fail_io(e, errno, "opened", t->dir);
    const char *ext = choose_ext(t, fd, told, &done.other_ext);
    int r = ym_digest_fd(fd, &s.b2, &s.size);
    if (r < 0)
        return fail_io(e, -r, "read", "The result");
    if (sidecar && *sidecar) {
        s.side_size = (int64_t)strlen(sidecar);
        s.side_b2 = ym_digest_of(sidecar, strlen(sidecar));
        if ((r = temp_text(dir, sidecar, mode, s.side, e)) < 0)
            return r;
    }
    r = temp_bytes(dir, fd, mode, s.media, e);
    if (r == 0)
        r = place_somewhere(&s, t, ext, first, &done, e);
    if (s.media[0])
        unlinkat(dir, s.media, 0); /* gone already when it was shown */
    if (s.side[0])
        unlinkat(dir, s.side, 0);
    if (r == 0)
        *ret = done;
    else
        free(done.path);
    return r;
}

int save_copy(const char *from, const char *dir, mode_t umask_now, char **ret_name,
              struct ym_err *e)
{
    char hex[65], temp[40];
    struct ym_digest b2;
    int64_t size;
    uint8_t head[YM_MEDIA_HEAD];
    YM_AUTOCLOSE int fd = open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
    const struct ym_media_type *type = n > 0 ? ym_media_sniff(head, (size_t)n) : NULL;
    if (fd < 0)
        return fail_io(e, errno, "opened", from);
    if (!type || type->kind != YM_MEDIA_IMAGE)
        return ym_fail(e, YM_INVALID, EINVAL, "%.120s is no image.", from);
    int r = folders_make(dir, 0777 & ~umask_now, e);
    if (r == 0 && (r = ym_digest_fd(fd, &b2, &size)) < 0)
        fail_io(e, -r, "read", from);
    if (r < 0)
        return r;
    YM_AUTOCLOSE int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return fail_io(e, errno, "opened", dir);
    YM_AUTOFREE char *name = ym_asprintf("%.16s.%s", ym_digest_hex(&b2, hex), type->ext);
    if (taken(at, name, &b2, size) != 1) {
        if ((r = temp_bytes(at, fd, 0666 & ~umask_now, temp, e)) < 0)
            return r;
        r = appear(at, temp, name);
        unlinkat(at, temp, 0);
        if (r < 0)
            return fail_io(e, -r, "written", name);
    }
    *ret_name = ym_steal(&name);
    return 0;
}
