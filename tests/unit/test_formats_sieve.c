#include "unit.h"

#include <errno.h>
#include <ymago/formats.h>

static const char *const keys[] = {"data", "b64_json", "images[]", NULL};

/* Collects what is diverted. */
struct catch
{
    struct ym_buf media[8];
    unsigned begun, ended;
    int fail_begin, fail_data, fail_end; /* errors to give */
    size_t biggest;
};

static int on_begin(void *ctx, unsigned i)
{
    struct catch *c = ctx;
    assert_int_equal(i, c->begun);
    assert_int_equal(c->begun, c->ended); /* never two at a time */
    ym_buf_init(&c->media[i], 1 << 24);
    ym_buf_adds(&c->media[i], "");
    c->begun++;
    return c->fail_begin;
}

static int on_data(void *ctx, unsigned i, const uint8_t *data, size_t len)
{
    struct catch *c = ctx;
    assert_int_equal(i, c->begun - 1);
    assert_true(len > 0);
    c->biggest = len > c->biggest ? len : c->biggest;
    ym_buf_add(&c->media[i], data, len);
    return c->fail_data;
}

static int on_end(void *ctx, unsigned i)
{
    struct catch *c = ctx;
    assert_int_equal(i, c->begun - 1);
    c->ended++;
    return c->fail_end;
}

static struct ym_sieve *sieve_new(struct catch *c, size_t long_string, size_t max_document,
                                  size_t max_media)
{
    const struct ym_sieve_spec spec = {keys, long_string, max_document, max_media};
    const struct ym_sieve_sink sink = {on_begin, on_data, on_end, c};
    return ym_sieve_new(&spec, &sink);
}

static void catch_fini(struct catch *c)
{
    for (unsigned i = 0; i < c->begun; i++)
        ym_buf_fini(&c->media[i]);
}

/* Feeds text in pieces that end at a and b. Returns feed's first error, or end's; on success sets
 * *ret_doc to the document with every token replaced by "<N>". */
static int sift(const char *text, size_t len, size_t a, size_t b, struct catch *c, char **ret_doc)
{
    struct ym_sieve *s = sieve_new(c, 100, 4000, 4);
    YM_AUTOJSON cJSON *doc = NULL;
    struct ym_err e;
    const size_t cuts[] = {0, a, b, len};
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++)
        r = ym_sieve_feed(s, text + cuts[i], cuts[i + 1] - cuts[i]);
    if (r == 0 && (r = ym_sieve_end(s, &doc, &e)) < 0)
        assert_true(e.cls == YM_AMBIGUOUS && e.msg[0]);
    if (r == 0) {
        YM_AUTOFREE char *raw = ym_json_canonical(doc);
        YM_AUTOBUF struct ym_buf out;
        ym_buf_init(&out, 10000);
        for (const char *p = raw; *p;) { /* "ymago-media:" 32 hex ":" */
            if (strncmp(p, "ymago-media:", 12) == 0) {
                p += 12 + 32 + 1;
                ym_buf_adds(&out, "#");
            } else {
                ym_buf_add(&out, p++, 1);
            }
        }
        *ret_doc = ym_buf_steal(&out);
    }
    ym_sieve_free(s);
    return r;
}

#define LONG_100                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "123456789"

