#ifndef NET_BODY_H
#define NET_BODY_H

#include <ymago/net.h>

/* Back to the first byte. */
void body_rewind(struct ym_body *b);

#endif
