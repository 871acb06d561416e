/* The origins that the owner has configured: plain http and private addresses are for them only. */
#ifndef NET_ALLOW_H
#define NET_ALLOW_H

#include <ymago/net.h>

struct allow;
/* list: NULL (nothing is allowed) or NULL-terminated URLs and "host:port"; what is neither is
 * logged and left out. */
struct allow *allow_new(const char *const *list);
void allow_free(struct allow *a);
bool allow_has(const struct allow *a, const char *origin);

#endif
