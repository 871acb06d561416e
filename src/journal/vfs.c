/* Two things SQLite does that do not fit here.
 *
 * It makes every path absolute and follows the links in it, so /proc/self/fd/N/journal.db would become
 * the library's visible path, which is mounted over: later opens would go through our own mount, and it
 * could not be unmounted. This VFS leaves the path as it is.
 *
 * And it writes a transaction to the log in two small pieces a page. Here they are gathered and written
 * in one call when the log is synced; before that nobody else looks at them, since a commit is
 * announced only after its sync (synchronous = FULL). */
#include <pthread.h>
#include <string.h>

#include "sql.h"

const char vfs_name[] = "ymago";

static sqlite3_vfs ours;
static const sqlite3_vfs *plain;
static int registered;

static int path_unchanged(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    int n = snprintf(out, (size_t)size, "%s", name);
    return n < 0 || n >= size ? SQLITE_CANTOPEN : SQLITE_OK;
}

/* ---- the log ---- */

enum { GATHER_MAX = 128 * 1024 };

/* Lies behind the file of the default VFS, whose methods are copied and partly replaced. */
struct log {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real;
    sqlite3_int64 at; /* where `data` belongs */
    int len;
    char *data;
};

static size_t log_offset(void)
{
    return ((size_t)plain->szOsFile + 15) & ~(size_t)15;
}

static struct log *log_of(sqlite3_file *f)
{
    return (struct log *)(void *)((char *)f + log_offset());
}

static int log_flush(sqlite3_file *f, struct log *l)
{
    int len = l->len;
    l->len = 0; /* also when it fails: SQLite gives the transaction up then */
    return len > 0 ? l->real->xWrite(f, l->data, len, l->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    struct log *l = log_of(f);
    if (l->len > 0 && (at != l->at + l->len || l->len + len > GATHER_MAX)) {
        int rc = log_flush(f, l);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (len > GATHER_MAX)
        return l->real->xWrite(f, data, len, at);
    if (!l->data)
        l->data = ym_alloc(GATHER_MAX);
    if (l->len == 0)
        l->at = at;
    memcpy(l->data + l->len, data, (size_t)len);
    l->len += len;
    return SQLITE_OK;
}

static int log_sync(sqlite3_file *f, int flags)
{
    struct log *l = log_of(f);
    int rc = log_flush(f, l);
    return rc != SQLITE_OK ? rc : l->real->xSync(f, flags);
}

static int log_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
    struct log *l = log_of(f);
    int rc = log_flush(f, l);
    return rc != SQLITE_OK ? rc : l->real->xRead(f, data, len, at);
}

static int log_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    struct log *l = log_of(f);
    int rc = log_flush(f, l);
    return rc != SQLITE_OK ? rc : l->real->xFileSize(f, ret);
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct log *l = log_of(f);
    int rc = log_flush(f, l);
    return rc != SQLITE_OK ? rc : l->real->xTruncate(f, size);
}

static int log_close(sqlite3_file *f)
{
    struct log *l = log_of(f);
    int rc = log_flush(f, l);
    free(ym_steal(&l->data));
    int closed = l->real->xClose(f);
    return rc != SQLITE_OK ? rc : closed;
}

static void log_wrap(sqlite3_file *f)
{
    struct log *l = log_of(f);
    *l = (struct log){.methods = *f->pMethods, .real = f->pMethods};
    l->methods.iVersion = 2; /* 3 would hand out mapped pages past us */
    l->methods.xWrite = log_write;
    l->methods.xSync = log_sync;
    l->methods.xRead = log_read;
    l->methods.xFileSize = log_size;
    l->methods.xTruncate = log_truncate;
    l->methods.xClose = log_close;
    f->pMethods = &l->methods;
}

static int file_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    int rc = plain->xOpen(vfs, name, f, flags, ret_flags);
    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) && f->pMethods)
        log_wrap(f);
    return rc;
}

/* ---- registration ---- */

static void register_once(void)
{
    /* Nobody asks SQLite how much it has allocated; counting would take a lock each time. Refused
     * when SQLite is in use already, which does no harm. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    registered = sqlite3_initialize();
    if (registered != SQLITE_OK)
        return;
    plain = sqlite3_vfs_find(NULL);
    if (!plain) {
        registered = SQLITE_ERROR;
        return;
    }
    ours = *plain;
    ours.pNext = NULL;
    ours.zName = vfs_name;
    ours.szOsFile = (int)(log_offset() + sizeof(struct log));
    ours.xOpen = file_open;
    ours.xFullPathname = path_unchanged;
    registered = sqlite3_vfs_register(&ours, 0);
}

int vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return registered;
}