static const struct {
    const char *text;
    int r;
    const char *doc;      /* "#N" stands for token N */
    const char *media[3]; /* decoded */
} cases[] = {
    {"{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Here.\"},\n {\"inlineData\": "
     "{\"mimeType\": \"image/jpeg\", \"data\": \"Zm94ZXM=\"}, \"thoughtSignature\": \"QUJD\"}]}}]}",
     0,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Here.\"},{\"inlineData\":{\"data\":\"#"
     "0\","
     "\"mimeType\":\"image/jpeg\"},\"thoughtSignature\":\"QUJD\"}]}}]}",
     {"foxes"}},
    {"[{\"data\":\"Zm94\"},{\"b64_json\" \t\r\n : \n \"b3ds\"},{\"data\":\"\"}]",
     0,
     "[{\"data\":\"#0\"},{\"b64_json\":\"#1\"},{\"data\":\"\"}]",
     {"fox", "owl"}},
    {"{\"data\":\"data:image\\/png;base64,Zm94\"}", 0, "{\"data\":\"#0\"}", {"fox"}},
    {"{\"data\":\"data:;base64,\"}", 0, "{\"data\":\"\"}", {NULL}},
    {"{\"data\":\"data\"}", 0, "{\"data\":\"#0\"}", {"\x75\xab\x5a"}},
    {"{\"data\":\"dataZm94\"}",
     0,
     "{\"data\":\"#0\"}",
     {"\x75\xab\x5a"
      "fox"}},
    {"{\"data\":\"+\\/\\/\\u002b\"}", 0, "{\"data\":\"#0\"}", {"\xfb\xff\xfe"}},
    {"{\"d\\u0061t\\u0061\":\"Zm94\"}", 0, "{\"data\":\"#0\"}", {"fox"}},
    {"{\"data\":\"Zg\\u003d\\u003D\"}", 0, "{\"data\":\"#0\"}", {"f"}},
    /* only direct string values of the key */
    {"{\"data\":[\"no base64!\"],\"x\":{\"data\":{\"y\":\"z\"}},\"data2\":\"-\"}",
     0,
     "{\"data\":[\"no base64!\"],\"data2\":\"-\",\"x\":{\"data\":{\"y\":\"z\"}}}",
     {NULL}},
    {"{\"data\":null,\"x\":\"data\",\"y\":\"!\"}",
     0,
     "{\"data\":null,\"x\":\"data\",\"y\":\"!\"}",
     {NULL}},
    {"[\"data\",\"!\"]", 0, "[\"data\",\"!\"]", {NULL}},
    {"{\"k\\\\\":\"a\\\"b\\\\\",\"e\":\"\\\"data\\\":\\\"!\"}",
     0,
     "{\"e\":\"\\\"data\\\":\\\"!\",\"k\\\\\":\"a\\\"b\\\\\"}",
     {NULL}},
    /* arrays of them */
    {"{\"images\":[\"Zm94\" , \"b3ds\",\"\", \"data:image/png;base64,Zg==\"],\"x\":[\"a!\",\"b!\"]}",
     0,
     "{\"images\":[\"#0\",\"#1\",\"\",\"#2\"],\"x\":[\"a!\",\"b!\"]}",
     {"fox", "owl", "f"}},
    {"{\"images\" : [ \"Zm94\",null,\"c!\"],\"images\\u0020\":[\"d!\"],\"e\":[\"images\",\"f!\"]}",
     0,
     "{\"e\":[\"images\",\"f!\"],\"images\":[\"#0\",null,\"c!\"],\"images \":[\"d!\"]}",
     {"fox"}},
    {"{\"images\":\"g!\",\"y\":{\"images\":[[\"h!\"],\"i!\"]},\"z\":{\"images\":[{\"url\":\"j!\"}]}}",
     0,
     "{\"images\":\"g!\",\"y\":{\"images\":[[\"h!\"],\"i!\"]},\"z\":{\"images\":[{\"url\":\"j!\"}]}}",
     {NULL}},
    {"{\"images\":[\"Zm94\",\"k!\"]}", -EBADMSG, NULL, {NULL}},
    /* long strings */
    {"{\"sig\":\"" LONG_100 "\"}", 0, "{\"sig\":\"" LONG_100 "\"}", {NULL}},
    {"{\"sig\":\"" LONG_100 "x\",\"b\":1}", 0, "{\"b\":1,\"sig\":\"\"}", {NULL}},
    {"{\"sig\":\"" LONG_100 "\\\"\\\\\\u00e4\",\"data\":\"Zm94\"}",
     0,
     "{\"data\":\"#0\",\"sig\":\"\"}",
     {"fox"}},
    /* refused */
    {"{\"data\":\"not base64\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"Zm9\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"Zm9v====\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"Zm9v\\n\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"\\u0041\\u004\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"\\u00e4\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"data:image/png,Zm94\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"data:image/png;base64\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"data:\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"data:" LONG_100 LONG_100 LONG_100 ";base64,Zm94\"}", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"Zm94", -EBADMSG, NULL, {NULL}},
    {"{\"data\":\"Zm94\"", -EBADMSG, NULL, {NULL}},
    {"{\"a\":\"x", -EBADMSG, NULL, {NULL}},
    {"", -EBADMSG, NULL, {NULL}},
    {"<html>busy</html>", -EBADMSG, NULL, {NULL}},
    {"{\"a\":1}}", -EBADMSG, NULL, {NULL}},
    {"{\"a\":\"\\u0000\"}", -EBADMSG, NULL, {NULL}},
    {"[{\"data\":\"Zm94\":\"Zm94\"}]", -EBADMSG, NULL, {NULL}},
    {"[{\"data\":\"AAAA\"},{\"data\":\"AAAA\"},{\"data\":\"AAAA\"},{\"data\":\"AAAA\"},"
     "{\"data\":\"AAAA\"}]",
     -E2BIG,
     NULL,
     {NULL}},
};

