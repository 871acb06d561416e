/* A few threads, two queues: what is urgent goes first. */
#include <ymago/inbox.h>

#include <pthread.h>
#include <signal.h>

struct queue {
    struct ym_msg *head, **tail;
};

struct ym_pool {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct queue urgent, normal;
    bool closed;
    unsigned nthreads;
    char name[16]; /* as the kernel shows it */
    pthread_t threads[];
};

static void queue_add(struct queue *q, struct ym_msg *m)
{
    m->next = NULL;
    *q->tail = m;
    q->tail = &m->next;
}

static struct ym_msg *queue_take(struct queue *q)
{
    struct ym_msg *m = q->head;
    if (m) {
        q->head = m->next;
        if (!q->head)
            q->tail = &q->head;
        m->next = NULL;
    }
    return m;
}

static void queue_drop(struct queue *q)
{
    for (struct ym_msg *m; (m = queue_take(q));)
        m->drop(m);
}

static void *pool_thread(void *arg)
{
    struct ym_pool *p = arg;
    pthread_setname_np(pthread_self(), p->name);
    pthread_mutex_lock(&p->lock);
    while (!p->closed) {
        struct ym_msg *m = queue_take(&p->urgent);
        if (!m)
            m = queue_take(&p->normal);
        if (!m) {
            pthread_cond_wait(&p->ready, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        m->run(p, m);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct ym_pool *ym_pool_new(unsigned threads, const char *name)
{
    ym_assert(threads > 0);
    struct ym_pool *p = ym_alloc(sizeof *p + threads * sizeof p->threads[0]);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->urgent.tail = &p->urgent.head;
    p->normal.tail = &p->normal.head;
    snprintf(p->name, sizeof p->name, "%s", name);

    /* Signals are the main thread's business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->nthreads < threads &&
           pthread_create(&p->threads[p->nthreads], NULL, pool_thread, p) == 0)
        p->nthreads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ym_assert(p->nthreads > 0); /* fewer than wished for only makes it slower */
    return p;
}

void ym_pool_free(struct ym_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->nthreads; i++)
        pthread_join(p->threads[i], NULL);
    queue_drop(&p->urgent);
    queue_drop(&p->normal);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool ym_pool_post(struct ym_pool *p, struct ym_msg *m, bool urgent)
{
    pthread_mutex_lock(&p->lock);
    bool taken = !p->closed;
    if (taken) {
        queue_add(urgent ? &p->urgent : &p->normal, m);
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    if (!taken)
        m->drop(m);
    return taken;
}
