#include "unit.h"

#include <errno.h>

static void known_digests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
        {"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char hex[65];
        struct ym_digest d = ym_digest_of(cases[i].text, strlen(cases[i].text)), back;
        assert_string_equal(ym_digest_hex(&d, hex), cases[i].hex);
        assert_int_equal(ym_digest_parse(hex, &back), 0);
        assert_true(ym_digest_eq(&d, &back));
        assert_false(ym_digest_is_zero(&d));
    }
    assert_true(ym_digest_is_zero(&(struct ym_digest){{0}}));
}

static void pieces_make_the_whole(void **state)
{
    (void)state;
    uint8_t data[1000];
    ym_random(data, sizeof data);
    struct ym_digest whole = ym_digest_of(data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 37) {
        struct ym_hash *h = ym_hash_new();
        ym_hash_add(h, data, cut);
        ym_hash_add(h, data + cut, sizeof data - cut);
        struct ym_digest d = ym_hash_end(h);
        ym_hash_free(h);
        assert_true(ym_digest_eq(&d, &whole));
    }
    ym_hash_free(NULL);
}

static struct ym_digest fields(const char *a, const char *b)
{
    struct ym_hash *h = ym_hash_new();
    ym_hash_field(h, a, strlen(a));
    ym_hash_field(h, b, strlen(b));
    struct ym_digest d = ym_hash_end(h);
    ym_hash_free(h);
    return d;
}

static void fields_do_not_run_together(void **state)
{
    (void)state;
    struct ym_digest a = fields("ab", "c"), b = fields("a", "bc"), c = fields("ab", "c");
    assert_false(ym_digest_eq(&a, &b));
    assert_true(ym_digest_eq(&a, &c));
}

static void bad_hex(void **state)
{
    (void)state;
    char hex[66];
    struct ym_digest d;
    memset(hex, 'a', sizeof hex);
    hex[65] = '\0';
    assert_int_equal(ym_digest_parse(hex, &d), -EINVAL); /* 65 */
    hex[64] = '\0';
    assert_int_equal(ym_digest_parse(hex, &d), 0);
    hex[10] = 'F';
    assert_int_equal(ym_digest_parse(hex, &d), 0);
    hex[10] = 'g';
    assert_int_equal(ym_digest_parse(hex, &d), -EINVAL);
    hex[10] = 'a';
    hex[63] = '\0';
    assert_int_equal(ym_digest_parse(hex, &d), -EINVAL); /* 63 */
    assert_int_equal(ym_digest_parse(NULL, &d), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(fields_do_not_run_together),
        cmocka_unit_test(bad_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
