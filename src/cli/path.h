/* Paths as people write them, and as the library knows them. Pure. */
#ifndef CLI_PATH_H
#define CLI_PATH_H

#include <ymago/base.h>

/* p made absolute against cwd, without ".", ".." and double slashes; by text alone. Caller frees.
 */
char *path_absolute(const char *cwd, const char *p);
/* What stands below root ("" when they are the same place), borrowed from abs; NULL when it is not
 * below. Both absolute and tidy. */
const char *path_below(const char *root, const char *abs);
/* A path of the library as a verb wants it: below .ymago a job's folder or queue entry is its id,
 * wait/PATH is PATH; all else stays. Caller frees. */
char *path_verb_target(const char *rel);
char *path_join(const char *dir, const char *rel); /* rel "" gives dir */
/* A file name from the first words of a prompt: small letters, digits and what is above ASCII, '-'
 * for the rest, at most 40 characters; "image" when nothing is left. prompt is valid UTF-8. */
char *path_slug(const char *prompt);
/* "sunset.png" -> "sunset" and "png" when ext is one of media or of texts; else all is stem and *ret_ext NULL.
 */
void path_split(const char *base, char **ret_stem, char **ret_ext);

#endif
