/* The mount: libfuse's low-level API over the library, virtual entries, noticing finished writes, and
 * the publisher process through which our own files appear. */
#ifndef YMAGO_FS_H
#define YMAGO_FS_H

#include <ymago/service.h>
#include <ymago/views.h>

/* ---- the publisher: started before the mount, before the journal is opened ---- */
struct ym_publisher;
/* posix_spawn of /proc/self/exe "__publisher": no inherited descriptor but its pipe, cwd "/". */
int ym_publisher_start(struct ym_publisher **ret, struct ym_err *e);
/* Its main function, in the child. Returns the exit code. */
int ym_publisher_main(int fd);
void ym_publisher_stop(struct ym_publisher *p); /* says good-bye, reaps */
/* The placer that goes through it; p outlives it. Until the mount is up, and after three deaths of the
 * child, it places silently by renames below the mount and invalidates. */
struct ym_placer ym_publisher_placer(struct ym_publisher *p);

/* ---- the mount ---- */
struct ym_fs;
struct ym_fs_parts { /* borrowed */
    const struct ym_store *store;
    struct ym_service *service;
    struct ym_publisher *publisher;
    const struct ym_driver *const *drivers;
    const char *mountpoint;      /* absolute */
    bool in_place;               /* mounted over the library itself */
    bool allow_other;
    const char *const *options;  /* further -o options for libfuse, NULL-terminated; may be NULL */
    void (*ready)(void *ctx);    /* INIT was answered: the mount works */
    void *ready_ctx;
};
/* A dead mount of ours at that place is cleaned first (type fuse.ymago, ENOTCONN only); a live one is -EBUSY. */
int ym_fs_clean_stale(const char *mountpoint, struct ym_err *e);
int ym_fs_new(const struct ym_fs_parts *p, struct ym_fs **ret, struct ym_err *e); /* mounts */
int ym_fs_loop(struct ym_fs *f);     /* multi-threaded; returns when unmounted or ym_fs_exit */
void ym_fs_exit(struct ym_fs *f);    /* any thread, signal-safe enough to be called from a signalfd thread */
void ym_fs_free(struct ym_fs *f);    /* unmounts (lazily when busy) */
/* `ymago umount`: fusermount3 -u, as the user. */
int ym_fs_umount(const char *mountpoint, bool lazy, struct ym_err *e);

#endif
