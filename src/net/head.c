#include "head.h"
#include <ctype.h>
#include <errno.h>
#include <strings.h>

void head_init(struct head *h)
{
    *h = (struct head){.length = -1};
    ym_buf_init(&h->text, HEAD_BYTES_MAX);
}

void head_fini(struct head *h)
{
    ym_buf_fini(&h->text);
}

void head_reset(struct head *h)
{
    h->text.len = 0;
    h->nlines = 0;
    h->lines[0] = NULL;
    h->type[0] = '\0';
    h->length = -1;
    h->chunked = false;
}

int head_add(struct head *h, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line || isblank((unsigned char)*line))
        return 0; /* a folded or broken line: nothing that we read can stand in it */
    if (h->nlines == HEAD_LINES_MAX)
        return -EOVERFLOW;
    size_t name = (size_t)(colon - line), start = h->text.len;
    const char *value = colon + 1, *end = line + len;
    while (value < end && isspace((unsigned char)*value))
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    if (ym_buf_add(&h->text, line, name) < 0 || ym_buf_add(&h->text, ": ", 2) < 0 ||
        ym_buf_add(&h->text, value, (size_t)(end - value)) < 0 || ym_buf_add(&h->text, "", 1) < 0)
        return -EOVERFLOW;
    for (size_t i = 0; i < name; i++)
        h->text.data[start + i] = (char)tolower((unsigned char)h->text.data[start + i]);
    h->nlines++;
    return 0;
}

static void read_type(struct head *h)
{
    const char *v = ym_header_get(h->lines, "content-type");
    size_t n = v ? strcspn(v, ";, \t") : 0;
    if (n >= sizeof(h->type))
        n = 0;
    for (size_t i = 0; i < n; i++)
        h->type[i] = (char)tolower((unsigned char)v[i]);
    h->type[n] = '\0';
}

static int64_t read_length(const char *v)
{
    if (!v || !isdigit((unsigned char)*v))
        return -1;
    char *end;
    errno = 0;
    long long n = strtoll(v, &end, 10);
    return *end || errno ? -1 : n;
}

void head_finish(struct head *h)
{
    const char *at = h->text.data;
    for (unsigned i = 0; i < h->nlines; i++) {
        h->lines[i] = at;
        at += strlen(at) + 1;
    }
    h->lines[h->nlines] = NULL;
    read_type(h);
    const char *coding = ym_header_get(h->lines, "transfer-encoding");
    h->chunked = coding && strcasestr(coding, "chunked");
    h->length = h->chunked ? -1 : read_length(ym_header_get(h->lines, "content-length"));
}

const char *ym_header_get(const char *const *headers, const char *name)
{
    size_t n = strlen(name);
    for (; headers && *headers; headers++)
        if (strncasecmp(*headers, name, n) == 0 && (*headers)[n] == ':')
            return *headers + n + ((*headers)[n + 1] == ' ' ? 2 : 1);
    return NULL;
}
