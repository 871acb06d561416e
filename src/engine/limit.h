/* Rate limiter of one lane: token bucket and hard sliding window. Pure: `now` is an argument. */
#ifndef ENGINE_LIMIT_H
#define ENGINE_LIMIT_H

#include <ymago/base.h>

/* A window a little over a minute, so that no 60 s of the provider's clock can hold more. */
#define LIMIT_WINDOW_NS INT64_C(60500000000)

struct limit {
    int rate;           /* per minute; 0 = unlimited */
    int64_t credit_ns;  /* time saved up: one token = 60 s / rate; the remainder is kept */
    int64_t last_ns;    /* when credit was last brought up to date */
    int64_t *times;     /* ring of the last `rate` sends */
    int head, count;
};
/* Bucket full: burst = rate / 10, at least 1. */
void limit_init(struct limit *l, int rate, ym_mono now);
void limit_fini(struct limit *l);
void limit_set_rate(struct limit *l, int rate, ym_mono now); /* keeps what was sent */
/* How long to wait before one more may be sent; 0 = now. */
ym_dur limit_wait(struct limit *l, ym_mono now);
void limit_take(struct limit *l, ym_mono now); /* one is sent */
/* A send known from the journal: fills the window; the bucket starts empty then. */
void limit_restore(struct limit *l, ym_mono sent, ym_mono now);
int limit_in_window(const struct limit *l, ym_mono now);
double limit_tokens(struct limit *l, ym_mono now);

#endif
