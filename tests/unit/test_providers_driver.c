/* src/providers/driver.c: what drivers build requests with. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <ymago/driver.h>

extern const struct ym_driver ym_driver_gemini;

static void requests_are_built(void **state)
{
    struct ym_next n = {0};
    char url[] = "https://x.example/a";
    (void)state;
    struct ym_http *h = ym_next_send(&n, 7, "POST", YM_PAYS, url);
    url[0] = '!'; /* copied */
    ym_http_header(h, "A", "b");
    ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    ym_http_text(h, "{", 1);
    ym_http_text(h, "\0x", 2);
    ym_http_part(h, YM_PART_REF_B64, 3);
    ym_http_text(h, "}", 1);
    assert_int_equal(n.what, YM_NEXT_SEND);
    assert_int_equal(n.nhttp, 1);
    assert_int_equal(h->tag, 7);
    assert_int_equal(h->effect, YM_PAYS);
    assert_string_equal(h->url, "https://x.example/a");
    assert_int_equal(h->nheaders, 2);
    assert_string_equal(h->headers[0].value, "b");
    assert_null(h->headers[0].credential);
    assert_null(h->headers[1].value);
    assert_string_equal(h->headers[1].credential, "api_key");
    assert_string_equal(h->headers[1].prefix, "Bearer ");
    assert_int_equal(h->nparts, 3); /* neighbouring texts are one part */
    assert_int_equal(h->parts[0].len, 3);
    assert_memory_equal(h->parts[0].text, "{\0x", 4);
    assert_int_equal(h->parts[1].type, YM_PART_REF_B64);
    assert_int_equal(h->parts[1].index, 3);
    assert_string_equal(h->parts[2].text, "}");
    for (unsigned i = 1; i < YM_COUNT(n.http); i++)
        ym_next_send(&n, i, "GET", YM_SAFE, "https://x.example/");
    assert_int_equal(n.nhttp, YM_COUNT(n.http));
    n.text = ym_strdup("said");
    ym_next_fini(&n);
    assert_int_equal(n.nhttp, 0);
    assert_null(n.text);
}

static int begin(void *ctx, unsigned index)
{
    (void)ctx;
    (void)index;
    return 0;
}

static int data(void *ctx, unsigned index, const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return begin(ctx, index);
}

static void media_is_found_behind_earlier_files(void **state)
{
    static const char *const keys[] = {"data", NULL};
    static const char doc[] = "[{\"data\":\"aGFsbG8=\"},{\"data\":\"aGk=\"},{\"text\":\"ymago-media:0\"}]";
    const struct ym_sieve_spec spec = {.media_keys = keys};
    const struct ym_sieve_sink sink = {begin, data, begin, NULL};
    struct ym_sieve *s = ym_sieve_new(&spec, &sink);
    const struct ym_staged staged[4] = {{0}};
    YM_AUTOJSON cJSON *json = NULL;
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_sieve_feed(s, doc, strlen(doc)), 0);
    assert_int_equal(ym_sieve_end(s, &json, &e), 0);
    struct ym_reply rep = {.sieve = s, .json = json, .media = staged, .media_first = 2, .nmedia = 4};
    assert_int_equal(ym_reply_media(&rep, ym_json_at(json, "[0].data")), 2);
    assert_int_equal(ym_reply_media(&rep, ym_json_at(json, "[1].data")), 3);
    assert_int_equal(ym_reply_media(&rep, ym_json_at(json, "[2].text")), -1);
    assert_int_equal(ym_reply_media(&rep, NULL), -1);
    rep.nmedia = 3; /* a file that was not kept */
    assert_int_equal(ym_reply_media(&rep, ym_json_at(json, "[1].data")), -1);
    rep.sieve = NULL;
    assert_int_equal(ym_reply_media(&rep, ym_json_at(json, "[0].data")), -1);
    ym_sieve_free(s);
}

static void the_tables_of_gemini_hold(void **state)
{
    (void)state;
    ym_driver_check(&ym_driver_gemini);
    const struct ym_model *m = ym_driver_model(&ym_driver_gemini, "gemini-nano-banana-2.1");
    assert_non_null(m);
    assert_null(m->retired);
    assert_non_null(m->price_note);
    assert_null(ym_driver_model(&ym_driver_gemini, "gemini-nano"));
    assert_string_equal(ym_driver_gemini.default_model[YM_IMAGE], m->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_built),
        cmocka_unit_test(media_is_found_behind_earlier_files),
        cmocka_unit_test(the_tables_of_gemini_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
