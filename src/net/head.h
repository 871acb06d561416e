/* Collects the head of a reply, line by line, within hard limits. */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include <ymago/net.h>

#define HEAD_LINES_MAX 128
#define HEAD_BYTES_MAX (64 * 1024)

struct head {
    struct ym_buf text; /* "name: value\0" after one another, names in lower case */
    unsigned nlines;
    const char *lines[HEAD_LINES_MAX + 1]; /* valid after head_finish */
    char type[128];
    int64_t length; /* -1 = not told */
    bool chunked;
};

void head_init(struct head *h);
void head_fini(struct head *h);
void head_reset(struct head *h);
/* One line without its end. -EOVERFLOW: more than anyone needs. */
int head_add(struct head *h, const char *line, size_t len);
/* After the last line: fills lines, type, length and chunked. */
void head_finish(struct head *h);

#endif
