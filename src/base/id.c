/* Randomness and ULIDs. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <ymago/base.h>

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void ym_random(void *buf, size_t len)
{
    uint8_t *p = buf;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        ym_assert(n > 0);
        p += n;
        len -= (size_t)n;
    }
}

uint64_t ym_random_below(uint64_t n)
{
    ym_assert(n > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* a multiple of n: no value is favoured */
    uint64_t r;
    do {
        ym_random(&r, sizeof r);
    } while (r >= limit);
    return r % n;
}

/* Within one millisecond the random part counts up (ULID specification, "Monotonicity"), so that ids
 * made one after the other sort so. */
static void random_part(uint64_t ms, uint8_t out[static 10])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last_ms = UINT64_MAX;
    static uint8_t last[10];
    pthread_mutex_lock(&lock);
    if (ms != last_ms) {
        ym_random(last, sizeof last);
        last[0] &= 0x7f; /* room to count: it never runs over within a millisecond */
        last_ms = ms;
    } else {
        for (int i = 9; i >= 0 && ++last[i] == 0; i--)
            ;
    }
    memcpy(out, last, sizeof last);
    pthread_mutex_unlock(&lock);
}

struct ym_id ym_id_new(ym_wall now)
{
    struct ym_id id;
    uint8_t rnd[10];
    uint64_t ms = now.ms < 0 ? 0 : (uint64_t)now.ms & ((UINT64_C(1) << 48) - 1);
    random_part(ms, rnd);
    for (int i = 9; i >= 0; i--, ms >>= 5)
        id.s[i] = crockford[ms & 31];
    for (int half = 0; half < 2; half++) { /* 40 random bits give 8 letters */
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | rnd[5 * half + i];
        for (int i = 7; i >= 0; i--, bits >>= 5)
            id.s[10 + 8 * half + i] = crockford[bits & 31];
    }
    id.s[YM_ID_LEN] = '\0';
    return id;
}

bool ym_id_valid(const char *s)
{
    if (!s || strnlen(s, YM_ID_LEN + 1) != YM_ID_LEN || s[0] > '7')
        return false;
    return strspn(s, crockford) == YM_ID_LEN;
}
