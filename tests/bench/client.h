/* What both yardsticks share: N requests over C kept connections of one libcurl multi handle, one
 * thread. They do the least that a client can do; ymago is measured against them. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client_ops {
    /* Number `n` begins; returns its state, or NULL to give up. */
    void *(*begin)(void *ctx, int n);
    bool (*body)(void *one, const char *data, size_t len); /* false stops it */
    bool (*end)(void *one);                                /* the whole answer came; frees */
};

/* Parses "URL COUNT CONNECTIONS" of argv[1..3], runs, prints one JSON line: seconds, user + system
 * CPU seconds, peak memory. Returns what main returns. */
int client_main(char **argv, const struct client_ops *ops, void *ctx);

#endif
