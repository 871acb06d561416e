/* One line a fact. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <ymago/base.h>

#define LINE_MAX_BYTES 4096

static const char *const level_names[] = {
    [YM_ERROR] = "error", [YM_WARN] = "warn", [YM_INFO] = "info", [YM_DEBUG] = "debug"};
static atomic_int log_fd = STDERR_FILENO;
static atomic_int log_level = YM_INFO;

void ym_log_open(int fd, enum ym_level level)
{
    atomic_store(&log_fd, fd >= 0 ? fd : STDERR_FILENO);
    atomic_store(&log_level, (int)level);
}

int ym_log_level_parse(const char *name, enum ym_level *ret)
{
    for (size_t i = 0; name && i < YM_COUNT(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum ym_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void ym_log(enum ym_level l, const char *room, const char *fmt, ...)
{
    if ((int)l > atomic_load(&log_level))
        return;
    int saved = errno;
    YM_AUTOFREE char *text = NULL; /* whole, so that a cut never hides the end of a secret */
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    ym_secret_mask(text, (size_t)n);

    char when[32];
    YM_AUTOBUF struct ym_buf line;
    ym_buf_init(&line, LINE_MAX_BYTES);
    ym_buf_addf(&line, "%s %s %s: ", ym_wall_iso(ym_wall_now(), when), level_names[l], room);
    ym_text_escape(&line, text, (size_t)n, LINE_MAX_BYTES - 1 - line.len);
    ym_buf_add(&line, "\n", 1);
    /* One write: lines of several threads do not mix. A full disk must not stop anybody. */
    while (write(atomic_load(&log_fd), line.data, line.len) < 0 && errno == EINTR)
        ;
    errno = saved;
}
