/* The ceiling: asks and throws the answers away.   discard URL COUNT CONNECTIONS */
#include <stdio.h>

#include "client.h"

static void *begin(void *ctx, int n)
{
    (void)n;
    return ctx;
}

static bool body(void *one, const char *data, size_t len)
{
    (void)one;
    (void)data;
    (void)len;
    return true;
}

static bool end(void *one)
{
    (void)one;
    return true;
}

int main(int argc, char **argv)
{
    static const struct client_ops ops = {begin, body, end};
    static char nothing;
    if (argc == 4)
        return client_main(argv, &ops, &nothing);
    fprintf(stderr, "usage: discard URL COUNT CONNECTIONS\n");
    return 2;
}
