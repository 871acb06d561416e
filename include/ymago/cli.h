/* The command line: subcommands, their arguments, what they print. What a command needs of the rest
 * of the program (an engine, a mount, the configuration) comes through a table of functions. */
#ifndef YMAGO_CLI_H
#define YMAGO_CLI_H

#include <ymago/config.h>
#include <ymago/driver.h>
#include <ymago/service.h>

struct ym_cli_common {                 /* what every command may be told; borrowed */
    const char *config_file;           /* --config, or NULL */
    const char *api_key_file;          /* --api-key-file, or NULL */
    const struct ym_secret *api_key;   /* --api-key, or NULL; already wiped from the arguments */
    /* This command only looks or takes a note: the engine that is started for it must send nothing
     * (it starts paused). What was noted is done by the next mount or run. */
    bool send_nothing;
};

struct ym_cli_mount {                  /* borrowed during the call */
    struct ym_cli_common common;
    const char *library, *mountpoint;  /* absolute; equal for a mount in place */
    bool foreground, allow_other;
    const char *const *options;        /* further -o options for libfuse, one each; NULL-terminated */
};

struct ym_cli_hooks {
    const struct ym_driver *const *drivers; /* of this program; NULL-terminated */
    /* `ymago mount`: says itself what is to be said. Returns the exit code. */
    int (*mount)(const struct ym_cli_mount *m);
    /* An engine in this process, without a mount, whose service is *ret until engine_end. create: make
     * the library if it is missing. -EBUSY when another process has it. Called with SIGINT, SIGTERM
     * and SIGHUP blocked, so that the engine's threads never see them. */
    int (*engine_start)(const struct ym_cli_common *c, const char *library, bool create,
                        struct ym_service **ret, void **handle, struct ym_err *e);
    void (*engine_end)(void *handle);  /* drains what is paid for; open calls are answered */
    /* The configuration of this call; the caller drops its reference. NULL with *e. May be called
     * before engine_start: keys that came from the environment must then still reach the engine. */
    struct ym_config *(*config_load)(const struct ym_cli_common *c, struct ym_err *e);
    /* dir is absolute; lazy: also while it is in use. -EBUSY. */
    int (*umount)(const char *dir, bool lazy, struct ym_err *e);
};

/* Does what the arguments say and returns the exit code (enum ym_exit). Call it once, first thing, on
 * the only thread: --api-key is wiped from argv before anything else happens. */
int ym_cli_main(int argc, char **argv, const struct ym_cli_hooks *h);

#endif
