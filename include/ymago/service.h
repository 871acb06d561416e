/* The verbs that both front ends share, over one protocol: one JSON object a line each way. */
#ifndef YMAGO_SERVICE_H
#define YMAGO_SERVICE_H

#include <ymago/engine.h>

struct ym_service;
struct ym_service_parts { /* borrowed */
    struct ym_engine *engine;
    const struct ym_store *store;
    /* Loads the configuration again, for `reload`; NULL = not possible. */
    struct ym_config *(*reload)(void *ctx, struct ym_err *e);
    void *reload_ctx;
    /* Text of a working note (ym_view_working; views is a room of equal rank). NULL = no such notes. */
    int (*working)(const struct ym_job_row *r, int64_t position, int64_t eta_s, const struct ym_live *l, struct ym_buf *out);
    /* Text for `status` ({"text":...} and the machine form). */
    int (*status_text)(const struct ym_status *s, struct ym_buf *out);
    int (*status_json)(const struct ym_status *s, struct ym_buf *out);
    /* JSON for `models`; want: a provider, a model, or NULL (ym_view_models). */
    int (*models)(struct ym_engine *e, const char *want, struct ym_buf *out);
};
int ym_service_new(const struct ym_service_parts *p, struct ym_service **ret, struct ym_err *e);
void ym_service_free(struct ym_service *s);

/* ---- verbs ---- */
struct ym_verb {
    const char *name;
    const char *args;    /* "P", "P [USD]", "" : for help and for the one-line form */
    bool in_ctl;         /* may be written to .ymago/ctl */
    const char *help;
};
const struct ym_verb *ym_verb_at(size_t i); /* row i of the one table; NULL past its end */

struct ym_caller { uid_t uid; gid_t gid; pid_t pid; };
/* {"verb":"again","path":"images/a.txt", ...} -> reply(ctx, {"ok":true,...} or {"ok":false,"error":
 * "sentence","class":"invalid","exit":N}, fd or -1). reply comes once, from any thread; fd (a result's
 * bytes) is borrowed during the call. request is borrowed. Any thread. */
void ym_service_call(struct ym_service *s, const struct ym_caller *who, const cJSON *request,
                     void (*reply)(void *ctx, const cJSON *answer, int fd), void *ctx);
/* One line of .ymago/ctl: "pause", "again images/a.txt", "approve x 20". Waits for the engine (bounded,
 * 10 s). -EINVAL with a sentence when it is not understood or refused. */
int ym_service_line(struct ym_service *s, const struct ym_caller *who, const char *line, size_t len, struct ym_err *e);

/* ---- what files show; any thread, blocks at most on a journal read ---- */
struct ym_file_state {
    bool known;            /* a prompt or result the journal knows, or one that is settling */
    char state[16];        /* seen settling queued running held done failed unknown cancelled */
    char detail[224], error[224], model[96], url[256], hash[65];
    double progress;       /* negative = unknown */
    int64_t position, eta_s; /* -1 = unknown */
    int64_t seed;          /* -1 = random */
    ym_money cost;
    int version;
    char job[YM_ID_LEN + 1];
    char mime[64];         /* of a result */
    char *prompt;          /* caller frees */
    char *tags;            /* comma list or NULL; caller frees */
};
void ym_service_state(struct ym_service *s, const char *path, struct ym_file_state *ret);
/* A job's row and its attempts, for .ymago/jobs/ID. -ENOENT. */
int ym_service_job(struct ym_service *s, const char *id, struct ym_job_row *ret);
int ym_service_job_attempts(struct ym_service *s, const char *id, void (*fn)(void *ctx, const struct ym_attempt_row *r), void *ctx);
/* Descriptor of a finished job's bytes (objects/ or a verified copy), or -errno. May read the file whole. */
int ym_service_job_output(struct ym_service *s, const char *id);
/* Names in a folder that only the journal knows (working notes), with the bytes they show. */
void ym_service_overlay(struct ym_service *s, const char *folder, void (*fn)(void *ctx, const char *name, const char *text, size_t len, ym_wall mtime), void *ctx);
/* Before a user's destructive operation on a file of the library (ym_library_preserve + telling the engine). */
int ym_service_preserve(struct ym_service *s, const char *path, bool will_write, struct ym_err *e);
/* A private reader of the journal for one call: fn runs with it. For views that need rows. */
void ym_service_read(struct ym_service *s, void (*fn)(void *ctx, struct ym_journal *reader), void *ctx);
struct ym_engine *ym_service_engine(struct ym_service *s);

/* ---- events: a bounded queue for each reader ---- */
struct ym_event_reader;
/* ready: called (any thread, must not block) when something can be read. */
struct ym_event_reader *ym_service_events_open(struct ym_service *s, void (*ready)(void *ctx), void *ctx);
/* Moves up to size bytes of whole lines into buf; 0 = nothing now. A reader that falls 4096 lines behind
 * loses the oldest and gets {"type":"lost","count":N}. */
size_t ym_service_events_read(struct ym_event_reader *r, char *buf, size_t size);
void ym_service_events_close(struct ym_event_reader *r);

/* ---- the socket ---- */
/* Listens in the runtime folder ($XDG_RUNTIME_DIR/ymago, else /run/user/UID/ymago, else
 * /tmp/ymago-UID, 0700 and ours) at a name derived from the library's real path; a thread serves all
 * clients; the peer's uid must be ours. */
int ym_service_socket_path(const char *library, char out[static 128], struct ym_err *e);
int ym_service_listen(struct ym_service *s, const char *path, struct ym_err *e);
void ym_service_unlisten(struct ym_service *s);

/* ---- the other end ---- */
struct ym_client;
int ym_client_connect(const char *socket, struct ym_client **ret, struct ym_err *e);
/* Sends one request, waits for its answer (no time limit: `wait` may take long). *ret_fd may be NULL;
 * else it is the passed descriptor or -1. -EPIPE when the engine ends meanwhile. */
int ym_client_call(struct ym_client *c, const cJSON *request, cJSON **ret, int *ret_fd, struct ym_err *e);
void ym_client_free(struct ym_client *c);

#endif
