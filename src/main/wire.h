/* Building the program from its rooms, starting and stopping it, in order. */
#ifndef MAIN_WIRE_H
#define MAIN_WIRE_H

#include <ymago/fs.h>
#include <ymago/net.h>
#include <ymago/service.h>
#include "registry.h"


struct wire_wish {
    const char *library;      /* folder; absolute */
    const char *mountpoint;   /* absolute; NULL = an engine without a mount */
    bool create;              /* make the library if it is missing */
    bool allow_other;
    const char *const *options;
    struct ym_config_sources sources;
    bool log_to_stderr;
    bool paused;              /* sends nothing until told */
    void (*ready)(void *ctx, struct ym_service *s); /* the mount works; may be NULL */
    void *ready_ctx;
};

struct wire {                 /* everything that runs, in the order of its start */
    struct wire_wish wish;
    struct ym_store store;
    bool store_open;
    struct ym_publisher *publisher;
    struct ym_config *config;
    struct ym_journal *journal;
    struct ym_net *net;
    struct ym_pool *pool;
    struct ym_engine *engine;
    struct ym_service *service;
    struct ym_fs *fs;
    char socket[128];
    int log_fd;
    int64_t look_like_prompts; /* found before a first mount; -1 = not the first */
};

/* Locks the library, starts everything but the mount's loop. On failure all is taken down again.
 * -EBUSY (with who holds it) when another engine has the library. Never called before a fork whose
 * child would use it. */
int wire_start(const struct wire_wish *wish, struct wire **ret, struct ym_err *e);
/* The mount's loop; returns when it is unmounted or a signal asked for the end. */
int wire_loop(struct wire *w);
/* Drains what is paid for (at most `wait`), ends and frees everything. */
void wire_stop(struct wire *w, ym_dur wait);

/* mount.c: `ymago mount` in the background with a true "ready", or in the foreground. Exit code. */
int mount_run(const struct wire_wish *wish, bool foreground);

#endif
