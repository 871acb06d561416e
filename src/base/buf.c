/* Growing buffers with a hard maximum. */
#include <errno.h>
#include <string.h>
#include <ymago/base.h>

void ym_buf_init(struct ym_buf *b, size_t max)
{
    *b = (struct ym_buf){.max = max};
}

void ym_buf_fini(struct ym_buf *b)
{
    free(b->data);
    *b = (struct ym_buf){.max = b->max};
}

/* Room for `more` bytes and the final NUL. */
static int buf_reserve(struct ym_buf *b, size_t more)
{
    ym_assert(b->len <= b->max);
    if (more > b->max - b->len)
        return -ENOBUFS;
    size_t need = b->len + more + 1;
    if (need == 0) /* max = SIZE_MAX and full */
        return -ENOBUFS;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    b->data = ym_realloc(b->data, cap);
    b->cap = cap;
    return 0;
}

int ym_buf_add(struct ym_buf *b, const void *data, size_t len)
{
    int r = buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int ym_buf_adds(struct ym_buf *b, const char *s)
{
    return ym_buf_add(b, s, strlen(s));
}

int ym_buf_addf(struct ym_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    char small[256];
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    ym_assert(n >= 0);
    int r;
    if ((size_t)n < sizeof small) {
        r = ym_buf_add(b, small, (size_t)n);
    } else if ((r = buf_reserve(b, (size_t)n)) == 0) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return r;
}

char *ym_buf_steal(struct ym_buf *b)
{
    char *s = b->data ? b->data : ym_strdup("");
    *b = (struct ym_buf){.max = b->max};
    return s;
}
