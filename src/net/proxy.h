/* The proxy that the environment names, and for which hosts. Decided here and not inside libcurl,
 * because addresses are judged differently behind a proxy: it does the resolving. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <ymago/net.h>

struct proxy {
    char *url;    /* NULL = none */
    char *except; /* no_proxy, NULL = none */
};
/* From https_proxy or all_proxy, and no_proxy, in lower or upper case. */
void proxy_init(struct proxy *p);
void proxy_fini(struct proxy *p);
/* The proxy for an https request to `host`, or NULL for a direct one. Loopback is always direct. */
const char *proxy_for(const struct proxy *p, const char *host);

#endif
