#include "node.h"
#include "handle.h"
#include "virtual/virtual.h"

#define FIRST_BUCKETS 64

static struct node_name **name_bucket(const struct node_table *t, const struct node *parent,
                                      const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)parent;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return &t->by_name[(h ^ h >> 32) & t->name_mask];
}

static size_t ino_bucket(const struct node_table *t, uint64_t ino)
{
    return (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & t->ino_mask;
}

void node_table_init(struct node_table *t, const struct stat *root)
{
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
    /* Many readers must not starve a rename. No handler takes the lock twice. */
    pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->tree, &a);
    pthread_rwlockattr_destroy(&a);
    pthread_mutex_init(&t->lock, NULL);
    t->ino_mask = t->name_mask = FIRST_BUCKETS - 1;
    t->by_ino = ym_alloc_array(FIRST_BUCKETS, sizeof(struct node *));
    t->by_name = ym_alloc_array(FIRST_BUCKETS, sizeof(struct node_name *));
    t->ninos = t->nnames = 0;
    t->root = ym_alloc(sizeof(struct node));
    t->root->ino = root->st_ino;
    t->root->type = S_IFDIR;
    t->root->nlookup = 1;
}

static void node_free(struct node *n)
{
    virt_data_free(n->data);
    free(n);
}

static void ino_list(struct node_table *t, struct node *n);

static void handles_drop(struct node *n)
{
    for (struct handle *h; (h = n->handles);) {
        n->handles = h->next;
        ym_closep(&h->fd);
        snapshot_unref(h->text);
        free(h);
    }
}

void node_table_fini(struct node_table *t)
{
    if (!t->root)
        return;
    for (size_t i = 0; i <= t->name_mask; i++) {
        for (struct node_name *m = t->by_name[i], *next; m; m = next) {
            next = m->next_hash;
            if (m->node != t->root && !m->node->listed)
                ino_list(t, m->node); /* so that the second loop finds it */
            free(m);
        }
    }
    for (size_t i = 0; i <= t->ino_mask; i++) {
        for (struct node *n = t->by_ino[i], *next; n; n = next) {
            next = n->next_ino;
            handles_drop(n);
            node_free(n);
        }
    }
    free(t->by_name);
    free(t->by_ino);
    free(t->root);
    t->root = NULL;
    pthread_mutex_destroy(&t->lock);
    pthread_rwlock_destroy(&t->tree);
}

/* ---- the two hash tables; lock held ---- */

static void grow_inos(struct node_table *t)
{
    size_t old = t->ino_mask + 1;
    if (t->ninos < old)
        return;
    struct node **was = t->by_ino;
    t->ino_mask = old * 2 - 1;
    t->by_ino = ym_alloc_array(old * 2, sizeof(struct node *));
    for (size_t i = 0; i < old; i++) {
        for (struct node *n = was[i], *next; n; n = next) {
            next = n->next_ino;
            size_t b = ino_bucket(t, n->ino);
            n->next_ino = t->by_ino[b];
            t->by_ino[b] = n;
        }
    }
    free(was);
}

static void grow_names(struct node_table *t)
{
    size_t old = t->name_mask + 1;
    if (t->nnames < old)
        return;
    struct node_name **was = t->by_name;
    t->name_mask = old * 2 - 1;
    t->by_name = ym_alloc_array(old * 2, sizeof(struct node_name *));
    for (size_t i = 0; i < old; i++) {
        for (struct node_name *m = was[i], *next; m; m = next) {
            next = m->next_hash;
            struct node_name **at = name_bucket(t, m->parent, m->text);
            m->next_hash = *at;
            *at = m;
        }
    }
    free(was);
}

static void ino_list(struct node_table *t, struct node *n)
{
    grow_inos(t);
    size_t b = ino_bucket(t, n->ino);
    n->next_ino = t->by_ino[b];
    t->by_ino[b] = n;
    n->listed = true;
    t->ninos++;
}

static void ino_unlist(struct node_table *t, struct node *n)
{
    if (!n->listed)
        return;
    struct node **at = &t->by_ino[ino_bucket(t, n->ino)];
    while (*at != n)
        at = &(*at)->next_ino;
    *at = n->next_ino;
    n->listed = false;
    t->ninos--;
}

