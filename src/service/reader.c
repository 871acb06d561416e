/* A few readers of the journal, handed to one thread at a time. */
#include "service_private.h"

struct ym_journal *reader_take(struct ym_service *s)
{
    struct ym_err err;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        for (int i = 0; i < s->made; i++)
            if (!s->busy[i]) {
                s->busy[i] = true;
                pthread_mutex_unlock(&s->lock);
                return s->readers[i];
            }
        if (s->made < READERS)
            break;
        pthread_cond_wait(&s->reader_free, &s->lock);
    }
    struct ym_journal *j = NULL;
    if (ym_journal_open(s->p.store->state_fd, YM_JOURNAL_READ, &j, &err) == 0) {
        s->readers[s->made] = j;
        s->busy[s->made++] = true;
    } else {
        ym_log(YM_ERROR, "service", "the journal cannot be read: %s", err.msg);
    }
    pthread_mutex_unlock(&s->lock);
    return j;
}

void reader_give(struct ym_service *s, struct ym_journal *j)
{
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->made; i++)
        if (s->readers[i] == j)
            s->busy[i] = false;
    pthread_cond_signal(&s->reader_free);
    pthread_mutex_unlock(&s->lock);
}

void ym_service_read(struct ym_service *s, void (*fn)(void *ctx, struct ym_journal *reader), void *ctx)
{
    struct ym_journal *j = reader_take(s);
    if (!j)
        return;
    fn(ctx, j);
    reader_give(s, j);
}

struct ym_engine *ym_service_engine(struct ym_service *s)
{
    return s->p.engine;
}

int ym_service_new(const struct ym_service_parts *p, struct ym_service **ret, struct ym_err *e)
{
    struct ym_service *s = ym_alloc(sizeof(*s));
    s->p = *p;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->reader_free, NULL);
    pthread_mutex_init(&s->events_lock, NULL);
    struct ym_journal *j = reader_take(s);
    if (!j) {
        ym_service_free(s);
        return ym_fail(e, YM_BROKEN, EIO, "The journal cannot be opened for reading.");
    }
    reader_give(s, j);
    events_start(s);
    *ret = s;
    return 0;
}

void ym_service_free(struct ym_service *s)
{
    if (!s)
        return;
    ym_service_unlisten(s);
    events_stop(s);
    for (int i = 0; i < s->made; i++)
        ym_journal_close(s->readers[i]);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->reader_free);
    pthread_mutex_destroy(&s->events_lock);
    free(s);
}
