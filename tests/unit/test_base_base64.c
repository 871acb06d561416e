#include "unit.h"

#include <errno.h>

#include "../../src/base/base64.h"

/* Decodes in one piece into exactly the room that the contract asks for. */
static ssize_t decode_all(const char *text, size_t len, uint8_t **ret)
{
    struct ym_b64_dec d = {0};
    *ret = malloc((len / 4 + 1) * 3);
    ssize_t n = ym_b64_decode(&d, text, len, *ret);
    int r = n < 0 ? 0 : ym_b64_decode_end(&d);
    return r < 0 ? r : n;
}

static void known_texts(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbe", "+/++"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char out[32];
        YM_AUTOFREE uint8_t *back = NULL;
        size_t n = ym_b64_encode((const uint8_t *)cases[i].plain, strlen(cases[i].plain), out);
        assert_int_equal(n, strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, n);
        assert_int_equal(decode_all(cases[i].text, n, &back), strlen(cases[i].plain));
        assert_memory_equal(back, cases[i].plain, strlen(cases[i].plain));
    }
}

static void bad_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",     "Zg",     "Zg=",     "Zg==Zg==", "Zg===",  "=",
        "====",  "Z===",   "Zm9v=",   "Zm9v====", "Zh==", /* left-over bits */
        "Zm9=",                                           /* left-over bits */
        "Zm 9v", "Zm9v\n", " Zm9v",   "Zm9-",     "Zm9_",   "Zm9v\"",
        "Z=9v",  "Zm=v",   "Zm9\xc3", "Zg==Z",    "Zg==\n",
    };
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        YM_AUTOFREE uint8_t *back = NULL;
        if (decode_all(bad[i], strlen(bad[i]), &back) != -EBADMSG)
            fail_msg("%s", bad[i]);
    }
}

static void every_split(void **state)
{
    (void)state;
    uint8_t plain[120];
    char text[160];
    ym_random(plain, sizeof plain);
    for (size_t len = 117; len <= sizeof plain; len++) {
        size_t n = ym_b64_encode(plain, len, text);
        for (size_t a = 0; a <= n; a++) {
            for (size_t b = a; b <= n; b += 7) {
                struct ym_b64_dec d = {0};
                uint8_t back[400];
                ssize_t x = ym_b64_decode(&d, text, a, back);
                ssize_t y = ym_b64_decode(&d, text + a, b - a, back + x);
                ssize_t z = ym_b64_decode(&d, text + b, n - b, back + x + y);
                assert_int_equal(x + y + z, len);
                assert_int_equal(ym_b64_decode_end(&d), 0);
                assert_memory_equal(back, plain, len);
            }
        }
    }
}

static void a_bad_byte_anywhere(void **state)
{
    (void)state;
    uint8_t plain[150];
    char text[200];
    memset(plain, 0xa5, sizeof plain);
    size_t n = ym_b64_encode(plain, sizeof plain, text);
    for (size_t at = 0; at < n; at++) {
        char good = text[at];
        for (int c = 0; c < 256; c++) {
            bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
            YM_AUTOFREE uint8_t *back = NULL;
            text[at] = (char)c;
            ssize_t want = ok ? (ssize_t)sizeof plain : -EBADMSG;
            if (c == '=' && at == n - 1) /* "pQ==" would need two; one leaves bits: 0xa5 = ..01 */
                want = -EBADMSG;
            if (decode_all(text, n, &back) != want)
                fail_msg("byte %d at %zu", c, at);
        }
        text[at] = good;
    }
}

/* The engines agree about every length, and about where a bad byte stops them. */
static void engines_agree(void **state)
{
    (void)state;
    if (!b64_has_avx2())
        skip();
    uint8_t plain[300], a[600], b[600];
    char ta[800], tb[800];
    for (size_t len = 0; len <= sizeof plain; len++) {
        ym_random(plain, sizeof plain);
        size_t x = b64_encode_avx2(plain, len, ta), y = b64_encode_table(plain, len, tb);
        assert_true(x <= y && y - x < 28 + 24 && (len < 28 || x > 0));
        assert_memory_equal(ta, tb, x / 3 * 4);

        size_t n = y / 3 * 4;
        x = b64_decode_avx2((uint8_t *)tb, n, a);
        y = b64_decode_table((uint8_t *)tb, n, b);
        assert_true(x <= y && y - x < 40 && (n < 40 || x > 0));
        assert_memory_equal(a, b, x / 4 * 3);

        if (n > 0) {
            size_t at = (size_t)ym_random_below(n);
            do
                tb[at] = (char)ym_random_below(256);
            while (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                          tb[at]) &&
                   tb[at]);
            x = b64_decode_avx2((uint8_t *)tb, n, a);
            y = b64_decode_table((uint8_t *)tb, n, b);
            assert_int_equal(y, at / 4 * 4);
            assert_true(x <= y);
            assert_memory_equal(a, b, x / 4 * 3);
        }
    }
}

/* All 64 letters and all 256 bytes in every lane. */
static void engines_agree_on_every_byte(void **state)
{
    (void)state;
    if (!b64_has_avx2())
        skip();
    uint8_t text[64], a[100], b[100];
    for (int c = 0; c < 256; c++) {
        for (int lane = 0; lane < 32; lane++) {
            memset(text, 'A', sizeof text);
            text[lane] = (uint8_t)c;
            size_t x = b64_decode_avx2(text, sizeof text, a);
            size_t y = b64_decode_table(text, sizeof text, b);
            assert_int_equal(x, y == sizeof text ? 32 : 0);
            assert_memory_equal(a, b, x / 4 * 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),   cmocka_unit_test(bad_texts),
        cmocka_unit_test(every_split),   cmocka_unit_test(a_bad_byte_anywhere),
        cmocka_unit_test(engines_agree), cmocka_unit_test(engines_agree_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
