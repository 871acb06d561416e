/* Secrets, and the list of them that masks every text that comes in or is logged. */
#include <pthread.h>
#include <string.h>
#include <ymago/base.h>

#define MASK_MIN 6 /* a shorter text would blank out innocent words */

struct ym_secret {
    struct ym_secret *next; /* longest first: a key that begins with another one is masked whole */
    size_t len;
    char text[];
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct ym_secret *known;

struct ym_secret *ym_secret_new(const char *text, size_t len)
{
    struct ym_secret *s = ym_alloc(sizeof *s + len + 1);
    memcpy(s->text, text, len);
    s->len = len;
    pthread_rwlock_wrlock(&lock);
    struct ym_secret **at = &known;
    while (*at && (*at)->len > len)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
    pthread_rwlock_unlock(&lock);
    return s;
}

void ym_secret_free(struct ym_secret *s)
{
    if (!s)
        return;
    pthread_rwlock_wrlock(&lock);
    struct ym_secret **at = &known;
    while (*at && *at != s)
        at = &(*at)->next;
    ym_assert(*at == s);
    *at = s->next;
    pthread_rwlock_unlock(&lock);
    explicit_bzero(s->text, s->len);
    free(s);
}

const char *ym_secret_reveal(const struct ym_secret *s)
{
    return s->text;
}

void ym_secret_mask(char *text, size_t len)
{
    pthread_rwlock_rdlock(&lock);
    for (const struct ym_secret *s = known; s && s->len >= MASK_MIN; s = s->next) {
        char *at = text;
        while ((at = memmem(at, len - (size_t)(at - text), s->text, s->len))) {
            memset(at, '*', s->len);
            at += s->len;
        }
    }
    pthread_rwlock_unlock(&lock);
}
