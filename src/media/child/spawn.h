/* Between fork and exec. */
#ifndef YM_MEDIA_SPAWN_H
#define YM_MEDIA_SPAWN_H

#include "cage.h"

enum {
    SPAWN_FILES = 24,
    SPAWN_AS_MAX = 60, /* highest number a file may get there */
    SPAWN_SECCOMP = SPAWN_AS_MAX + 1,
    SPAWN_ARGS = 256,
};

struct spawn { /* made before the fork, so that the child only has to make system calls */
    const char *argv[BUBBLE_MAX + SPAWN_ARGS + 1];
    char number[16];
    char program[128];       /* "/usr/bin/ffmpeg" */
    int stdio[3];            /* borrowed */
    const struct ym_child_file *files;
    unsigned nfiles;
    int seccomp;             /* a file with the filter for bubblewrap, or -1 */
    int ruleset;             /* of Landlock, or -1 */
    struct sock_fprog filter;
    struct sock_filter code[FILTER_MAX];
    int64_t memory, file_size, cpu_seconds;
    bool land;
};

/* Starts it in a session of its own, so that kill(-pid) reaches all of it. The pid, or -errno. */
int spawn_start(const struct spawn *s);

#endif
