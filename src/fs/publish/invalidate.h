/* The notifier: the one thread that calls fuse_lowlevel_notify_*, which can deadlock anywhere else.
 */
#ifndef FS_INVALIDATE_H
#define FS_INVALIDATE_H

#include "session.h"

struct notifier *notifier_new(struct ym_fs *f);
void notifier_free(struct notifier *n); /* ends the thread; what waits is dropped */
/* A path changed below the mount: forgets the name, and what is cached of its folder. Any thread.
 */
void notifier_path(struct ym_fs *f, const char *path);
/* Streams have something to give. Any thread; cheap to call often. */
void notifier_pump(struct ym_fs *f);
/* INIT was received: tells whoever waits for it. */
void notifier_ready(struct ym_fs *f);
/* Unmounts, and ends the loop also when that cannot be. */
void notifier_stop_loop(struct ym_fs *f);

#endif
