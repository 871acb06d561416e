/* What the files of this room share: error sentences, whole writes, fsync of folders. */
#ifndef YM_STORE_IO_H
#define YM_STORE_IO_H

#include <ymago/store.h>

/* Turns an errno of the disk into class and sentence; `what` goes on from "could not": "write the
 * staging file x". Returns -err. */
__attribute__((format(printf, 3, 4))) int io_fail(struct ym_err *e, int err, const char *what, ...);
/* All of data at that offset, in spite of short writes and EINTR. 0 or -errno. */
int io_pwrite_all(int fd, const void *data, size_t len, int64_t offset);
/* Like pread(2) without EINTR. */
ssize_t io_pread(int fd, void *buf, size_t len, int64_t offset);
/* fsync, once: after a failure the kernel may have dropped the data and the next call may lie. */
int io_sync(int fd);
/* Makes the entries of a folder durable; dirfd may be O_PATH. */
int io_sync_dir(int dirfd);
/* A subfolder, made when it is missing: really a folder (no link), ours, mode 0700.
 * Sets *ret_made when it was created (may be NULL). fd or -errno. */
int io_private_dir(int dirfd, const char *name, bool *ret_made);
/* A name beside which nothing else lies: PREFIX, 16 random hex digits, SUFFIX. */
void io_temp_name(const char *prefix, const char *suffix, char *out, size_t size);
/* Unlinks; a name that is gone already is fine. 0 or -errno. */
int io_unlink(int dirfd, const char *name);

#endif
