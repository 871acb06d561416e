/* Which addresses may be reached without being configured. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <ymago/net.h>

/* The same judgement of an address in text form ("127.0.0.1", "::1"); false for other text. */
bool address_text_is_private(const char *ip);

#endif
