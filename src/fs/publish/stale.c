#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ymago/formats.h>
#include <ymago/fs.h>
#include <ymago/store.h>

#define STATUS_MAX (1 << 20)

/* mountinfo writes blanks and the like as \ooo. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        bool octal = s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
                     s[3] >= '0' && s[3] <= '7';
        *to++ = octal ? (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0')) : *s;
        s += octal ? 3 : 0;
    }
    *to = '\0';
}

/* "36 35 98:0 /root /point options [fields] - type source options" */
static bool parse(char *line, struct mount_row *ret)
{
    unsigned maj, min;
    int at = 0;
    if (sscanf(line, "%*d %*d %u:%u %*s %n", &maj, &min, &at) != 2 || at == 0)
        return false;
    char *point = line + at, *end = strchr(point, ' ');
    char *type = strstr(line, " - ");
    if (!end || !type || (size_t)(end - point) >= sizeof(ret->point))
        return false;
    *end = '\0';
    unescape(point);
    snprintf(ret->point, sizeof(ret->point), "%s", point);
    ret->dev = makedev(maj, min);
    ret->is_ours = strncmp(type + 3, "fuse.ymago ", 11) == 0;
    return true;
}

int mounts_find(const char *point, dev_t dev, struct mount_row *ret)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (!f)
        return -errno;
    YM_AUTOFREE char *line = NULL;
    YM_AUTOFREE struct mount_row *row = ym_alloc(sizeof(*row));
    size_t cap = 0;
    int r = -ENOENT;
    while (getline(&line, &cap, f) > 0) {
        if (parse(line, row) && (point ? strcmp(row->point, point) == 0 : row->dev == dev)) {
            *ret = *row; /* later ones lie on top */
            r = 0;
        }
    }
    fclose(f);
    return r;
}

bool mounts_is_dead(const char *point)
{
    struct statx x; /* what the kernel remembers would be no answer */
    return statx(AT_FDCWD, point, AT_STATX_FORCE_SYNC | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
                 &x) < 0 &&
           (errno == ENOTCONN || errno == ECONNABORTED || errno == ESTALE || errno == EIO);
}

static int run_fusermount(const char *point, bool lazy)
{
    char name[] = "fusermount3", u[] = "-u", z[] = "-z", end[] = "--",
         path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    YM_AUTOFREE char *arg = ym_strdup(point);
    char *argv[] = {name, u, lazy ? z : end, lazy ? end : arg, lazy ? arg : NULL, NULL};
    char *env[] = {path, NULL};
    posix_spawn_file_actions_t a;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addchdir_np(&a, "/");
    int r = posix_spawnp(&pid, name, &a, NULL, argv, env);
    posix_spawn_file_actions_destroy(&a);
    if (r)
        return -r;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status == 0 ? 0 : -EBUSY;
}

int mounts_detach(const char *point, bool lazy)
{
    if (umount2(point, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    return errno == EPERM ? run_fusermount(point, lazy) : -errno;
}

/* An absolute path without links, as mountinfo has it, although the last component may not answer.
 */
static char *mount_path(const char *mountpoint)
{
    YM_AUTOFREE char *copy = ym_strdup(mountpoint);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    char above[PATH_MAX];
    if (!slash || slash == copy)
        return ym_steal(&copy);
    *slash = '\0';
    if (!realpath(copy, above))
        return ym_strdup(mountpoint);
    return ym_asprintf("%s/%s", strcmp(above, "/") == 0 ? "" : above, slash + 1);
}

/* Who serves a mount that answers; 0 = it does not say. */
static int holder_of(const char *path)
{
    YM_AUTOFREE char *text = NULL;
    YM_AUTOJSON cJSON *status = NULL;
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t len;
    if (fd < 0 || ym_read_whole(fd, ".ymago/status.json", STATUS_MAX, &text, &len) < 0 ||
        ym_json_parse(text, len, STATUS_MAX, &status, NULL) < 0)
        return 0;
    const cJSON *pid = cJSON_GetObjectItemCaseSensitive(status, "pid");
    return cJSON_IsNumber(pid) ? pid->valueint : 0;
}

static int fail_live(const char *mountpoint, const char *path, struct ym_err *e)
{
    int pid = holder_of(path);
    char who[32] = "";
    if (pid > 0)
        snprintf(who, sizeof(who), " by process %d", pid);
    return ym_fail(e, YM_LOCAL, EBUSY,
                   "%s is mounted already%s; unmount it with `ymago umount` first.", mountpoint, who);
}

int ym_fs_clean_stale(const char *mountpoint, struct ym_err *e)
{
    YM_AUTOFREE char *path = mount_path(mountpoint);
    YM_AUTOFREE struct mount_row *row = ym_alloc(sizeof(*row));
    for (int tries = 0; tries < 4; tries++) {
        bool dead = mounts_is_dead(path);
        if (mounts_find(path, 0, row) < 0 || !row->is_ours)
            return dead ? ym_fail(e, YM_LOCAL, EIO, "%s does not answer; look at it with `mount`.",
                                  mountpoint)
                        : 0;
        if (!dead)
            return fail_live(mountpoint, path, e);
        int r = mounts_detach(path, false);
        if (r < 0)
            r = mounts_detach(path, true);
        if (r < 0)
            return ym_fail(e, YM_LOCAL, -r,
                           "The dead mount at %s cannot be removed: %s; try `fusermount3 -uz`.",
                           mountpoint, strerror(-r));
    }
    return 0;
}

int ym_fs_umount(const char *mountpoint, bool lazy, struct ym_err *e)
{
    YM_AUTOFREE char *path = mount_path(mountpoint);
    YM_AUTOFREE struct mount_row *row = ym_alloc(sizeof(*row));
    if (mounts_find(path, 0, row) < 0 || !row->is_ours)
        return ym_fail(e, YM_INVALID, EINVAL, "%s is not a mount of ymago.", mountpoint);
    int r = mounts_detach(path, lazy);
    if (r == -EBUSY)
        return ym_fail(e, YM_LOCAL, EBUSY, "%s is in use; close what uses it, or add --lazy.",
                       mountpoint);
    if (r < 0)
        return ym_fail(e, YM_LOCAL, -r, "%s cannot be unmounted: %s.", mountpoint, strerror(-r));
    return 0;
}
