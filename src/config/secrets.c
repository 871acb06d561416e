/* Keys: read from places that only the owner can read, and taken out of the environment. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

#define SECRET_MAX 4096

int text_read_fd(int fd, const char *shown, size_t max, struct ym_buf *out, struct ym_err *e)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        int r = n < 0 ? -errno : 0;
        if (n > 0 && (out->len + (size_t)n > max || ym_buf_add(out, chunk, (size_t)n) < 0))
            r = -EFBIG;
        explicit_bzero(chunk, sizeof chunk);
        if (r == -EFBIG)
            return ym_fail(e, YM_INVALID, EFBIG, "%s is larger than %zu bytes; is it the right file?",
                           shown, max);
        if (r < 0)
            return ym_fail(e, YM_LOCAL, -r, "%s cannot be read: %s.", shown, strerrordesc_np(-r));
        if (n == 0)
            return 0;
    }
}

/* One word, perhaps with white space around it. */
static int secret_from_fd(int fd, const char *shown, struct ym_secret **ret, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, SECRET_MAX + 1);
    int r = text_read_fd(fd, shown, SECRET_MAX, &b, e);
    size_t len = b.len;
    const char *s = r < 0 || b.len == 0 ? "" : ym_text_trim(b.data, &len);
    bool one_word = len > 0;
    for (size_t i = 0; i < len; i++)
        one_word &= (unsigned char)s[i] > ' ' && (unsigned char)s[i] < 0x7f;
    if (r == 0 && !one_word)
        r = ym_fail(e, YM_INVALID, EINVAL, "%s must hold the key and nothing else, in one line.", shown);
    if (r == 0)
        *ret = ym_secret_new(s, len);
    if (b.len)
        explicit_bzero(b.data, b.len);
    return r;
}

int secret_read_file(const char *path, const char *what, struct ym_secret **ret, struct ym_err *e)
{
    char shown[160], show[120];
    struct stat st;
    snprintf(shown, sizeof shown, "%s %s", what, ym_text_show(path, show, sizeof show));
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return ym_fail(e, errno == EACCES ? YM_AUTH : YM_INVALID, errno,
                       "%s cannot be opened: %s.", shown, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return ym_fail(e, YM_INVALID, EINVAL, "%s is not a regular file.", shown);
    if (st.st_uid != geteuid())
        return ym_fail(e, YM_AUTH, EPERM, "%s belongs to another user; use a file that you own.", shown);
    if (st.st_mode & 077)
        return ym_fail(e, YM_AUTH, EPERM,
                       "%s can be read by others (mode %04o); run: chmod 600 on it.", shown,
                       (unsigned)(st.st_mode & 07777));
    return secret_from_fd(fd, shown, ret, e);
}

int secret_read_credential(const char *dir, const char *name, struct ym_secret **ret, struct ym_err *e)
{
    char shown[160];
    YM_AUTOFREE char *path = ym_asprintf("%s/%s", dir, name);
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    snprintf(shown, sizeof shown, "the credential %s", name);
    if (fd < 0)
        return ym_fail(e, YM_AUTH, errno, "%s cannot be opened: %s.", shown, strerrordesc_np(errno));
    return secret_from_fd(fd, shown, ret, e);
}

void secret_forget_env(const char *var)
{
    char *v = getenv(var);
    if (!v)
        return;
    explicit_bzero(v, strlen(v)); /* /proc/PID/environ shows this very memory */
    unsetenv(var);
}

char *path_whole(const char *path, const char *base_dir, const char *home)
{
    if (strncmp(path, "~/", 2) == 0 && home)
        return ym_asprintf("%s/%s", home, path + 2);
    if (path[0] == '/' || !base_dir)
        return ym_strdup(path);
    return ym_asprintf("%s/%s", base_dir, path);
}
