/* SQLite makes every path absolute and follows the links in it, so /proc/self/fd/N/journal.db would
 * become the library's visible path, which is mounted over: later opens would go through our own
 * mount, and it could not be unmounted. This VFS leaves the path as it is. */
#include <pthread.h>
#include <string.h>

#include "sql.h"

const char vfs_name[] = "ymago";

static int path_unchanged(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    int n = snprintf(out, (size_t)size, "%s", name);
    return n < 0 || n >= size ? SQLITE_CANTOPEN : SQLITE_OK;
}

static sqlite3_vfs ours;
static int registered;

static void register_once(void)
{
    /* Nobody asks SQLite how much it has allocated; counting would take a lock each time. Refused
     * when SQLite is in use already, which does no harm. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    registered = sqlite3_initialize();
    if (registered != SQLITE_OK)
        return;
    const sqlite3_vfs *plain = sqlite3_vfs_find(NULL);
    if (!plain) {
        registered = SQLITE_ERROR;
        return;
    }
    ours = *plain;
    ours.pNext = NULL;
    ours.zName = vfs_name;
    ours.xFullPathname = path_unchanged;
    registered = sqlite3_vfs_register(&ours, 0);
}

int vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return registered;
}
