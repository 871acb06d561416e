/* Which library is meant, where it is mounted, and what its files are called there. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <ymago/store.h>

#include "cli_private.h"
#include "path.h"

#define STATUS_MAX (1 << 20)

void where_fini(struct where *w)
{
    free(w->library);
    free(w->mountpoint);
    free(w->socket);
    *w = (struct where){0};
}

/* An absolute path of the status, or nothing: it is a file like any other. */
static char *status_path(const cJSON *status, const char *key)
{
    const char *p = ym_json_str(status, key);
    return p && *p == '/' ? path_absolute("/", p) : NULL;
}

/* A socket that somebody else owns is not an engine of ours. */
static bool socket_ours(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           (st.st_uid == geteuid() || geteuid() == 0);
}

/* dir has .ymago/: a plain library, or a mount, whose status says what it shows. */
static int where_look(char *dir /* taken */, struct where *ret, struct ym_err *e)
{
    struct where w = {.library = dir};
    YM_AUTOJSON cJSON *status = NULL;
    YM_AUTOFREE char *text = NULL;
    YM_AUTOFREE char *state = path_join(dir, ".ymago");
    struct stat st;
    size_t len;
    if (stat(dir, &st) < 0 && errno == ENOTCONN) {
        ym_fail(e, YM_LOCAL, ENOTCONN, "The mount at %s is dead: run `ymago umount` on it.", dir);
        where_fini(&w);
        return -ENOTCONN;
    }
    YM_AUTOCLOSE int fd = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && ym_read_whole(fd, "status.json", STATUS_MAX, &text, &len) == 0 &&
        ym_json_parse(text, len, STATUS_MAX, &status, NULL) == 0) {
        char *library = status_path(status, "library");
        w.mountpoint = status_path(status, "mountpoint");
        w.socket = status_path(status, "socket");
        if (library) {
            free(w.library);
            w.library = library;
        }
        if (w.socket && !socket_ours(w.socket))
            free(ym_steal(&w.socket));
    }
    *ret = w;
    return 0;
}

/* The nearest folder from `from` upwards that has .ymago/ in it; NULL = none. */
static char *nearest(const char *from, struct stat *ret_st)
{
    char *dir = ym_strdup(from);
    for (;;) {
        YM_AUTOFREE char *state = path_join(dir, ".ymago");
        if (lstat(state, ret_st) == 0 && S_ISDIR(ret_st->st_mode))
            return dir;
        char *slash = strrchr(dir, '/');
        if (strcmp(dir, "/") == 0) {
            free(dir);
            return NULL;
        }
        slash[slash == dir] = 0;
    }
}

static int where_above(const char *from, struct where *ret, struct ym_err *e)
{
    struct stat st;
    char *dir = nearest(from, &st);
    if (!dir)
        return -ENOENT;
    if (st.st_uid == geteuid() || geteuid() == 0)
        return where_look(dir, ret, e);
    ym_fail(e, YM_INVALID, EPERM,
            "The library %s belongs to somebody else; if it is the one you mean, name it with "
            "--library.",
            dir);
    free(dir);
    return -EPERM;
}

static int where_default(struct where *ret, struct ym_err *e)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char *dir = data && *data == '/'   ? path_join(data, "ymago")
                : home && *home == '/' ? path_join(home, ".local/share/ymago")
                                       : NULL;
    if (!dir)
        return ym_fail(e, YM_INVALID, ENOENT,
                       "There is no library here: name one with --library DIR.");
    int r = where_look(dir, ret, e);
    if (r == 0)
        ret->fallback = true;
    return r;
}

int where_find(const struct cli *c, const char *dir, const char *near, struct where *ret,
               struct ym_err *e)
{
    const char *given = arg_get(&c->a, "library");
    given = given ? given : dir;
    if (given) {
        if (!*given)
            return ym_fail(e, YM_INVALID, EINVAL, "The name of the library is empty.");
        YM_AUTOFREE char *text = path_absolute(c->cwd, given);
        char *real = realpath(given, NULL);
        int r = where_look(real ? real : ym_steal(&text), ret, e);
        if (r == 0)
            ret->given = true;
        return r;
    }
    int r = -ENOENT;
    if (near) { /* whether it exists or not: its folders count */
        YM_AUTOFREE char *abs = path_absolute(c->cwd, near);
        r = where_above(abs, ret, e);
    }
    if (r == -ENOENT)
        r = where_above(c->cwd, ret, e);
    return r == -ENOENT ? where_default(ret, e) : r;
}

char *where_show(const struct where *w, const char *rel)
{
    return path_join(w->mountpoint ? w->mountpoint : w->library, rel);
}

/* ---- operands ---- */

/* The same file by another name: links in the folders above it resolved. */
static char *resolved(const char *abs)
{
    const char *slash = strrchr(abs, '/');
    YM_AUTOFREE char *dir = ym_strndup(abs, slash == abs ? 1 : (size_t)(slash - abs));
    YM_AUTOFREE char *real = realpath(dir, NULL);
    return real ? path_join(real, slash + 1) : NULL;
}

static const char *below_any(const struct where *w, const char *abs)
{
    const char *roots[] = {w->mountpoint, w->library};
    for (size_t i = 0; i < YM_COUNT(roots); i++) {
        YM_AUTOFREE char *real = roots[i] ? realpath(roots[i], NULL) : NULL;
        const char *rel = roots[i] ? path_below(roots[i], abs) : NULL;
        rel = rel || !real ? rel : path_below(real, abs);
        if (rel)
            return rel;
    }
    return NULL;
}

int where_target(const struct cli *c, const struct where *w, const char *operand, char **ret,
                 struct ym_err *e)
{
    char shown[120];
    YM_AUTOFREE char *abs = path_absolute(c->cwd, operand);
    YM_AUTOFREE char *real = resolved(abs);
    if (!*operand)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "A name is empty: name a prompt, a result or a job id.");
    if (ym_id_valid(operand) && faccessat(AT_FDCWD, abs, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        *ret = ym_strdup(operand);
        return 0;
    }
    const char *rel = below_any(w, abs);
    rel = rel || !real ? rel : below_any(w, real);
    /* From elsewhere a relative name is one of the library. */
    YM_AUTOFREE char *inside = *operand != '/' ? path_absolute("/", operand) : NULL;
    if (!rel && inside && !below_any(w, c->cwd))
        rel = inside + 1;
    if (!rel)
        return ym_fail(e, YM_INVALID, EINVAL, "%s is not in the library %s.",
                       ym_text_show(operand, shown, sizeof(shown)), w->library);
    if (!*rel)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "That is the library itself: name a prompt or a result in it.");
    *ret = path_verb_target(rel);
    return 0;
}
