/* The mount's own state, shared by all handlers of this room. */
#ifndef FS_SESSION_H
#define FS_SESSION_H

#define FUSE_USE_VERSION 312
#include "node.h"
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <ymago/fs.h>

struct notifier;
struct streams;

#define LONG_TIMEOUT 60.0 /* names change only through the mount: the kernel may remember */
#define TEXT_TIMEOUT 1.0  /* attributes of texts that change by themselves */

struct hidden { /* virtual entries that the user deleted: .ymago/hidden, one path a line */
    pthread_mutex_t lock;
    char *text;
    struct timespec mtime;
    off_t size;
};

struct ym_fs {
    const struct ym_store *store;
    struct ym_service *service;
    struct ym_engine *engine;
    struct ym_publisher *publisher;
    const struct ym_driver *const *drivers;
    char *mountpoint;
    bool in_place, allow_other;
    bool root; /* may give files to their creators */
    uid_t uid;
    gid_t gid;
    dev_t dev; /* of the mount */
    struct node_table nodes;
    struct notifier *notifier;
    struct streams *streams;
    struct hidden hidden;
    struct timespec started;
    void (*ready)(void *ctx);
    void *ready_ctx;

    struct fuse_session *se;
    bool mounted;
    pthread_mutex_t loop_lock; /* guards the next three */
    pthread_cond_t loop_ended;
    bool looping;
    pthread_t loop_thread;
    atomic_bool exiting;
};

static inline struct ym_fs *fs_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

static inline struct node *node_of(struct ym_fs *f, fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? f->nodes.root : (struct node *)(uintptr_t)ino;
}

static inline fuse_ino_t ino_of(const struct ym_fs *f, const struct node *n)
{
    return n == f->nodes.root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)n;
}

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
    return (struct handle *)(uintptr_t)fi->fh;
}

#endif
