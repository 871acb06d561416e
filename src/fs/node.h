/* The files the kernel knows: one node for each, whatever its names. Paths are built from parent
 * and name, so that the rename of a folder moves all that lies below it at once. */
#ifndef FS_NODE_H
#define FS_NODE_H

#include <pthread.h>
#include <sys/stat.h>
#include <ymago/store.h>

struct virt;
struct virt_data;
struct handle;
struct node;

struct node_name { /* one hard link */
    struct node_name *next_hash;
    struct node_name *next; /* of the same node */
    struct node *node, *parent;
    char text[];
};

struct node {
    struct node *next_ino;
    struct node_name *names; /* NULL: unlinked; it lives on through its handles */
    struct handle *handles;  /* open ones, for unlinked files */
    const struct virt *virt; /* NULL = a file of the library */
    struct virt_data *data;  /* of a virtual one */
    uint64_t ino;            /* as shown; virtual ones have the highest bit set */
    int64_t btime_ns;        /* with ino: which file it is */
    uint64_t nlookup;        /* references the kernel holds */
    uint32_t children;       /* names whose parent it is */
    uint32_t generation;     /* counts writes and truncations */
    uint32_t writers;        /* open for writing */
    pid_t writer;            /* process of the first of them */
    mode_t type;             /* S_IFMT bits */
    bool listed;             /* found by ino */
    bool dirty;              /* written since its first writer opened it */
    bool preserved;          /* its paid bytes are safe, for as long as it stays open */
};

struct node_table {
    /* Who uses a path below the library holds it for reading, who changes names for writing. Taken
     * before `lock` and before every other lock of this room. */
    pthread_rwlock_t tree;
    pthread_mutex_t lock; /* guards everything below and inside the nodes */
    struct node **by_ino;
    struct node_name **by_name;
    size_t ino_mask, name_mask, ninos, nnames;
    struct node *root;
};

#define NODE_VIRTUAL (UINT64_C(1) << 63)

void node_table_init(struct node_table *t, const struct stat *root);
void node_table_fini(struct node_table *t); /* also closes what is still open */

/* Binds a name to the file that lies there now, and counts one lookup. The parent's own lookup
 * keeps it alive meanwhile. virt: NULL for a file of the library. */
struct node *node_bind(struct node_table *t, struct node *parent, const char *name, uint64_t ino,
                       int64_t btime_ns, mode_t mode, const struct virt *virt);
void node_unbind(struct node_table *t, struct node *parent, const char *name);
void node_move(struct node_table *t, struct node *from, const char *name, struct node *to,
               const char *newname);
void node_exchange(struct node_table *t, struct node *a, const char *name, struct node *b,
                   const char *newname);
void node_forget(struct node_table *t, struct node *n, uint64_t count);

/* An open handle keeps its node, and lets an unlinked file be reached. The second frees nothing of
 * h. */
void node_add_handle(struct node_table *t, struct node *n, struct handle *h);
void node_remove_handle(struct node_table *t, struct handle *h);

/* The path relative to the library ("" for the root); NULL when it has no name. Caller frees. */
char *node_path(struct node_table *t, struct node *n);
char *node_child_path(struct node_table *t, struct node *parent, const char *name);
/* Every path of a node, NULL-terminated; caller frees each and the array. */
char **node_paths(struct node_table *t, struct node *n);
void node_paths_free(char **paths);
/* The node that the kernel knows under a path, or NULL; its nlookup is counted up: node_forget it.
 */
struct node *node_find(struct node_table *t, const char *path);
/* What the publisher's checks need to know about a file; false when the kernel does not know it. */
bool node_writes(struct node_table *t, uint64_t ino, uint32_t *ret_generation,
                 uint32_t *ret_writers);

#endif
