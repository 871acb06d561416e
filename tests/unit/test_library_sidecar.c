#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <ymago/library.h>

#define ID "01HF0000000000000000000001"

static struct ym_digest digest(const char *s)
{
    return ym_digest_of(s, strlen(s));
}

static char s_gemini[] = "gemini", s_model[] = "gemini-nano-banana-2.1", s_prompt[] = "A \"sunset\"\nover the sea",
            s_negative[] = "people", s_mime[] = "image/png", s_provider_id[] = "resp-1",
            s_ref[] = "images/sunset.in.png", s_url[] = "https://x.example/a.png", s_safety[] = "ok";

struct made {
    struct ym_job_row job;
    struct ym_request request;
    struct ym_ref refs[2];
    struct ym_digest s;
    struct ym_sidecar_in in;
};

static void make(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->s = digest("source");
    m->refs[0] = (struct ym_ref){.path = s_ref, .b2 = digest("ref")};
    m->refs[1] = (struct ym_ref){.path = s_url, .is_url = true, .b2 = digest("url")};
    m->request = (struct ym_request){
        .kind = YM_IMAGE, .provider = s_gemini, .model = s_model, .prompt = s_prompt,
        .negative = s_negative, .variation = 2, .refs = m->refs, .nrefs = 2,
        .params = cJSON_Parse("{\"seed\":40,\"aspect_ratio\":\"16:9\",\"quality\":\"high\"}")};
    m->job = (struct ym_job_row){
        .state = YM_JOB_STORED, .kind = YM_IMAGE, .h = digest("request"), .variation = 2,
        .queued_at = {1795169700000}, .started_at = {1795169701000}, .finished_at = {1795169707500},
        .attempts = 1, .cost = {39000}, .cost_is_estimate = true, .provider_id = s_provider_id,
        .safety = s_safety, .b2 = digest("bytes"), .mime = s_mime, .size = 123456, .width = 1376,
        .height = 768, .c2pa = true};
    memcpy(m->job.id.s, ID, sizeof(ID));
    m->in = (struct ym_sidecar_in){.job = &m->job, .request = &m->request, .s = &m->s,
                                   .prompt_file = "sunset.txt", .version = 3, .metadata = true};
}

static void unmake(struct made *m)
{
    cJSON_Delete(m->request.params);
}

static cJSON *parse(const char *text)
{
    cJSON *o = NULL;
    struct ym_err e;
    if (ym_json_parse(text, strlen(text), 1 << 20, &o, &e) < 0)
        fail_msg("%s: %s", e.msg, text);
    return o;
}

static void keys_are(const cJSON *o, const char *const *keys)
{
    const cJSON *v = cJSON_GetArrayItem(o, 0);
    for (; *keys; keys++, v = v->next) {
        if (!v)
            fail_msg("\"%s\" is missing", *keys);
        assert_string_equal(v->string, *keys);
    }
    if (v)
        fail_msg("\"%s\" is too much", v->string);
}

static void row_free(struct ym_sidecar_row *r)
{
    free(r->path);
    free(r->media);
    free(r->doc);
}

static void keys_in_exact_order(void **state)
{
    (void)state;
    struct made m;
    make(&m);
    YM_AUTOFREE char *text = ym_sidecar_build(&m.in);
    assert_int_equal(text[strlen(text) - 1], '\n');
    YM_AUTOJSON cJSON *o = parse(text);
    keys_are(o, (const char *const[]){"prompt", "negative_prompt", "model_name", "seed",
                                      "timestamp_utc", "source_image_url", "aspect_ratio",
                                      "generation_parameters", "ymago", NULL});
    keys_are(ym_json_get(o, "generation_parameters"),
             (const char *const[]){"media_type", "quality", "generation_time_seconds",
                                   "file_size_bytes", NULL});
    keys_are(ym_json_get(o, "ymago"),
             (const char *const[]){"schema", "id", "version", "source_hash", "request_hash",
                                   "variation", "b2", "mime", "width", "height", "duration_s",
                                   "provider", "model", "provider_id", "attempts", "queued_at",
                                   "started_at", "finished_at", "cost_usd", "cost_is_estimate",
                                   "reused_from", "params", "references", "prompt_file", "batch",
                                   "url", "c2pa", "safety", NULL});
    unmake(&m);
}

static void values(void **state)
{
    (void)state;
    struct made m;
    make(&m);
    YM_AUTOFREE char *text = ym_sidecar_build(&m.in);
    YM_AUTOJSON cJSON *o = parse(text);
    char hex[65];
    assert_string_equal(ym_json_str(o, "prompt"), s_prompt);
    assert_int_equal(ym_json_int_or(o, "seed", 0), 42); /* 40, variation 2: what was sent */
    assert_string_equal(ym_json_str(o, "timestamp_utc"), "2026-11-20T10:15:07.500Z");
    assert_string_equal(ym_json_str(o, "source_image_url"), s_ref);
    const cJSON *g = ym_json_get(o, "generation_parameters"), *y = ym_json_get(o, "ymago");
    assert_string_equal(ym_json_str(g, "media_type"), "image");
    assert_non_null(strstr(text, "\"generation_time_seconds\": 6.5"));
    assert_int_equal(ym_json_int_or(y, "schema", 0), 1);
    assert_string_equal(ym_json_str(y, "id"), ID);
    assert_int_equal(ym_json_int_or(y, "version", 0), 3);
    assert_string_equal(ym_json_str(y, "b2"), ym_digest_hex(&m.job.b2, hex));
    assert_non_null(strstr(text, "0.039"));
    assert_true(ym_json_bool(y, "cost_is_estimate", false));
    assert_true(cJSON_IsNull(ym_json_get(y, "duration_s")));
    assert_true(cJSON_IsNull(ym_json_get(y, "batch")));
    assert_true(cJSON_IsNull(ym_json_get(y, "reused_from")));
    assert_int_equal(ym_json_int_or(ym_json_get(y, "params"), "seed", 0), 40);
    assert_string_equal(cJSON_GetStringValue(ym_json_at(y, "references[1].path")), s_url);
    assert_true(cJSON_IsNull(ym_json_at(y, "references[1].b2")));
    assert_string_equal(ym_json_str(y, "c2pa"), "present");
    unmake(&m);
}

