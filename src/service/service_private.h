#ifndef SERVICE_PRIVATE_H
#define SERVICE_PRIVATE_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <ymago/service.h>

#define READERS 4 /* journal readers kept open */

struct ym_service {
    struct ym_service_parts p;
    pthread_mutex_t lock;            /* the readers */
    pthread_cond_t reader_free;
    struct ym_journal *readers[READERS];
    int made;
    bool busy[READERS];
    pthread_mutex_t events_lock;     /* the list of event readers */
    struct ym_event_reader *event_readers;
    struct socket *socket;
};

/* ---- reader.c ---- */
struct ym_journal *reader_take(struct ym_service *s);  /* NULL when the journal cannot be opened */
void reader_give(struct ym_service *s, struct ym_journal *j);

/* ---- call.c: one call on its way ---- */
struct call {
    struct ym_service *s;
    struct ym_caller who;
    const struct verb *verb;
    cJSON *request, *answer;
    struct ym_err err;
    int fd;
    void (*reply)(void *ctx, const cJSON *answer, int fd);
    void *ctx;
};
/* Answers and frees c. err.cls != YM_OK makes it a refusal. */
void call_finish(struct call *c);
const char *call_str(const struct call *c, const char *key); /* NULL when absent */

/* ---- verbs.c ---- */
struct verb {
    struct ym_verb pub;
    bool global;                              /* concerns the whole library: its owner only */
    int (*run)(struct ym_engine *e, struct call *c); /* on the engine's thread, inside a round; NULL = */
    void (*direct)(struct call *c);           /* on the caller's thread; finishes c itself */
};
const struct verb *verb_find(const char *name);
int caller_may(struct ym_service *s, const struct ym_caller *who, const struct verb *v, const char *path, struct ym_err *e);

/* ---- events.c ---- */
void events_start(struct ym_service *s);
void events_stop(struct ym_service *s);

#endif
