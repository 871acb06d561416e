/* What the files of this room share about sidecars. */
#ifndef YM_LIBRARY_SIDECAR_H
#define YM_LIBRARY_SIDECAR_H

#include <ymago/library.h>

#define SIDECAR_MAX (64 * 1024)
/* The document when text is a sidecar that we wrote (it bears a job's id), else NULL. */
cJSON *sidecar_ours(const char *text, size_t len);
/* What of a sidecar file managers can show, as extended attributes of its result: type, comment,
 * tags, origin. A file system without them is no error. */
void sidecar_attributes(const char *text, int fd);

#endif
