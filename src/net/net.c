/* The thread that owns the CURLM and every easy handle. */
#include "transfer.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <ymago/inbox.h>

#define IDLE_HANDLES_MAX 32

struct list {
    struct transfer *first, *last;
};

struct ym_net {
    pthread_t thread;
    CURLM *multi;
    struct ym_inbox *inbox;
    _Atomic uint64_t tickets;
    atomic_bool asleep; /* a message must wake the thread; while it works it looks by itself */
    /* the thread's own */
    struct surroundings around;
    struct list waiting, running;
    unsigned nrunning, max;
    CURL *idle[IDLE_HANDLES_MAX];
    unsigned nidle;
    bool stop;
};

/* ---- lists ---- */

static void list_add(struct list *l, struct transfer *t)
{
    t->next = NULL;
    t->prev = l->last;
    if (l->last)
        l->last->next = t;
    else
        l->first = t;
    l->last = t;
}

static void list_remove(struct list *l, struct transfer *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        l->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        l->last = t->prev;
    t->next = t->prev = NULL;
}

static struct transfer *list_find(const struct list *l, uint64_t ticket)
{
    struct transfer *t = l->first;
    while (t && t->ticket != ticket)
        t = t->next;
    return t;
}

/* ---- the life of a transfer on the thread ---- */

static CURL *handle_take(struct ym_net *n)
{
    CURL *easy = n->nidle ? n->idle[--n->nidle] : curl_easy_init();
    ym_assert(easy);
    return easy;
}

static void handle_give(struct ym_net *n, CURL *easy)
{
    curl_easy_reset(
        easy); /* forgets headers and callbacks; connections belong to the multi handle */
    if (n->nidle < IDLE_HANDLES_MAX)
        n->idle[n->nidle++] = easy;
    else
        curl_easy_cleanup(easy);
}

/* t is on no list. The handle goes first: a callback cannot come after done(). */
static void transfer_over(struct ym_net *n, struct transfer *t, CURLcode code)
{
    CURL *easy = t->easy;
    if (easy)
        curl_multi_remove_handle(n->multi, easy);
    transfer_report(t, code);
    t->easy = NULL;
    if (easy)
        handle_give(n, easy);
    transfer_free(t);
}

static void begin(struct ym_net *n, struct transfer *t)
{
    CURL *easy = handle_take(n);
    if (transfer_start(t, easy, &n->around) < 0) {
        t->easy = NULL;
        handle_give(n, easy);
        transfer_over(n, t, CURLE_OK);
        return;
    }
    ym_assert(curl_multi_add_handle(n->multi, easy) == CURLM_OK);
    list_add(&n->running, t);
    n->nrunning++;
}

static void running_end(struct ym_net *n, struct transfer *t, CURLcode code)
{
    list_remove(&n->running, t);
    n->nrunning--;
    if (transfer_goes_on(t, code)) {
        CURL *easy = ym_steal(&t->easy);
        curl_multi_remove_handle(n->multi, easy);
        handle_give(n, easy);
        begin(n, t);
    } else {
        transfer_over(n, t, code);
    }
}

static void begin_waiting(struct ym_net *n)
{
    while (n->waiting.first && n->nrunning < n->max) {
        struct transfer *t = n->waiting.first;
        list_remove(&n->waiting, t);
        begin(n, t);
    }
}

static void harvest(struct ym_net *n)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(n->multi, &left))) {
        struct transfer *t = NULL;
        CURLcode code = m->data.result; /* m does not outlive the handle's removal */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        running_end(n, t, code);
    }
}

/* Ends what has stalled. Returns the milliseconds until the next one may have. */
static int stalls_check(struct ym_net *n)
{
    ym_mono now = n->running.first ? ym_mono_now() : (ym_mono){0};
    int wait = INT_MAX;
    for (struct transfer *t = n->running.first, *next; t; t = next) {
        next = t->next;
        ym_mono at = transfer_stalls_at(t);
        if (at.ns == INT64_MAX)
            continue;
        int64_t left = ym_mono_until(now, at).ms;
        if (left > 0) {
            wait = left < wait ? (int)left : wait;
            continue;
        }
        transfer_stalled(t);
        running_end(n, t, CURLE_OPERATION_TIMEDOUT);
        wait = 0; /* its place may be taken at once */
    }
    return wait;
}

static void end_list(struct ym_net *n, struct list *l)
{
    while (l->first) {
        struct transfer *t = l->first;
        list_remove(l, t);
        transfer_cancelled(t);
        transfer_over(n, t, CURLE_OK);
    }
}

static void *net_run(void *arg)
{
    struct ym_net *n = arg;
    pthread_setname_np(pthread_self(), "ymago-net");
    while (!n->stop) {
        begin_waiting(n);
        int still;
        ym_assert(curl_multi_perform(n->multi, &still) == CURLM_OK);
        harvest(n);
        int wait = stalls_check(n);
        /* The last look comes after the mark: who posts later sees it and wakes us. */
        atomic_store(&n->asleep, true);
        if (ym_inbox_drain(n->inbox, n) == 0 && (!n->waiting.first || n->nrunning == n->max))
            ym_assert(curl_multi_poll(n->multi, NULL, 0, wait, NULL) == CURLM_OK);
        atomic_store(&n->asleep, false);
    }
    end_list(n, &n->running);
    end_list(n, &n->waiting);
    ym_inbox_drain(n->inbox, n); /* requests that came meanwhile: they only join the waiting */
    end_list(n, &n->waiting);
    return NULL;
}

