#include "limit.h"

static int64_t token_ns(const struct limit *l)
{
    return INT64_C(60000000000) / l->rate;
}

static int64_t burst_ns(const struct limit *l)
{
    int burst = l->rate / 10;
    return token_ns(l) * (burst < 1 ? 1 : burst);
}

void limit_init(struct limit *l, int rate, ym_mono now)
{
    *l = (struct limit){.rate = rate, .last_ns = now.ns};
    if (rate <= 0)
        return;
    l->times = ym_alloc_array((size_t)rate, sizeof(*l->times));
    l->credit_ns = burst_ns(l);
}

void limit_fini(struct limit *l)
{
    free(l->times);
    *l = (struct limit){0};
}

void limit_set_rate(struct limit *l, int rate, ym_mono now)
{
    if (rate == l->rate)
        return;
    struct limit next;
    limit_init(&next, rate, now);
    for (int i = 0; i < l->count && rate > 0; i++)
        limit_restore(&next, (ym_mono){l->times[(l->head + i) % l->rate]}, now);
    limit_fini(l);
    *l = next;
}

static void credit_update(struct limit *l, ym_mono now)
{
    if (now.ns > l->last_ns) {
        l->credit_ns += now.ns - l->last_ns;
        if (l->credit_ns > burst_ns(l))
            l->credit_ns = burst_ns(l);
        l->last_ns = now.ns;
    }
}

ym_dur limit_wait(struct limit *l, ym_mono now)
{
    if (l->rate <= 0)
        return YM_MS(0);
    credit_update(l, now);
    int64_t wait = token_ns(l) - l->credit_ns;
    if (l->count == l->rate) { /* the oldest must leave the window first */
        int64_t w = l->times[l->head] + LIMIT_WINDOW_NS - now.ns;
        if (w > wait)
            wait = w;
    }
    return YM_MS(wait <= 0 ? 0 : (wait + 999999) / 1000000);
}

static void ring_push(struct limit *l, int64_t t)
{
    if (l->count == l->rate) {
        l->times[l->head] = t;
        l->head = (l->head + 1) % l->rate;
    } else {
        l->times[(l->head + l->count++) % l->rate] = t;
    }
}

void limit_take(struct limit *l, ym_mono now)
{
    if (l->rate <= 0)
        return;
    credit_update(l, now);
    l->credit_ns -= token_ns(l);
    ring_push(l, now.ns);
}

void limit_restore(struct limit *l, ym_mono sent, ym_mono now)
{
    if (l->rate <= 0 || sent.ns + LIMIT_WINDOW_NS <= now.ns)
        return;
    /* A clock set back makes a send look later than now: count it as just sent. */
    ring_push(l, sent.ns > now.ns ? now.ns : sent.ns);
    l->credit_ns = 0;
    l->last_ns = now.ns;
}

int limit_in_window(const struct limit *l, ym_mono now)
{
    int n = 0;
    for (int i = 0; i < l->count; i++)
        n += l->times[(l->head + i) % l->rate] + LIMIT_WINDOW_NS > now.ns;
    return n;
}

double limit_tokens(struct limit *l, ym_mono now)
{
    if (l->rate <= 0)
        return 0;
    credit_update(l, now);
    return (double)l->credit_ns / (double)token_ns(l);
}
