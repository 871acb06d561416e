/* The user's side of the tests of src/fs: a daemon (fs_daemon.h) over a folder of its own, what it
 * told, and small file operations that fail the test when they fail. */
#ifndef TESTS_FS_RIG_H
#define TESTS_FS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cmocka.h> /* after those it relies on */

struct rig {
    char dir[64], lib[96], mnt[96];
    int sock;
    pid_t pid; /* of the daemon; 0 = ended */
    char *log; /* what it told, a line each */
    size_t len;
};

/* To be called first in main(): this program is also the daemon and its publisher. -1 = neither. */
int rig_main(int argc, char **argv);

int rig_in_place(void **state); /* cmocka setup */
int rig_apart(void **state);    /* library and mount point apart */
int rig_stop(void **state);     /* cmocka teardown: ends it as a service manager would */

/* Gives one command; returns its result. */
__attribute__((format(printf, 2, 3))) int rig_tell(struct rig *r, const char *fmt, ...);
/* Until it has told this line; fails after 10 s. */
void rig_wait(struct rig *r, const char *line);
int rig_count(struct rig *r,
              const char *line); /* lines told so far that are equal; takes in what is there */
int rig_count_prefix(struct rig *r, const char *prefix);
void rig_forget(struct rig *r); /* forgets what was told */
void rig_start(struct rig *r);
void rig_ask_end(struct rig *r); /* as SIGTERM would; rig_stop waits for it */
void rig_kill(struct rig *r);    /* kill -9, reaped */
bool rig_mounted(const struct rig *r);
void rig_until(bool (*is)(void *ctx), void *ctx); /* polls for at most 10 s */
pid_t rig_publisher(const struct rig *r);         /* the daemon's only child */

/* "MOUNT/rel"; a few are kept at a time. */
const char *at(const struct rig *r, const char *rel);
const char *below(const struct rig *r,
                  const char *rel);           /* "LIBRARY/rel": only when it lies apart */
void put(const char *path, const char *text); /* as `printf TEXT > PATH` */
char *get(const char *path);                  /* caller frees; NULL with errno */
void stage(struct rig *r, const char *name, const char *text); /* below, in staging */
/* As a person at a shell does, in the mount. */
void sh(struct rig *r, const char *script);

/* A watch on a folder: what happened in it since. */
int watch_new(const char *path);
char *watch_take(int fd); /* "MOVED_TO a.png\n..." until 200 ms pass without more; caller frees */

#endif
