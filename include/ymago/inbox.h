/* Messages to the one thread that owns a thing. The lock guards the list, never the owner's data. */
#ifndef YMAGO_INBOX_H
#define YMAGO_INBOX_H

#include <ymago/base.h>

struct ym_msg {
    struct ym_msg *next;
    void (*run)(void *owner, struct ym_msg *m);  /* owner's thread; frees or keeps m */
    void (*drop)(struct ym_msg *m);              /* closed inbox: frees m; any thread */
};

struct ym_inbox;
/* wake: called after the message is in, without the lock (curl_multi_wakeup and the like); NULL when
 * the owner sleeps in ym_inbox_wait. */
struct ym_inbox *ym_inbox_new(void (*wake)(void *ctx), void *ctx);
void ym_inbox_free(struct ym_inbox *in); /* drops what is left */
/* Takes m. False = closed; m was dropped. Any thread. */
bool ym_inbox_post(struct ym_inbox *in, struct ym_msg *m);
/* Runs what was waiting when called, in order; returns how many. Owner's thread only. */
size_t ym_inbox_drain(struct ym_inbox *in, void *owner);
/* Sleeps until a message is there or `until` has passed (ns = INT64_MAX: for ever). Owner only. */
void ym_inbox_wait(struct ym_inbox *in, ym_mono until);
void ym_inbox_close(struct ym_inbox *in); /* later posts are dropped; wakes the owner */

/* A few threads that run one task each; results go home by somebody's inbox. */
struct ym_pool;
struct ym_pool *ym_pool_new(unsigned threads, const char *name);
/* Finishes running tasks, drops waiting ones through drop(), joins. */
void ym_pool_free(struct ym_pool *p);
/* urgent: goes before the others (downloads and placements outrank inspections). m->run gets `p`. */
bool ym_pool_post(struct ym_pool *p, struct ym_msg *m, bool urgent);

#endif
