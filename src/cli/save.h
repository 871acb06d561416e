/* Results that are written where the command line says: whole, and never over another file. */
#ifndef CLI_SAVE_H
#define CLI_SAVE_H

#include <sys/stat.h>
#include <ymago/base.h>

struct save_to {
    char *dir; /* exists */
    char *stem;
    char *ext; /* that was asked for, without dot; NULL = whatever it becomes */
};
/* output_path: a folder (it ends in '/' or is one) or a file; NULL: default_dir. Missing folders
 * are made. A folder gives names from the prompt. */
int save_to_open(const char *cwd, const char *output_path, const char *default_dir,
                 const char *prompt, mode_t umask, struct save_to *ret, struct ym_err *e);
/* mkdir -p; and may we write there? dir is absolute. */
int folders_make(const char *dir, mode_t mode, struct ym_err *e);
void save_to_fini(struct save_to *t);

struct saved {
    char *path;      /* caller frees */
    bool there;      /* the same bytes were there already: nothing was written */
    bool other_ext;  /* the bytes are of another type than the extension asked for */
    bool other_name; /* the name was taken by a file with other bytes */
};
/* Puts the bytes of fd at the first free of stem.ext, stem-2.ext ... from number `first` (1 = no
 * number), the sidecar (NULL = none) beside it as NAME.json before it appears. The extension
 * follows the bytes; `ext` is for those that tell nothing. Durable when it returns 0. */
int save_result(const struct save_to *t, int first, int fd, const char *ext, const char *sidecar,
                mode_t mode, struct saved *ret, struct ym_err *e);
/* Copies the file `from` to dir/BASE.EXT unless the same bytes are there; BASE is made of its
 * digest. */
int save_copy(const char *from, const char *dir, mode_t umask, char **ret_name, struct ym_err *e);

#endif