/* ---- messages ---- */

struct submit_msg {
    struct ym_msg msg;
    struct transfer *t;
};

static void submit_run(void *owner, struct ym_msg *m)
{
    struct ym_net *n = owner;
    struct submit_msg *s = (struct submit_msg *)m;
    list_add(&n->waiting, s->t);
    free(s);
}

static void submit_drop(struct ym_msg *m)
{
    struct submit_msg *s = (struct submit_msg *)m;
    transfer_cancelled(s->t);
    transfer_report(s->t, CURLE_OK);
    transfer_free(s->t);
    free(s);
}

uint64_t ym_net_submit(struct ym_net *n, const struct ym_net_request *r)
{
    struct submit_msg *s = ym_alloc(sizeof(*s));
    uint64_t ticket = atomic_fetch_add(&n->tickets, 1) + 1;
    s->msg.run = submit_run;
    s->msg.drop = submit_drop;
    s->t = transfer_new(r);
    s->t->ticket = ticket;
    ym_inbox_post(n->inbox, &s->msg);
    return ticket;
}

struct cancel_msg {
    struct ym_msg msg;
    uint64_t ticket;
};

static void cancel_run(void *owner, struct ym_msg *m)
{
    struct ym_net *n = owner;
    uint64_t ticket = ((struct cancel_msg *)m)->ticket;
    free(m);
    struct transfer *t = list_find(&n->waiting, ticket);
    if (t) {
        list_remove(&n->waiting, t);
        transfer_cancelled(t);
        transfer_over(n, t, CURLE_OK);
    } else if ((t = list_find(&n->running, ticket))) {
        transfer_cancelled(t);
        running_end(n, t, CURLE_OK);
    }
}

static void plain_drop(struct ym_msg *m)
{
    free(m);
}

void ym_net_cancel(struct ym_net *n, uint64_t ticket)
{
    struct cancel_msg *c = ym_alloc(sizeof(*c));
    c->msg.run = cancel_run;
    c->msg.drop = plain_drop;
    c->ticket = ticket;
    ym_inbox_post(n->inbox, &c->msg);
}

struct allow_msg {
    struct ym_msg msg;
    struct allow *allow;
};

static void allow_run(void *owner, struct ym_msg *m)
{
    struct ym_net *n = owner;
    struct allow_msg *a = (struct allow_msg *)m;
    allow_free(n->around.allow);
    n->around.allow = a->allow;
    free(a);
}

static void allow_drop(struct ym_msg *m)
{
    allow_free(((struct allow_msg *)m)->allow);
    free(m);
}

void ym_net_allow(struct ym_net *n, const char *const *allow)
{
    struct allow_msg *a = ym_alloc(sizeof(*a));
    a->msg.run = allow_run;
    a->msg.drop = allow_drop;
    a->allow = allow_new(allow);
    ym_inbox_post(n->inbox, &a->msg);
}

static void stop_run(void *owner, struct ym_msg *m)
{
    ((struct ym_net *)owner)->stop = true;
    free(m);
}

/* ---- start and stop ---- */

static void wake(void *ctx)
{
    struct ym_net *n = ctx;
    if (atomic_exchange(&n->asleep, false))
        curl_multi_wakeup(n->multi);
}

static void curl_start(void)
{
    ym_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void net_release(struct ym_net *n)
{
    while (n->nidle > 0)
        curl_easy_cleanup(n->idle[--n->nidle]);
    ym_inbox_free(n->inbox);
    curl_multi_cleanup(n->multi);
    allow_free(n->around.allow);
    proxy_fini(&n->around.proxy);
    free(n->around.agent);
    free(n);
}

int ym_net_new(const struct ym_net_options *o, struct ym_net **ret, struct ym_err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_start);
    struct ym_net *n = ym_alloc(sizeof(*n));
    n->max = o->max_connections ? o->max_connections : 128;
    n->around.agent = ym_strdup(o->user_agent ? o->user_agent : "ymago/" YM_VERSION);
    n->around.allow = allow_new(o->allow);
    proxy_init(&n->around.proxy);
    n->multi = curl_multi_init();
    ym_assert(n->multi);
    curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)n->max);
    n->inbox = ym_inbox_new(wake, n);
    int r = pthread_create(&n->thread, NULL, net_run, n);
    if (r != 0) {
        net_release(n);
        return ym_fail(e, YM_LOCAL, r, "The network thread could not be started; too many run.");
    }
    *ret = n;
    return 0;
}

void ym_net_free(struct ym_net *n)
{
    if (!n)
        return;
    struct ym_msg *m = ym_alloc(sizeof(*m));
    m->run = stop_run;
    m->drop = plain_drop;
    ym_inbox_post(n->inbox, m);
    ym_inbox_close(n->inbox);
    pthread_join(n->thread, NULL);
    net_release(n);
}
