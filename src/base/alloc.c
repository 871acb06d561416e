/* Memory that is always there, and the end of the process in words when it is not. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <ymago/base.h>

/* Only write(2) and abort: whoever gets here may hold any lock. */
_Noreturn static void die(const char *text, int len)
{
    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0) {
        /* nobody to tell */
    }
    abort();
}

_Noreturn void ym_assert_failed(const char *file, int line, const char *what)
{
    char text[512];
    int n = snprintf(text, sizeof text, "ymago: broken promise at %s:%d: %s\n", file, line, what);
    ym_log(YM_ERROR, "base", "broken promise at %s:%d: %s", file, line, what); /* a daemon has no terminal */
    die(text, n < (int)sizeof text ? n : (int)sizeof text - 1);
}

_Noreturn static void out_of_memory(size_t size)
{
    char text[160];
    int n = snprintf(text, sizeof text,
                     "ymago: no memory for %zu bytes; free some and mount again: "
                     "the journal holds what was queued.\n",
                     size);
    die(text, n);
}

void ym_closep(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void *ym_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *ym_alloc_array(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1); /* calloc checks the product */
    if (!p)
        out_of_memory(n > SIZE_MAX / (size ? size : 1) ? SIZE_MAX : n * size);
    return p;
}

void *ym_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        out_of_memory(size);
    return q;
}

char *ym_strdup(const char *s)
{
    return s ? ym_strndup(s, strlen(s)) : NULL;
}

char *ym_strndup(const char *s, size_t n)
{
    if (!s)
        return NULL;
    size_t len = strnlen(s, n);
    char *copy = ym_alloc(len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *ym_asprintf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory(strlen(fmt));
    return s;
}