static void a_clone_costs_nothing(void **state)
{
    (void)state;
    struct made m;
    make(&m);
    m.in.reused = true;
    m.in.batch_file = "rows.csv";
    m.in.batch_row = 7;
    m.in.batch_id = "p-7";
    cJSON_DeleteItemFromObject(m.request.params, "seed");
    YM_AUTOFREE char *text = ym_sidecar_build(&m.in);
    YM_AUTOJSON cJSON *o = parse(text);
    const cJSON *y = ym_json_get(o, "ymago");
    assert_string_equal(ym_json_str(y, "reused_from"), ID);
    assert_int_equal(ym_json_int_or(y, "cost_usd", -1), 0);
    assert_int_equal(ym_json_int_or(o, "seed", 0), -1); /* random */
    assert_int_equal(ym_json_int_or(ym_json_get(y, "batch"), "row", 0), 7);
    unmake(&m);
}

static void without_metadata_no_words_but_identity(void **state)
{
    (void)state;
    struct made m;
    make(&m);
    m.in.metadata = false;
    YM_AUTOFREE char *text = ym_sidecar_build(&m.in);
    assert_null(strstr(text, "sunset\\\""));
    assert_null(strstr(text, "people"));
    assert_null(strstr(text, "16:9"));
    struct ym_sidecar_row row;
    struct ym_err e;
    assert_int_equal(ym_sidecar_parse("images/sunset.png.json", text, strlen(text), &row, &e), 0);
    assert_true(ym_digest_eq(&row.s, &m.s));
    row_free(&row);
    unmake(&m);
}

static void round_trip(void **state)
{
    (void)state;
    struct made m;
    make(&m);
    YM_AUTOFREE char *text = ym_sidecar_build(&m.in);
    struct ym_sidecar_row row;
    struct ym_err e;
    assert_int_equal(ym_sidecar_parse("images/sunset.png.json", text, strlen(text), &row, &e), 0);
    assert_string_equal(row.path, "images/sunset.png.json");
    assert_string_equal(row.media, "images/sunset.png");
    assert_true(ym_digest_eq(&row.s, &m.s));
    assert_true(ym_digest_eq(&row.h, &m.job.h));
    assert_true(ym_digest_eq(&row.b2, &m.job.b2));
    assert_int_equal(row.variation, 2);
    assert_string_equal(row.doc, text);
    row_free(&row);
    unmake(&m);
}

static void older_and_damaged_ones(void **state)
{
    (void)state;
    static const char old[] = "{\"prompt\":\"A sunset\",\"model_name\":\"m\",\"seed\":-1}";
    struct ym_sidecar_row row;
    struct ym_err e;
    assert_int_equal(ym_sidecar_parse("a.png.json", old, strlen(old), &row, &e), 0);
    assert_true(ym_digest_is_zero(&row.s) && ym_digest_is_zero(&row.h) && ym_digest_is_zero(&row.b2));
    assert_int_equal(row.variation, 0);
    row_free(&row);

    static const char odd[] = "{\"ymago\":{\"source_hash\":\"zz\",\"b2\":5,\"variation\":-3}}";
    assert_int_equal(ym_sidecar_parse("a.png.json", odd, strlen(odd), &row, &e), 0);
    assert_true(ym_digest_is_zero(&row.s) && ym_digest_is_zero(&row.b2));
    assert_int_equal(row.variation, 0);
    row_free(&row);

    static const char *const bad[] = {"", "{}", "[]", "5", "{\"prompt\":\"x\"}", "{\"prompt\":5,\"model_name\":\"m\"}",
                                      "{\"ymago\":5}", "{\"ymago\":{}", "{\"ymago\":{}} x", "{\"ymago\":{\"id\":\"\\u0000\"}}"};
    for (size_t i = 0; i < YM_COUNT(bad); i++)
        if (ym_sidecar_parse("a.png.json", bad[i], strlen(bad[i]), &row, &e) != -EINVAL)
            fail_msg("taken for a sidecar: %s", bad[i]);
    assert_int_equal(ym_sidecar_parse("a.png", old, strlen(old), &row, &e), -EINVAL);
    assert_int_equal(ym_sidecar_parse(".json", old, strlen(old), &row, &e), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_in_exact_order),
        cmocka_unit_test(values),
        cmocka_unit_test(a_clone_costs_nothing),
        cmocka_unit_test(without_metadata_no_words_but_identity),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(older_and_damaged_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
