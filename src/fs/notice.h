/* Noticing what users do to files, and telling the engine. */
#ifndef FS_NOTICE_H
#define FS_NOTICE_H

#include "handle.h"
#include "session.h"

/* Process of a caller: requests carry the thread's number. 0 = unknown. Reads /proc: for creations
 * and opens only. */
pid_t notice_process(fuse_req_t req);
bool notice_is_publisher(fuse_req_t req);

/* A handle that may write was opened; false once its release has been told. */
void notice_opened(struct ym_fs *f, struct handle *h, pid_t process);
void notice_closed(struct ym_fs *f, struct handle *h);
/* The file's content changes through an open handle or by path. */
void notice_written(struct ym_fs *f, struct node *n);
void notice_emptied(struct ym_fs *f,
                    struct node *n); /* the same, by opening: what it held is safe */
void notice_node(struct ym_fs *f, struct node *n, enum ym_touch_what what, pid_t pid);
void notice_path(struct ym_fs *f, enum ym_touch_what what, const char *path, const char *path2,
                 pid_t pid, bool over, bool is_dir);

/* Before the content of a file is changed: paid bytes go to history first. Called without locks. 0
 * or -errno: the operation must not go on. */
int notice_before_write(struct ym_fs *f, struct node *n);
/* Before a name vanishes (unlink, rename over it). */
int notice_before_removal(struct ym_fs *f, const char *path);

#endif
