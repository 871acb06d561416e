/* URLs, read by the very parser that libcurl connects with, so that both see the same host. */
#ifndef NET_URL_H
#define NET_URL_H

#include <ymago/net.h>

#define ORIGIN_MAX 320 /* scheme, a host name of at most 255 bytes, port */

struct url {
    bool https;
    bool userinfo;           /* a user name or password stands in it */
    char host[256 + 3];      /* lower case; an IPv6 address keeps its brackets */
    char origin[ORIGIN_MAX]; /* as ym_url_origin gives it */
};

/* 0, or -EINVAL for what is no absolute http(s) URL. */
int url_parse(const char *text, struct url *ret);
/* The absolute URL that `location` means in a reply to `base`; caller frees. NULL if it means none.
 */
char *url_join(const char *base, const char *location);

#endif
