/* Events to any number of readers, each with a bounded queue of lines. */
#include "service_private.h"

#define LINES 4096

struct ym_event_reader {
    struct ym_event_reader *next;
    struct ym_service *s;
    void (*ready)(void *ctx);
    void *ctx;
    char *lines[LINES];
    unsigned head, count;
    size_t offset;        /* read of the first line */
    int64_t lost;
};

static void queue_push(struct ym_event_reader *r, char *line)
{
    if (r->count == LINES) {
        free(r->lines[r->head]);
        r->head = (r->head + 1) % LINES;
        r->count--;
        r->offset = 0;
        r->lost++;
    }
    r->lines[(r->head + r->count++) % LINES] = line;
}

static void on_event(void *ctx, int64_t seq, const char *json)
{
    struct ym_service *s = ctx;
    (void)seq;
    pthread_mutex_lock(&s->events_lock);
    for (struct ym_event_reader *r = s->event_readers; r; r = r->next) {
        if (r->lost) {
            queue_push(r, ym_asprintf("{\"type\":\"lost\",\"count\":%lld}\n", (long long)r->lost));
            r->lost = 0;
        }
        queue_push(r, ym_asprintf("%s\n", json));
        if (r->ready)
            r->ready(r->ctx);
    }
    pthread_mutex_unlock(&s->events_lock);
}

void events_start(struct ym_service *s)
{
    ym_engine_subscribe(s->p.engine, on_event, s);
}

void events_stop(struct ym_service *s)
{
    ym_engine_subscribe(s->p.engine, NULL, NULL);
    while (s->event_readers)
        ym_service_events_close(s->event_readers);
}

struct ym_event_reader *ym_service_events_open(struct ym_service *s, void (*ready)(void *ctx), void *ctx)
{
    struct ym_event_reader *r = ym_alloc(sizeof(*r));
    r->s = s;
    r->ready = ready;
    r->ctx = ctx;
    pthread_mutex_lock(&s->events_lock);
    r->next = s->event_readers;
    s->event_readers = r;
    pthread_mutex_unlock(&s->events_lock);
    return r;
}

size_t ym_service_events_read(struct ym_event_reader *r, char *buf, size_t size)
{
    size_t n = 0;
    pthread_mutex_lock(&r->s->events_lock);
    while (r->count && n < size) {
        const char *line = r->lines[r->head] + r->offset;
        size_t len = strlen(line), take = len < size - n ? len : size - n;
        if (take < len && n > 0)
            break; /* whole lines, unless one alone is longer than the buffer */
        memcpy(buf + n, line, take);
        n += take;
        r->offset += take;
        if (take < len)
            break;
        free(r->lines[r->head]);
        r->head = (r->head + 1) % LINES;
        r->count--;
        r->offset = 0;
    }
    pthread_mutex_unlock(&r->s->events_lock);
    return n;
}

void ym_service_events_close(struct ym_event_reader *r)
{
    struct ym_service *s = r->s;
    pthread_mutex_lock(&s->events_lock);
    struct ym_event_reader **p = &s->event_readers;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    pthread_mutex_unlock(&s->events_lock);
    while (r->count) {
        free(r->lines[r->head]);
        r->head = (r->head + 1) % LINES;
        r->count--;
    }
    free(r);
}
