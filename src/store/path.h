#ifndef YM_STORE_PATH_H
#define YM_STORE_PATH_H

#include <ymago/store.h>

/* open(2) below dirfd without leaving it and without following any link; fd or -errno. */
int path_open(int dirfd, const char *path, int flags, mode_t mode);
/* The same, component by component, for kernels (or sandboxes) without openat2. */
int path_walk(int dirfd, const char *path, int flags, mode_t mode);

#endif
