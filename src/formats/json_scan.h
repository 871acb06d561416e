/* The strict look at a JSON text before cJSON, which is too kind, reads it. */
#ifndef YMAGO_FORMATS_JSON_SCAN_H
#define YMAGO_FORMATS_JSON_SCAN_H

#include <ymago/base.h>

#define JSON_DEPTH_MAX 64

/* True when text is one whole JSON value that cJSON reads the same way. Else false, and *ret_at is
 * the offset of the fault, *ret_what a phrase that names it ("a value is expected here"). */
bool json_scan(const char *text, size_t len, size_t *ret_at, const char **ret_what);

/* Offset of the nth key (from 0) of a text that json_scan found good. */
size_t json_scan_key(const char *text, size_t len, size_t nth);

/* Length of the JSON number at the start of text, 0 = none. */
size_t json_scan_number(const char *text, size_t len);

/* Line and column (code points, from 1) of an offset. */
void json_scan_where(const char *text, size_t at, int *ret_line, int *ret_column);

#endif
