/* What the files of the command line share. */
#ifndef CLI_PRIVATE_H
#define CLI_PRIVATE_H

#include <sys/stat.h>
#include <ymago/cli.h>

#include "args.h"

struct cli {
    const struct ym_cli_hooks *h;
    struct args a;
    struct ym_cli_common common;
    char *cwd;             /* never NULL */
    char *config_file, *api_key_file; /* absolute; in common */
    mode_t umask;          /* as the caller's shell has it: an engine in this process changes it */
    bool json;
    bool colour;           /* standard error is a terminal that wants colours */
    bool live;             /* standard error is a terminal: one line is drawn over and over */
    char *shown;           /* the progress text that was shown last */
};

/* ---- table.c: the commands ---- */
extern const struct opt common_opts[];
const struct cmd *cmd_at(size_t i);             /* NULL past the end; verbs of the service come last */
const struct cmd *cmd_find(const char *name);
/* The command that the first operand names, or the form of mount(8). */
const struct cmd *cmd_of_word(const char *word, bool *ret_keep, struct ym_err *e);
extern const struct cmd cmd_mount_helper;       /* mount.ymago SPEC DIR -o OPTIONS */

/* ---- the commands' functions ---- */
int cmd_mount(struct cli *c);
int cmd_mount_form(struct cli *c);
int cmd_umount(struct cli *c);
int cmd_run(struct cli *c);
int cmd_make(struct cli *c);                    /* image, video, audio, sfx, text */
int cmd_models(struct cli *c);
int cmd_status(struct cli *c);
int cmd_wait(struct cli *c);
int cmd_verb(struct cli *c);                    /* any verb of the service */
int cmd_config(struct cli *c);
int cmd_version(struct cli *c);
int cmd_help(struct cli *c);
int cmd_completion(struct cli *c);

/* ---- help.c ---- */
void help_overview(FILE *f);
void help_command(FILE *f, const struct cmd *cmd);

/* ---- out.c: results go to standard output, everything else to standard error ---- */
void out_init(struct cli *c);
/* Says the error (or prints it as the one object of --json); returns its exit code. */
int out_fail(struct cli *c, const struct ym_err *e);
__attribute__((format(printf, 2, 3))) void out_warn(struct cli *c, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void out_note(struct cli *c, const char *fmt, ...); /* not with --json */
/* What goes on, in a few words: drawn over on a terminal, else a line when it changed. "" ends it. */
void out_progress(struct cli *c, const char *text);
/* One line of a result: as it is, for programs; with control characters escaped on a terminal. */
void out_line(const char *text);
void out_text(const char *text);                /* lines that may hold anything: escaped */
/* The text of a `status` answer, without the mark that tells files of the mount from a user's. Borrowed. */
const char *status_text(const cJSON *answer);
/* Prints o with "ok" and "exit" added, when --json was given; takes it. Returns exit. */
int out_json(struct cli *c, cJSON *o, int exit);

/* ---- library.c ---- */
struct where {
    char *library;        /* absolute */
    char *mountpoint;     /* where it is mounted now, as far as its status says; NULL = not known */
    char *socket;         /* NULL = to be derived */
    bool given;           /* by --library or as an operand */
    bool fallback;        /* the one of this user, since no other was found */
};
/* The library: --library (or dir), else the nearest parent of `near` (a path, or NULL) or of the
 * current folder that has .ymago/, else $XDG_DATA_HOME/ymago. -EPERM when a library found by looking
 * upwards belongs to somebody else. */
int where_find(const struct cli *c, const char *dir, const char *near, struct where *ret, struct ym_err *e);
void where_fini(struct where *w);
/* What a verb may be told of an operand: a path relative to the library, or a job id. Caller frees. */
int where_target(const struct cli *c, const struct where *w, const char *operand, char **ret, struct ym_err *e);
/* The path under which a person sees a file of the library. Caller frees. */
char *where_show(const struct where *w, const char *rel);

/* ---- session.c: one way to call a verb, whoever runs the engine ---- */
enum { SESSION_HOLDER = 1, SESSION_CREATE = 2, SESSION_QUIET = 4 };
struct session {
    struct cli *c;
    const struct where *w;
    char socket[128];
    struct ym_service *local; /* the engine is in this process; NULL = somebody else's */
    void *handle;
};
/* HOLDER: only when somebody runs an engine already. CREATE: make the library. QUIET: an engine that
 * is started here sends nothing. From here on SIGINT, SIGTERM and SIGHUP end waiting. */
int session_open(struct cli *c, const struct where *w, unsigned flags, struct session *ret, struct ym_err *e);
void session_close(struct session *s);

struct call; /* a request on its way */
struct call *call_begin(struct session *s, cJSON *request); /* takes the request */
/* Waits until one of them is answered: its index, -ETIME after `ms` (-1 = none), -EINTR when the user
 * wants to end (then and ever after). NULL entries are skipped. */
int calls_wait(struct call *const *c, size_t n, int ms);
/* The answer of one that is there; frees c. Refusals become an error. ret_fd may be NULL. */
int call_end(struct call *c, cJSON **ret, int *ret_fd, struct ym_err *e);
void call_leave(struct call *c); /* the answer is not wanted any more; NULL is fine */
/* All of it. A second limit (-1 = none) in ms: -ETIMEDOUT. */
int session_call(struct session *s, cJSON *request, int ms, cJSON **ret, int *ret_fd, struct ym_err *e);
/* Waiting may go on for a last round of calls (cancelling) after the user wanted to end. */
void interrupt_forget(void);
cJSON *request_new(const char *verb, const char *path); /* path may be NULL */

/* ---- outcome.c: exit codes (pure) ---- */
int exit_of_state(const char *state, enum ym_class cls);
int exit_join(int a, int b);

#endif
