#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <ymago/library.h>

/* These digests stand in users' journals and sidecars: when one of them changes, everything they
 * have paid for would be bought again. Do not adapt them; give the hash a new version instead. */
#define GOLDEN_SOURCE  "e3826f20852f0530f2a3b069906f6e67950c25136f36cb4730e78a34acc1e40a"
#define GOLDEN_SOURCE2 "2a99f1952bc9ca9a474cc06f0b2e57f928004da867ff707fc250c731097d1ada"
#define GOLDEN_REQUEST "cee2f6fb5ff75f7d656ff9e771a96a3416cc3fc2ca08db9034b385f6e3f903b9"
#define GOLDEN_BARE    "d8c472489e8ed05597e091496e9a8fc1205cb4cec13dfff00ce4f43736484b6f"

static struct ym_digest digest(const char *s)
{
    return ym_digest_of(s, strlen(s));
}

static void is_hex(const struct ym_digest *d, const char *want)
{
    char hex[65];
    assert_string_equal(ym_digest_hex(d, hex), want);
}

static struct ym_digest source(enum ym_kind k, const char *text, const char *defaults)
{
    return ym_identity_source(k, text, strlen(text), NULL, 0, defaults);
}

static void golden_source(void **state)
{
    (void)state;
    struct ym_digest d = source(YM_IMAGE, "A sunset over the sea\n", "{}");
    is_hex(&d, GOLDEN_SOURCE);
    struct ym_digest refs[2] = {digest("one"), digest("two")};
    d = ym_identity_source(YM_VIDEO, "x\0y", 3, refs, 2, "{\"quality\":\"high\"}");
    is_hex(&d, GOLDEN_SOURCE2);
}

static void sources_that_differ(void **state)
{
    (void)state;
    struct ym_digest refs[2] = {digest("one"), digest("two")}, swapped[2] = {refs[1], refs[0]};
    char as_text[33] = "";
    memcpy(as_text, refs[0].b, 32);
    struct ym_digest all[] = {
        source(YM_IMAGE, "ab", "c"),
        source(YM_IMAGE, "a", "bc"),
        source(YM_IMAGE, "abc", ""),
        source(YM_IMAGE, "", "abc"),
        source(YM_IMAGE, "ab\n", "c"),
        source(YM_VIDEO, "ab", "c"),
        ym_identity_source(YM_IMAGE, "ab", 2, refs, 1, "c"),
        ym_identity_source(YM_IMAGE, "ab", 2, refs, 2, "c"),
        ym_identity_source(YM_IMAGE, "ab", 2, swapped, 2, "c"),
        ym_identity_source(YM_IMAGE, "ab", 2, NULL, 0, as_text),
        ym_identity_source(YM_IMAGE, "ab\0", 3, NULL, 0, "c"),
    };
    for (size_t i = 0; i < YM_COUNT(all); i++)
        for (size_t k = i + 1; k < YM_COUNT(all); k++)
            if (ym_digest_eq(&all[i], &all[k]))
                fail_msg("sources %zu and %zu are taken for one", i, k);
}

static struct ym_digest request(const char *provider, const char *model, const char *prompt,
                                const char *negative, const char *params, int64_t variation)
{
    YM_AUTOJSON cJSON *o = NULL;
    struct ym_err e;
    if (params)
        assert_int_equal(ym_json_parse(params, strlen(params), 10000, &o, &e), 0);
    YM_AUTOFREE char *p = ym_strdup(provider), *m = ym_strdup(model), *t = ym_strdup(prompt),
                     *n = ym_strdup(negative);
    struct ym_request r = {.kind = YM_IMAGE, .provider = p, .model = m, .prompt = t, .negative = n,
                           .params = o, .variation = variation};
    return ym_identity_request(&r);
}

static void golden_request(void **state)
{
    (void)state;
    struct ym_ref ref = {.b2 = digest("ref")};
    YM_AUTOJSON cJSON *o = cJSON_Parse("{\"seed\":5,\"aspect_ratio\":\"16:9\",\"strength\":0.5}");
    char provider[] = "gemini", model[] = "m-1", prompt[] = "A sunset", negative[] = "people";
    struct ym_request r = {.kind = YM_IMAGE, .provider = provider, .model = model, .prompt = prompt,
                           .negative = negative, .params = o, .refs = &ref, .nrefs = 1,
                           .variation = 3};
    struct ym_digest d = ym_identity_request(&r);
    is_hex(&d, GOLDEN_REQUEST);
    d = request("sketch", "sketch", "x", NULL, NULL, 0);
    is_hex(&d, GOLDEN_BARE);
}

static void requests_that_are_one(void **state)
{
    (void)state;
    struct ym_digest a = request("p", "m", "x", NULL, "{\"a\":1,\"b\":2}", 0),
                     b = request("p", "m", "x", "", "{ \"b\" : 2.0, \"a\" : 1 }", 0);
    assert_true(ym_digest_eq(&a, &b));
    a = request("p", "m", "x", NULL, NULL, 0);
    b = request("p", "m", "x", NULL, "{}", 0);
    assert_true(ym_digest_eq(&a, &b));
}

static void requests_that_differ(void **state)
{
    (void)state;
    struct ym_digest all[] = {
        request("p", "m", "x", NULL, NULL, 0),   request("p", "m", "x", NULL, NULL, 1),
        request("p", "m", "x", NULL, NULL, 10),  request("pm", "", "x", NULL, NULL, 0),
        request("", "pm", "x", NULL, NULL, 0),   request("p", "mx", "", NULL, NULL, 0),
        request("p", "m", "", "x", NULL, 0),     request("p", "m", "x", "y", NULL, 0),
        request("p", "m", "xy", NULL, NULL, 0),  request("p", "m", "x", NULL, "{\"seed\":0}", 0),
        request("p", "m", "x", NULL, "{\"seed\":1}", 0),
        request("p", "m", "x", NULL, "{\"seed\":\"1\"}", 0),
        request("p", "m", "x", "{}", NULL, 0),
    };
    for (size_t i = 0; i < YM_COUNT(all); i++)
        for (size_t k = i + 1; k < YM_COUNT(all); k++)
            if (ym_digest_eq(&all[i], &all[k]))
                fail_msg("requests %zu and %zu are taken for one", i, k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_source),         cmocka_unit_test(sources_that_differ),
        cmocka_unit_test(golden_request),        cmocka_unit_test(requests_that_are_one),
        cmocka_unit_test(requests_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