static void check(size_t i, size_t a, size_t b)
{
    struct catch c = {0};
    YM_AUTOFREE char *doc = NULL;
    int r = sift(cases[i].text, strlen(cases[i].text), a, b, &c, &doc);
    if (r != cases[i].r || (doc && strcmp(doc, cases[i].doc) != 0))
        fail_msg("case %zu cut at %zu, %zu: %d %s", i, a, b, r, doc ? doc : "");
    for (unsigned k = 0; r == 0 && k < 3; k++) {
        bool wanted = cases[i].media[k] != NULL;
        assert_int_equal(wanted, k < c.begun);
        if (wanted && strcmp(c.media[k].data, cases[i].media[k]) != 0)
            fail_msg("case %zu cut at %zu, %zu: media %u", i, a, b, k);
    }
    if (r == 0)
        assert_int_equal(c.begun, c.ended);
    catch_fini(&c);
}

static void every_case_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        size_t n = strlen(cases[i].text);
        for (size_t a = 0; a <= n; a++)
            for (size_t b = a; b <= n; b += b < a + 8 ? 1 : 13)
                check(i, a, b);
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct catch c = {0};
        struct ym_sieve *s = sieve_new(&c, 100, 4000, 4);
        cJSON *doc = NULL;
        int r = 0;
        for (const char *p = cases[i].text; *p && r == 0; p++)
            r = ym_sieve_feed(s, p, 1);
        if (r == 0)
            r = ym_sieve_end(s, &doc, NULL);
        if (r != cases[i].r)
            fail_msg("case %zu: %d", i, r);
        for (unsigned k = 0; r == 0 && k < c.begun; k++)
            assert_string_equal(c.media[k].data, cases[i].media[k]);
        cJSON_Delete(doc);
        ym_sieve_free(s);
        catch_fini(&c);
    }
}

static void large_media_come_in_large_blocks(void **state)
{
    (void)state;
    static uint8_t plain[1000003];
    static char text[1400000];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 2654435761u >> 13);
    size_t n = (size_t)snprintf(text, sizeof text, "{\"inlineData\":{\"data\":\"");
    n += ym_b64_encode(plain, sizeof plain, text + n);
    n += (size_t)snprintf(text + n, sizeof text - n, "\"}}");
    static const size_t pieces[] = {1400000, 16384, 65536, 4093, 777};
    for (size_t k = 0; k < YM_COUNT(pieces); k++) {
        struct catch c = {0};
        struct ym_sieve *s = sieve_new(&c, 0, 0, 0);
        YM_AUTOJSON cJSON *doc = NULL;
        for (size_t at = 0; at < n; at += pieces[k])
            assert_int_equal(ym_sieve_feed(s, text + at, n - at < pieces[k] ? n - at : pieces[k]),
                             0);
        assert_int_equal(ym_sieve_end(s, &doc, NULL), 0);
        assert_int_equal(ym_sieve_index(s, ym_json_at(doc, "inlineData.data")), 0);
        assert_int_equal(c.media[0].len, sizeof plain);
        assert_memory_equal(c.media[0].data, plain, sizeof plain);
        assert_true(c.biggest > 65000);
        ym_sieve_free(s);
        catch_fini(&c);
    }
}