static struct node *ino_find(struct node_table *t, uint64_t ino)
{
    struct node *n = t->by_ino[ino_bucket(t, ino)];
    while (n && n->ino != ino)
        n = n->next_ino;
    return n;
}

static struct node_name *name_find(struct node_table *t, const struct node *parent,
                                   const char *name)
{
    struct node_name *m = *name_bucket(t, parent, name);
    while (m && (m->parent != parent || strcmp(m->text, name) != 0))
        m = m->next_hash;
    return m;
}

/* Frees a node that nobody refers to any more, and then perhaps its parents. */
static void node_settle(struct node_table *t, struct node *n);

static void name_drop(struct node_table *t, struct node_name *m)
{
    struct node_name **at = name_bucket(t, m->parent, m->text);
    while (*at != m)
        at = &(*at)->next_hash;
    *at = m->next_hash;
    at = &m->node->names;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    t->nnames--;
    struct node *n = m->node, *parent = m->parent;
    free(m);
    /* Without a name and a handle its number may be given to another file at any time. */
    if (!n->names && !n->handles)
        ino_unlist(t, n);
    parent->children--;
    node_settle(t, parent);
}

static void name_add(struct node_table *t, struct node *n, struct node *parent, const char *name)
{
    grow_names(t);
    size_t len = strlen(name);
    struct node_name *m = ym_alloc(sizeof(*m) + len + 1);
    memcpy(m->text, name, len + 1);
    m->node = n;
    m->parent = parent;
    parent->children++;
    m->next = n->names;
    n->names = m;
    struct node_name **at = name_bucket(t, parent, name);
    m->next_hash = *at;
    *at = m;
    t->nnames++;
}

static void node_settle(struct node_table *t, struct node *n)
{
    if (n == t->root || n->nlookup || n->children || n->handles)
        return;
    while (n->names) /* a chain of parents, as deep as the folder */
        name_drop(t, n->names);
    ino_unlist(t, n);
    node_free(n);
}

/* ---- what handlers call ---- */

static bool node_is(const struct node *n, int64_t btime_ns, mode_t mode, const struct virt *virt)
{
    return n->btime_ns == btime_ns && n->type == (mode & S_IFMT) && n->virt == virt;
}

