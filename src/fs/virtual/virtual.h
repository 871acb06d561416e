/* Nodes of virtual entries: their attributes, and the texts they show. */
#ifndef FS_VIRTUAL_H
#define FS_VIRTUAL_H

#include "handle.h"
#include "session.h"
#include "tree.h"

/* A rendered text. It does not change: who opened it reads one version to the end. */
struct snapshot {
    atomic_uint refs;
    struct timespec mtime; /* when the text was last another */
    size_t len;
    char text[];
};
void snapshot_unref(struct snapshot *s);

struct virt_data {
    char *arg;             /* what the star of its path stands for */
    struct snapshot *text; /* the last one shown; guarded by the node table's lock */
};
void virt_data_free(struct virt_data *d);

/* The entry of a virtual folder; one lookup is counted. -ENOENT. No tree lock is needed. */
int virt_lookup(struct ym_fs *f, struct node *folder, const char *name, struct node **ret);
/* An entry beside the files of the library: a row of the table by path, or a note of the journal's.
 */
int virt_lookup_beside(struct ym_fs *f, struct node *folder, const char *name, const char *path,
                       struct node **ret);
/* Calls fn for each entry of a folder of the library ("" = the root) that is listed without lying there. */
void virt_each_beside(struct ym_fs *f, const char *folder, void (*fn)(void *ctx, const struct virt *v, const char *name),
                      void *ctx);
/* A folder is about to be listed. Never blocks. */
void virt_opened(struct ym_fs *f, const struct virt *v);
/* Renders anew where there is something to render. */
int virt_getattr(struct ym_fs *f, struct node *n, struct stat *ret);
/* Has this job something to show there (a result, a preview)? Else it is not listed. */
bool virt_is_there(struct ym_fs *f, const struct virt *v, const char *job);
double virt_timeout(const struct node *n);
/* The text that was last shown, referenced. */
int virt_text(struct ym_fs *f, struct node *n, struct snapshot **ret);
/* Whether the file at `place`, found at `path`, is a copy of a text we generate. */
bool virt_is_our_copy(const struct virt *v, int dir, const char *base);

/* ---- entries the user deleted (control.c) ---- */
void hidden_init(struct hidden *h);
void hidden_fini(struct hidden *h);
bool hidden_has(struct ym_fs *f, const char *path);
int hidden_add(struct ym_fs *f, const char *path);

/* ---- handles (control.c) ---- */
void virt_open(fuse_req_t req, struct node *n, struct fuse_file_info *fi);
void virt_read(fuse_req_t req, struct handle *h, size_t size, off_t off, bool waits);
void virt_write(fuse_req_t req, struct handle *h, const char *line, size_t len);
void virt_release(struct ym_fs *f, struct handle *h);

#endif