static void the_document_is_bounded(void **state)
{
    (void)state;
    struct catch c = {0};
    YM_AUTOFREE char *text = ym_alloc(5001);
    memset(text, ' ', 5000);
    memcpy(text, "{}", 2);
    cJSON *doc = NULL;
    struct ym_sieve *s = sieve_new(&c, 100, 4000, 4);
    assert_int_equal(ym_sieve_feed(s, text, 4000), 0);
    assert_int_equal(ym_sieve_feed(s, " ", 1), -E2BIG);
    size_t len;
    assert_memory_equal(ym_sieve_text(s, &len), "{} ", 3); /* still there to be shown */
    ym_sieve_free(s);
    /* many strings that are each short enough */
    s = sieve_new(&c, 100, 4000, 4);
    int r = ym_sieve_feed(s, "[", 1);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = ym_sieve_feed(s, "\"0123456789\",", 13);
    assert_int_equal(r, -E2BIG);
    ym_sieve_free(s);
    /* nor is a string that may yet be dropped, at the very end of the room */
    s = sieve_new(&c, 100, 4000, 4);
    assert_int_equal(ym_sieve_feed(s, text + 2, 3900), 0);
    assert_int_equal(ym_sieve_feed(s, "[\"", 2), 0);
    assert_int_equal(ym_sieve_feed(s, LONG_100, 100), 0); /* 4002 so far */
    assert_int_equal(ym_sieve_feed(s, "x\"]", 3), 0);
    assert_int_equal(ym_sieve_end(s, &doc, NULL), 0);
    cJSON_Delete(doc);
    ym_sieve_free(s);
    /* but what stands before the string counts at once */
    s = sieve_new(&c, 100, 4000, 4);
    assert_int_equal(ym_sieve_feed(s, text + 2, 4000), 0);
    assert_int_equal(ym_sieve_feed(s, "\"", 1), -E2BIG);
    ym_sieve_free(s);
    /* a string that is dropped does not count */
    s = sieve_new(&c, 100, 4000, 4);
    assert_int_equal(ym_sieve_feed(s, "[\"", 2), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ym_sieve_feed(s, LONG_100, 100), 0);
    assert_int_equal(ym_sieve_feed(s, "\"]", 2), 0);
    assert_string_equal(ym_sieve_text(s, &len), "[\"\"]");
    ym_sieve_free(s);
}

static void the_sinks_errors_stop_it(void **state)
{
    (void)state;
    static const char text[] = "{\"data\":\"Zm94\"}";
    struct catch cs[] = {{.fail_begin = -ENOSPC}, {.fail_data = -EIO}, {.fail_end = -EDQUOT}};
    static const int want[] = {-ENOSPC, -EIO, -EDQUOT};
    for (size_t i = 0; i < YM_COUNT(cs); i++) {
        struct ym_sieve *s = sieve_new(&cs[i], 0, 0, 0);
        assert_int_equal(ym_sieve_feed(s, text, strlen(text)), want[i]);
        ym_sieve_free(s);
        catch_fini(&cs[i]);
    }
}

static void tokens_cannot_be_forged(void **state)
{
    (void)state;
    static const char text[] = "{\"data\":\"Zm94\",\"x\":1}";
    struct catch c = {0}, d = {0};
    struct ym_sieve *s = sieve_new(&c, 0, 0, 0), *other = sieve_new(&d, 0, 0, 0);
    YM_AUTOJSON cJSON *doc = NULL, *alien = NULL;
    assert_int_equal(ym_sieve_feed(s, text, strlen(text)), 0);
    assert_int_equal(ym_sieve_end(s, &doc, NULL), 0);
    assert_int_equal(ym_sieve_feed(other, text, strlen(text)), 0);
    assert_int_equal(ym_sieve_end(other, &alien, NULL), 0);
    assert_int_equal(ym_sieve_index(s, ym_json_get(doc, "data")), 0);
    assert_int_equal(ym_sieve_index(s, ym_json_get(doc, "x")), -1);
    assert_int_equal(ym_sieve_index(s, NULL), -1);
    assert_int_equal(ym_sieve_index(s, ym_json_get(alien, "data")), -1);
    YM_AUTOFREE char *token = ym_strdup(ym_json_str(doc, "data"));
    size_t n = strlen(token);
    static const char *const tails[] = {"1", "00", "-1", " 0", "0 ", "", "99999999999999999999"};
    token[n - 1] = '\0';
    for (size_t i = 0; i < YM_COUNT(tails); i++) {
        YM_AUTOFREE char *text2 = ym_asprintf("%s%s", token, tails[i]);
        YM_AUTOJSON cJSON *v = cJSON_CreateString(text2);
        if (ym_sieve_index(s, v) != -1)
            fail_msg("%s", text2);
    }
    ym_sieve_free(s);
    ym_sieve_free(other);
    ym_sieve_free(NULL);
    catch_fini(&c);
    catch_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_at_every_cut),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(large_media_come_in_large_blocks),
        cmocka_unit_test(the_document_is_bounded),
        cmocka_unit_test(the_sinks_errors_stop_it),
        cmocka_unit_test(tokens_cannot_be_forged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
