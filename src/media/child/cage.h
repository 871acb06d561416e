/* The cage of child processes: what may be seen and called in it. */
#ifndef YM_MEDIA_CAGE_H
#define YM_MEDIA_CAGE_H

#include <linux/filter.h>
#include <ymago/media.h>

enum cage {
    CAGE_NONE,
    CAGE_BUBBLE, /* bubblewrap: its own tree, processes and (no) network */
    CAGE_LAND,   /* Landlock; the filter forbids the network and looking at other processes */
};

/* The best one that works here. Tried once and remembered; CAGE_NONE is not remembered. Any thread. */
enum cage cage_find(void);
/* For tests: what is found from now on; CAGE_NONE = look again. */
void cage_force(enum cage c);

/* The system calls that a child may make, as a program for the kernel: nothing that starts another process,
 * opens a socket, looks at or signals others, or changes names and attributes of files. `writes`: files
 * may be opened for writing. Returns the length, 0 when it is not known for this processor. */
enum { FILTER_MAX = 420 };
size_t filter_make(struct sock_filter out[static FILTER_MAX], bool writes);

/* A Landlock rule set that lets read and run what is below /usr and reopen the files, each as far as it is
 * open already. A descriptor, or -errno. */
int land_ruleset(const struct ym_child *c);
int land_abi(void); /* 0 = this kernel has none */

/* The command line of bubblewrap, up to and with "--"; `seccomp` is the number there of a file with the
 * filter. NULL-terminated; returns its length. */
enum { BUBBLE_MAX = 48 };
size_t bubble_argv(const char *out[static BUBBLE_MAX], int seccomp, char number[static 16]);

#endif
