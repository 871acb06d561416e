/* A file system of a given size, in a mount namespace of this process: it vanishes with it. */
#ifndef YM_TESTS_TINYFS_H
#define YM_TESTS_TINYFS_H

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

/* false when this may not be done here (needs root). */
static inline bool tinyfs_mount(const char *dir, const char *options)
{
    static bool entered;
    if (!entered && (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
                     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return false;
    entered = true;
    return mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

#define TINYFS_SKIP()                                                                              \
    do {                                                                                           \
        print_message("skipped: a tmpfs of our own can only be mounted by root\n");                \
        skip();                                                                                    \
    } while (0)

#endif
