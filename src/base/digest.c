/* BLAKE2b-256 by libb2. */
#include <blake2.h>
#include <errno.h>
#include <string.h>
#include <ymago/base.h>

struct ym_hash {
    blake2b_state state; /* the library wants it aligned to 64 bytes */
};

struct ym_hash *ym_hash_new(void)
{
    size_t size = (sizeof(struct ym_hash) + 63) & ~(size_t)63;
    struct ym_hash *h = aligned_alloc(64, size);
    ym_assert(h != NULL);
    ym_assert(blake2b_init(&h->state, sizeof(struct ym_digest)) == 0);
    return h;
}

void ym_hash_free(struct ym_hash *h)
{
    free(h);
}

void ym_hash_add(struct ym_hash *h, const void *data, size_t len)
{
    if (len)
        ym_assert(blake2b_update(&h->state, data, len) == 0);
}

void ym_hash_field(struct ym_hash *h, const void *data, size_t len)
{
    uint8_t le[8];
    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)((uint64_t)len >> (8 * i));
    ym_hash_add(h, le, sizeof le);
    ym_hash_add(h, data, len);
}

struct ym_digest ym_hash_end(struct ym_hash *h)
{
    struct ym_digest d;
    ym_assert(blake2b_final(&h->state, d.b, sizeof d.b) == 0);
    return d;
}

struct ym_digest ym_digest_of(const void *data, size_t len)
{
    struct ym_hash *h = ym_hash_new();
    ym_hash_add(h, data, len);
    struct ym_digest d = ym_hash_end(h);
    ym_hash_free(h);
    return d;
}

const char *ym_digest_hex(const struct ym_digest *d, char out[static 65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof d->b; i++) {
        out[2 * i] = digits[d->b[i] >> 4];
        out[2 * i + 1] = digits[d->b[i] & 15];
    }
    out[64] = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int ym_digest_parse(const char *hex, struct ym_digest *ret)
{
    struct ym_digest d;
    if (!hex || strnlen(hex, 65) != 64)
        return -EINVAL;
    for (size_t i = 0; i < sizeof d.b; i++) {
        int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return -EINVAL;
        d.b[i] = (uint8_t)(hi << 4 | lo);
    }
    *ret = d;
    return 0;
}

bool ym_digest_eq(const struct ym_digest *a, const struct ym_digest *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool ym_digest_is_zero(const struct ym_digest *d)
{
    static const struct ym_digest zero;
    return ym_digest_eq(d, &zero);
}
