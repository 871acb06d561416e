/* What an end of a transfer means. */
#ifndef NET_CLASSIFY_H
#define NET_CLASSIFY_H

#include <curl/curl.h>
#include <ymago/net.h>

/* Fills *e for a transfer that ended with `code` before a whole reply was there. `host` and
 * `detail` (libcurl's own words, may be "") are shown. */
void classify_curl(CURLcode code, bool sent, enum ym_effect effect, const char *host,
                   const char *detail, struct ym_err *e);
/* A reply of status >= 400 whose body did not arrive whole: its status decides all the same. */
void classify_status(int status, const char *host, ym_dur retry_after, struct ym_err *e);

#endif
