/* What the files of this room share about names. */
#ifndef YM_LIBRARY_NAMES_H
#define YM_LIBRARY_NAMES_H

#include <ymago/library.h>

/* Extensions of pictures, lower case; NULL-terminated. */
extern const char *const name_image_exts[];
#define NAME_REFS_MAX 16 /* stem.in.png, stem.in2.png .. stem.in16.png */

/* The last component of a path. */
const char *name_base(const char *path);
/* Length of the folder part without its slash; 0 = the library itself. */
size_t name_folder_len(const char *path);
/* "images" + "a.png" -> "images/a.png"; the folder is the first len bytes of a path. Caller frees.
 */
char *name_join(const char *folder, size_t len, const char *base);
/* What results and notes are named after: a prompt's stem without .xN, else the name without its
 * extension. Returns the length of that prefix of base. */
size_t name_stem_len(const char *base);

#endif
