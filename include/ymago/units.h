/* Units as types: a mix-up does not compile. */
#ifndef YMAGO_UNITS_H
#define YMAGO_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t ns;
} ym_mono; /* CLOCK_BOOTTIME (monotonic, runs on through suspend): to wait with */
typedef struct {
    int64_t ms;
} ym_wall; /* Unix time: to record */
typedef struct {
    int64_t ms;
} ym_dur; /* a length of time */
typedef struct {
    int64_t micro_usd;
} ym_money; /* 1 000 000 = one dollar; never double */

#define YM_MS(n)  ((ym_dur){(int64_t)(n)})
#define YM_SEC(n) ((ym_dur){(int64_t)(n)*1000})

static inline ym_mono ym_mono_add(ym_mono t, ym_dur d)
{
    return (ym_mono){t.ns + d.ms * 1000000};
}
/* b - a; rounded up to whole milliseconds so that a wait never ends early. */
static inline ym_dur ym_mono_until(ym_mono a, ym_mono b)
{
    int64_t ns = b.ns - a.ns;
    return (ym_dur){ns <= 0 ? ns / 1000000 : (ns + 999999) / 1000000};
}

/* Saturating sum: money never wraps round. */
static inline ym_money ym_money_add(ym_money a, ym_money b)
{
    int64_t r;
    if (__builtin_add_overflow(a.micro_usd, b.micro_usd, &r))
        r = a.micro_usd > 0 ? INT64_MAX : INT64_MIN;
    return (ym_money){r};
}

/* Reads a plain decimal number of dollars ("2", "0.25", "$1.5"): at most six decimals, 0..1 000 000.
 * Returns 0 and *ret, or -EINVAL. */
int ym_money_parse(const char *text, ym_money *ret);
/* From a JSON or TOML number: rounds to the nearest micro-dollar. -ERANGE outside 0..1 000 000. */
int ym_money_from_double(double usd, ym_money *ret);
/* "$0.0336", "$12.50": two to six decimals, no more than needed. `out` takes at least 32 bytes. */
const char *ym_money_format(ym_money m, char out[static 32]);
double ym_money_usd(ym_money m); /* for JSON numbers only */

#endif
