/* Bytes on disk: the library's state folder, staging, cloning, verifying, history objects.
 * Never asks what a file is for. All paths are relative to the descriptors held here; nothing is
 * reached by the library's visible path (it may be mounted over).
 *
 *   .ymago/            0700
 *     lock             OFD lock of the one engine; holds "PID\n"
 *     journal.db       SQLite
 *     staging/         ID.A.N.part while it is written, ID.A.N.whole when complete and durable;
 *                      object-*.part on the way to objects/. A .part found at the start is worthless.
 *     objects/ab/HEX.EXT   history: bytes by their BLAKE2b-256; 0400
 *     .gitignore "*", CACHEDIR.TAG, log, ballast */
#ifndef YMAGO_STORE_H
#define YMAGO_STORE_H

#include <sys/stat.h>
#include <ymago/base.h>

struct ym_store {          /* owned by whoever opened it; read-only after ym_store_open; any thread */
    int lib_fd;            /* O_RDONLY|O_DIRECTORY of the library, opened before any mount */
    int state_fd;          /* .ymago */
    int staging_fd, objects_fd;
    int lock_fd;           /* -1 when not locked */
    dev_t dev;             /* of the library */
    char *lib_path;        /* as the user gave it, made absolute; for messages only */
};

/* Opens (and with `create` makes) the library and its state folder. Modes are corrected to 0700/0600
 * or refused (-EPERM). -ENOENT when it is missing and create is false, -ENOTDIR, -EACCES. */
int ym_store_open(const char *path, bool create, struct ym_store *ret, struct ym_err *e);
void ym_store_close(struct ym_store *s);
/* Takes the lock of the library. -EBUSY with a sentence naming the holder's pid. Survives a fork (the
 * child keeps it when the parent exits): an open-file-description lock. */
int ym_store_lock(struct ym_store *s, struct ym_err *e);
/* pid of the holder, 0 when nobody holds it, -1 when it has not written its pid yet. Does not take it. */
pid_t ym_store_holder(const struct ym_store *s);
void ym_store_lock_write_pid(struct ym_store *s); /* after a fork */

/* Opens below the library without leaving it: openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS). path is relative, "" or "." is the library itself. fd or -errno. */
int ym_store_openat(const struct ym_store *s, const char *path, int flags, mode_t mode);
/* Opens the parent folder of path and gives its last component (into path). fd (O_PATH) or -errno. */
int ym_store_parent(const struct ym_store *s, const char *path, const char **ret_base);
/* A file is known by (inode, birth time), so that a reused inode number is not taken for it. */
struct ym_ident {
    uint64_t ino;
    int64_t btime_ns;
    int64_t size;
    int64_t mtime_ns;
};
int ym_store_ident(int dirfd, const char *path, struct ym_ident *ret); /* statx; never follows links; -errno */
int ym_store_ident_fd(int fd, struct ym_ident *ret);
bool ym_ident_same_file(const struct ym_ident *a, const struct ym_ident *b);  /* ino, btime */
bool ym_ident_unchanged(const struct ym_ident *a, const struct ym_ident *b);  /* and size, mtime */

/* ---- staging ---- */
struct ym_staging; /* one file being written; any one thread at a time */
/* name: "ID.A.N" without suffix (no '/'). expect: bytes to reserve by fallocate, 0 = unknown.
 * -ENOSPC (YM_LOCAL) before anything is written. A left-over .part of that name is truncated. */
int ym_staging_new(const struct ym_store *s, const char *name, int64_t expect,
                   struct ym_staging **ret, struct ym_err *e);
/* All of it or nothing: after -ENOSPC the same bytes may be written again when there is space. */
int ym_staging_write(struct ym_staging *st, const void *data, size_t len, struct ym_err *e);
int ym_staging_fd(const struct ym_staging *st);      /* borrowed, O_RDWR: for sniffing the head */
int64_t ym_staging_size(const struct ym_staging *st);
/* Somebody else wrote to the descriptor (a child process): the size is what the file has now. -errno. */
int ym_staging_written(struct ym_staging *st, struct ym_err *e);
void ym_staging_drop(struct ym_staging *st);         /* closes and removes the .part; NULL is fine */
struct ym_whole { /* a complete staged file */
    char name[96]; /* in staging/, with ".whole" */
    int64_t size;
    struct ym_digest b2;
};
/* Completes a staging file: digests it (reads it back from the page cache), fsyncs, renames .part to
 * .whole. The folder is fsynced when `sync_dir`.
 * @st     taken: closed in every case.
 * @expect bytes the sender promised, or -1; another length is -EBADMSG (YM_AMBIGUOUS), no trace left.
 * Returns 0 and *ret, or -errno with *e: ENOSPC/EDQUOT (YM_LOCAL), EIO (YM_BROKEN).
 * Any thread; blocks on disk. Durable once it returns 0 (with sync_dir); recovery finds it by name. */
int ym_staging_finish(struct ym_staging *st, int64_t expect, bool sync_dir, struct ym_whole *ret,
                      struct ym_err *e);
/* Names in staging/ with that suffix (".part", ".whole"), for recovery. Calls fn for each. */
int ym_staging_each(const struct ym_store *s, const char *suffix,
                    void (*fn)(void *ctx, const char *name), void *ctx);
int ym_staging_remove(const struct ym_store *s, const char *name);
int ym_staging_sync(const struct ym_store *s); /* fsync of the folder */

/* ---- objects: history and results without a place in the library ---- */
/* Puts bytes into objects/ under their digest; already there (and of that size) = 0 at once.
 * how: by hard link (the file will be unlinked or replaced), by clone (it will be written), or by
 * moving a staged file. ext like "png". fsynced with its folder. -errno with *e. */
int ym_object_put_fd(const struct ym_store *s, int fd, const struct ym_digest *b2, const char *ext, struct ym_err *e);
int ym_object_link(const struct ym_store *s, const char *lib_path, const struct ym_digest *b2, const char *ext, struct ym_err *e);
int ym_object_move(const struct ym_store *s, const char *staged, const struct ym_digest *b2, const char *ext, struct ym_err *e);
/* O_RDONLY descriptor of an object, or -ENOENT. */
int ym_object_open(const struct ym_store *s, const struct ym_digest *b2, const char *ext);
int ym_object_remove(const struct ym_store *s, const struct ym_digest *b2, const char *ext);

/* ---- copying and checking ---- */
/* Reflink if the file system can, else copy_file_range, else read/write. to_fd is empty. */
int ym_clone_fd(int from_fd, int to_fd, struct ym_err *e);
/* Digest of a whole file from offset 0. -EIO, -EINTR never. Any thread; blocks on disk. */
int ym_digest_fd(int fd, struct ym_digest *ret, int64_t *ret_size);
/* Writes a small file whole: temporary name (.ymago-*.tmp) beside it, fsync, rename, fsync of the
 * folder. name is one component; the mode is exact, whatever the umask. */
int ym_write_whole(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct ym_err *e);
/* Reads at most max bytes of a regular file; -EFBIG beyond, -EINVAL when not regular. Caller frees. */
int ym_read_whole(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len);
int ym_read_fd(int fd, size_t max, char **ret, size_t *ret_len);
/* Room to write the journal when the disk is full: a file of 4 MiB that can be given back. */
void ym_ballast_keep(const struct ym_store *s);
void ym_ballast_drop(const struct ym_store *s);
int64_t ym_store_free_bytes(const struct ym_store *s);

#endif