struct node *node_bind(struct node_table *t, struct node *parent, const char *name, uint64_t ino,
                       int64_t btime_ns, mode_t mode, const struct virt *virt)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = ino_find(t, ino);
    if (n && !node_is(n, btime_ns, mode, virt)) {
        ino_unlist(t, n); /* the number was given to another file */
        n = NULL;
    }
    if (!n) {
        n = ym_alloc(sizeof(*n));
        n->ino = ino;
        n->btime_ns = btime_ns;
        n->type = mode & S_IFMT;
        n->virt = virt;
        ino_list(t, n);
    }
    n->nlookup++;
    struct node_name *m = name_find(t, parent, name);
    if (m && m->node != n) {
        struct node *old = m->node;
        name_drop(t, m);
        node_settle(t, old);
        m = NULL;
    }
    if (!m) {
        /* A folder has one name; an older one is gone although nobody told us. */
        while (n->names && (S_ISDIR(n->type) || virt)) {
            name_drop(t, n->names);
            if (!n->listed)
                ino_list(t, n);
        }
        name_add(t, n, parent, name);
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

static void unbind(struct node_table *t, struct node *parent, const char *name)
{
    struct node_name *m = name_find(t, parent, name);
    if (!m)
        return;
    struct node *n = m->node;
    name_drop(t, m);
    node_settle(t, n);
}

void node_unbind(struct node_table *t, struct node *parent, const char *name)
{
    pthread_mutex_lock(&t->lock);
    unbind(t, parent, name);
    pthread_mutex_unlock(&t->lock);
}

void node_move(struct node_table *t, struct node *from, const char *name, struct node *to,
               const char *newname)
{
    pthread_mutex_lock(&t->lock);
    struct node_name *m = name_find(t, from, name);
    if (!m) {
        unbind(t, to, newname);
    } else if (from != to || strcmp(name, newname) != 0) {
        struct node *n = m->node;
        n->nlookup++; /* holds it while it has no name */
        unbind(t, to, newname);
        name_add(t, n, to, newname);
        name_drop(t, m);
        n->nlookup--;
    }
    pthread_mutex_unlock(&t->lock);
}

void node_exchange(struct node_table *t, struct node *a, const char *name, struct node *b,
                   const char *newname)
{
    pthread_mutex_lock(&t->lock);
    struct node_name *ma = name_find(t, a, name), *mb = name_find(t, b, newname);
    struct node *na = ma ? ma->node : NULL, *nb = mb ? mb->node : NULL;
    if (na != nb) {
        /* Add first, drop second: neither is ever without a name. */
        if (na)
            name_add(t, na, b, newname);
        if (nb)
            name_add(t, nb, a, name);
        if (ma)
            name_drop(t, ma);
        if (mb)
            name_drop(t, mb);
    }
    pthread_mutex_unlock(&t->lock);
}

void node_forget(struct node_table *t, struct node *n, uint64_t count)
{
    if (n == t->root)
        return;
    pthread_mutex_lock(&t->lock);
    ym_assert(n->nlookup >= count);
    n->nlookup -= count;
    node_settle(t, n);
    pthread_mutex_unlock(&t->lock);
}

void node_add_handle(struct node_table *t, struct node *n, struct handle *h)
{
    pthread_mutex_lock(&t->lock);
    h->node = n;
    h->next = n->handles;
    n->handles = h;
    pthread_mutex_unlock(&t->lock);
}

void node_remove_handle(struct node_table *t, struct handle *h)
{
    struct node *n = h->node;
    pthread_mutex_lock(&t->lock);
    struct handle **at = &n->handles;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    if (!n->handles && !n->names && n != t->root)
        ino_unlist(t, n); /* the last hold on a file without a name: its number is free now */
    node_settle(t, n);
    pthread_mutex_unlock(&t->lock);
}

/* ---- paths ---- */

static char *path_of_name(struct node_table *t, const struct node *parent, const char *name)
{
    size_t len = strlen(name);
    for (const struct node *p = parent; p != t->root; p = p->names->parent) {
        if (!p->names)
            return NULL; /* in a folder that was removed */
        len += strlen(p->names->text) + 1;
    }
    char *path = ym_alloc(len + 1), *end = path + len;
    size_t l = strlen(name);
    memcpy(end -= l, name, l);
    for (const struct node *p = parent; p != t->root; p = p->names->parent) {
        *--end = '/';
        l = strlen(p->names->text);
        memcpy(end -= l, p->names->text, l);
    }
    return path;
}

char *node_child_path(struct node_table *t, struct node *parent, const char *name)
{
    pthread_mutex_lock(&t->lock);
    char *p = path_of_name(t, parent, name);
    pthread_mutex_unlock(&t->lock);
    return p;
}

char *node_path(struct node_table *t, struct node *n)
{
    pthread_mutex_lock(&t->lock);
    char *p = NULL;
    if (n == t->root)
        p = ym_strdup("");
    else if (n->names)
        p = path_of_name(t, n->names->parent, n->names->text);
    pthread_mutex_unlock(&t->lock);
    return p;
}

char **node_paths(struct node_table *t, struct node *n)
{
    pthread_mutex_lock(&t->lock);
    size_t count = 0, used = 0;
    for (struct node_name *m = n->names; m; m = m->next)
        count++;
    char **all = ym_alloc_array(count + 1, sizeof(char *));
    for (struct node_name *m = n->names; m; m = m->next) {
        char *p = path_of_name(t, m->parent, m->text);
        if (p)
            all[used++] = p;
    }
    pthread_mutex_unlock(&t->lock);
    return all;
}

void node_paths_free(char **paths)
{
    for (char **p = paths; p && *p; p++)
        free(*p);
    free(paths);
}

struct node *node_find(struct node_table *t, const char *path)
{
    YM_AUTOFREE char *copy = ym_strdup(path);
    pthread_mutex_lock(&t->lock);
    struct node *n = t->root;
    char *save = NULL;
    for (char *c = strtok_r(copy, "/", &save); c && n; c = strtok_r(NULL, "/", &save)) {
        struct node_name *m = name_find(t, n, c);
        n = m ? m->node : NULL;
    }
    if (n)
        n->nlookup++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

bool node_writes(struct node_table *t, uint64_t ino, uint32_t *ret_generation,
                 uint32_t *ret_writers)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = ino_find(t, ino);
    if (n) {
        *ret_generation = n->generation;
        *ret_writers = n->writers;
    }
    pthread_mutex_unlock(&t->lock);
    return n != NULL;
}
