/* Offline texts: Markdown about the prompt, and documents that follow their schema. */
#include "unit.h"

#include <errno.h>
#include <regex.h>
#include <ymago/driver.h>

#include "sketch/kinds.h"
#include "sketch/text/text.h"

static int make(const char *prompt, const char *params, int64_t variation, char **ret, bool *json, struct ym_err *e)
{
    struct ym_request r = {.kind = YM_TEXT, .variation = variation};
    struct ym_call call = {.req = &r};
    r.prompt = ym_strdup(prompt);
    assert_int_equal(ym_json_parse(params, strlen(params), 1 << 16, &r.params, e), 0);
    int rc = text_check(&call, e);
    int again = text_make(&call, ret, json, e);
    assert_int_equal(rc, again);
    free(r.prompt);
    cJSON_Delete(r.params);
    return rc;
}

static char *prose(const char *prompt, const char *params, int64_t variation)
{
    char *text = NULL;
    bool json = true;
    struct ym_err e;
    assert_int_equal(make(prompt, params, variation, &text, &json, &e), 0);
    assert_false(json);
    return text;
}

static void test_prose(void **state)
{
    YM_AUTOFREE char *a = prose("An article about a lighthouse in Ålesund", "{}", 0),
                     *b = prose("An article about a lighthouse in Ålesund", "{}", 0),
                     *c = prose("An article about a lighthouse in Ålesund", "{\"seed\":1}", 0),
                     *d = prose("An article about a lighthouse in Ålesund", "{}", 1),
                     *s = prose("An article about a lighthouse in Ålesund", "{\"max_tokens\":60}", 0),
                     *poem = prose("a poem about rain", "{}", 0), *talk = prose("dialogue of two cats", "{}", 0),
                     *list = prose("list of cat names", "{}", 0), *odd = prose("?! \xff\xfe", "{}", 0);
    (void)state;
    assert_true(!strncmp(a, "# Lighthouse Ålesund", 15));
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_equal(c, d); /* a variation is the next seed */
    assert_true(strlen(a) > 600 && strlen(s) < 500);
    assert_non_null(strstr(a, "\n\n## "));
    assert_non_null(strstr(a, "offline sketch"));
    assert_null(strstr(a, "@"));
    assert_null(strstr(a, " a un"));
    assert_non_null(strstr(poem, "  \n"));
    assert_non_null(strstr(talk, ":** "));
    assert_non_null(strstr(list, "\n2. **"));
    assert_int_equal(ym_utf8_valid(odd, strlen(odd)), strlen(odd));
}

/* A small judge, of what the cases below use. */
static void judge(const cJSON *root, const cJSON *s, const cJSON *v)
{
    const cJSON *k;
    const char *ref = ym_json_str(s, "$ref"), *type = ym_json_str(s, "type");
    if (ref) {
        const cJSON *defs = ym_json_get(root, "$defs") ? ym_json_get(root, "$defs") : ym_json_get(root, "definitions");
        judge(root, ym_json_get(defs, strrchr(ref, '/') + 1), v);
        return;
    }
    assert_non_null(v);
    if (type && !strcmp(type, "object")) {
        assert_true(cJSON_IsObject(v));
        cJSON_ArrayForEach (k, ym_json_get(s, "required"))
            assert_non_null(ym_json_get(v, k->valuestring));
        cJSON_ArrayForEach (k, ym_json_get(s, "properties"))
            if (ym_json_get(v, k->string))
                judge(root, k, ym_json_get(v, k->string));
    } else if (type && !strcmp(type, "array")) {
        assert_in_range(cJSON_GetArraySize(v), (int)ym_json_num_or(s, "minItems", 0), (int)ym_json_num_or(s, "maxItems", 1e6));
        cJSON_ArrayForEach (k, v)
            if (ym_json_get(s, "items"))
                judge(root, ym_json_get(s, "items"), k);
    } else if (type && !strcmp(type, "string")) {
        assert_true(cJSON_IsString(v));
        size_t n = ym_utf8_count(v->valuestring, strlen(v->valuestring));
        assert_int_equal(ym_utf8_valid(v->valuestring, strlen(v->valuestring)), strlen(v->valuestring));
        assert_in_range(n, (size_t)ym_json_num_or(s, "minLength", 0), (size_t)ym_json_num_or(s, "maxLength", 1e6));
    } else if (type && (!strcmp(type, "integer") || !strcmp(type, "number"))) {
        assert_true(cJSON_IsNumber(v));
        assert_true(v->valuedouble >= ym_json_num_or(s, "minimum", -1e300) && v->valuedouble <= ym_json_num_or(s, "maximum", 1e300));
        if (*type == 'i')
            assert_true(fabs(v->valuedouble - (double)(int64_t)v->valuedouble) < 1e-12);
    } else if (type && !strcmp(type, "boolean")) {
        assert_true(cJSON_IsBool(v));
    }
    bool listed = !ym_json_get(s, "enum");
    cJSON_ArrayForEach (k, ym_json_get(s, "enum"))
        listed |= cJSON_Compare(k, v, true);
    assert_true(listed);
    if (ym_json_get(s, "const"))
        assert_true(cJSON_Compare(ym_json_get(s, "const"), v, true));
}

static cJSON *document(const char *schema, int64_t variation)
{
    YM_AUTOFREE char *params = ym_asprintf("{\"schema\":%s}", schema);
    YM_AUTOFREE char *text = NULL;
    cJSON *v = NULL;
    bool json = false;
    struct ym_err e = {.cls = YM_OK};
    int rc = make("two sailors in a störm", params, variation, &text, &json, &e);
    if (rc != 0)
        print_message("%s\n%s\n", schema, e.msg);
    assert_int_equal(rc, 0);
    assert_true(json);
    assert_int_equal(ym_json_parse(text, strlen(text), 1 << 20, &v, &e), 0);
    return v;
}

static void test_schemas_are_followed(void **state)
{
    static const char *const schemas[] = {
        "{\"type\":\"string\",\"minLength\":300,\"maxLength\":310}",
        "{\"type\":\"string\",\"maxLength\":3}",
        "{\"type\":\"integer\",\"minimum\":3,\"maximum\":3}",
        "{\"type\":\"integer\",\"minimum\":-9,\"maximum\":-2}",
        "{\"type\":\"number\",\"minimum\":0.25,\"maximum\":0.26}",
        "{\"type\":\"number\",\"maximum\":-100}",
        "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":5}",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":9},\"maxItems\":2}",
        "{\"enum\":[\"a\",2,null,{\"b\":[1]}]}",
        "{\"const\":{\"a\":[1,2]}}",
        "{\"type\":\"object\",\"required\":[\"x\",\"y\"],\"properties\":{\"x\":{\"type\":\"integer\"}}}",
        "{\"type\":\"object\",\"properties\":{\"s\":{\"$ref\":\"#/$defs/S\"},\"l\":{\"type\":\"array\",\"minItems\":2,\"items\":{\"$ref\":\"#/$defs/S\"}}},"
        "\"required\":[\"s\",\"l\"],\"$defs\":{\"S\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":4,\"maximum\":8},"
        "\"next\":{\"$ref\":\"#/$defs/S\"}},\"required\":[\"n\"]}}}",
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/a~0b\"},\"definitions\":{\"a~b\":{\"type\":\"integer\"},\"a~0b\":{\"type\":\"integer\"}}}",
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(schemas); i++)
        for (int64_t k = 0; k < 5; k++) {
            cJSON *s = NULL, *v = document(schemas[i], k);
            struct ym_err e;
            assert_int_equal(ym_json_parse(schemas[i], strlen(schemas[i]), 1 << 16, &s, &e), 0);
            judge(s, s, v);
            cJSON_Delete(s);
            cJSON_Delete(v);
        }
}

static void test_schema_details(void **state)
{
    (void)state;
    cJSON *v = document("{\"type\":\"object\",\"properties\":{"
                        "\"score\":{\"type\":\"number\",\"minimum\":0,\"maximum\":10},"
                        "\"n\":{\"type\":\"integer\",\"exclusiveMinimum\":4,\"exclusiveMaximum\":6},"
                        "\"m\":{\"type\":\"number\",\"multipleOf\":0.5,\"minimum\":0.3,\"maximum\":0.7},"
                        "\"old\":{\"type\":\"integer\",\"minimum\":4,\"exclusiveMinimum\":true,\"maximum\":5},"
                        "\"either\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"boolean\"}]},"
                        "\"one\":{\"oneOf\":[{\"const\":7},{\"type\":\"string\"}]},"
                        "\"nullable\":{\"type\":[\"null\",\"integer\"]},"
                        "\"both\":{\"allOf\":[{\"properties\":{\"a\":{\"const\":1}}},{\"properties\":{\"b\":{\"const\":2}}}]},"
                        "\"tuple\":{\"type\":\"array\",\"prefixItems\":[{\"const\":\"x\"},{\"type\":\"integer\"}],\"items\":false},"
                        "\"tags\":{\"type\":\"array\",\"uniqueItems\":true,\"minItems\":6,\"items\":{\"type\":\"string\"}},"
                        "\"few\":{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[1,2]}},"
                        "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"mail\":{\"type\":\"string\",\"format\":\"email\"},"
                        "\"scenes\":{\"type\":\"array\",\"minItems\":2,\"items\":{\"type\":\"object\",\"properties\":{\"number\":{\"type\":\"integer\"}}}},"
                        "\"map\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}}}", 3);
    double score = ym_json_num_or(v, "score", 0);
    assert_true(score >= 6 && score < 9.5);
    assert_int_equal((int)ym_json_num_or(v, "n", 0), 5);
    assert_true(fabs(ym_json_num_or(v, "m", 0) - 0.5) < 1e-9);
    assert_int_equal((int)ym_json_num_or(v, "old", 0), 5);
    assert_true(cJSON_IsBool(ym_json_get(v, "either")));
    assert_int_equal((int)ym_json_num_or(v, "one", 0), 7);
    assert_true(cJSON_IsNumber(ym_json_get(v, "nullable")));
    assert_int_equal((int)ym_json_num_or(ym_json_get(v, "both"), "b", 0), 2);
    assert_int_equal((int)ym_json_num_or(ym_json_get(v, "both"), "a", 0), 1);
    assert_int_equal(cJSON_GetArraySize(ym_json_get(v, "tuple")), 2);
    assert_int_equal(cJSON_GetArraySize(ym_json_get(v, "few")), 2);
    const cJSON *tags = ym_json_get(v, "tags");
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(cJSON_GetArrayItem(tags, i)->valuestring, cJSON_GetArrayItem(tags, k)->valuestring);
    assert_int_equal(strlen(ym_json_str(v, "when")), 20);
    assert_non_null(strchr(ym_json_str(v, "mail"), '@'));
    assert_int_equal((int)ym_json_num_or(cJSON_GetArrayItem(ym_json_get(v, "scenes"), 1), "number", 0), 2);
    assert_true(cJSON_GetArraySize(ym_json_get(v, "map")) >= 1);
    cJSON_Delete(v);
}

static void test_schemas_that_nothing_follows(void **state)
{
    static const char *const schemas[] = {
        "{\"$ref\":\"#\"}",
        "{\"$ref\":\"#/nowhere\"}",
        "{\"$ref\":\"https://example.org/s.json\"}",
        "{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}",
        "{\"allOf\":[{\"$ref\":\"#\"}]}",
        "{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}",
        "{\"type\":\"integer\",\"minimum\":4.2,\"maximum\":4.8}",
        "{\"type\":\"array\",\"minItems\":100000}",
        "{\"type\":\"array\",\"minItems\":3000,\"items\":{\"type\":\"array\",\"minItems\":3000}}",
        "{\"type\":\"array\",\"uniqueItems\":true,\"minItems\":3,\"items\":{\"enum\":[1,2]}}",
        "{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}",
        "{\"type\":\"string\",\"pattern\":\"(?=x)y\"}",
        "{\"type\":\"number\",\"minimum\":-1e308,\"maximum\":1e308,\"multipleOf\":1e308}",
        "{\"type\":\"film\"}",
        "{\"enum\":[]}",
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(schemas); i++) {
        YM_AUTOFREE char *params = ym_asprintf("{\"schema\":%s}", schemas[i]);
        YM_AUTOFREE char *text = NULL;
        bool json;
        struct ym_err e = {.cls = YM_OK};
        int rc = make("x", params, 0, &text, &json, &e);
        if (rc == 0) /* a number may be found where the limits are that wide */
            assert_non_null(strstr(schemas[i], "1e308"));
        else
            assert_int_equal(e.cls, YM_INVALID);
    }
}

static void test_patterns(void **state)
{
    static const char *const patterns[] = {
        "^[A-Z]{3}-[0-9]{2,4}(x|y)?$", "^(red|green|blue)$", "^a+b*c?$", "^[^a-f]{4}$", "^(ab(c|d)){2}$",
        "^#[0-9a-f]{6}$",              "^\\$[0-9]+\\.[0-9]{2}$", "^.{3,5}$", "^(a|b)+@[a-z]+[.]org$",
    };
    static const char *const not_ours[] = {"(?=a)", "[", "(", "a{3", "a)", "*", "\\", "\\k", "[z-a]", "a{2000}", "((a{900}){900})"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(patterns); i++)
        for (uint64_t seed = 0; seed < 30; seed++) {
            struct rng r = {seed};
            struct ym_buf b;
            regex_t re;
            ym_buf_init(&b, 1 << 16);
            assert_true(pattern_make(patterns[i], &r, &b));
            assert_int_equal(regcomp(&re, patterns[i], REG_EXTENDED | REG_NOSUB), 0);
            if (regexec(&re, b.data, 0, NULL, 0) != 0)
                print_message("%s: %s\n", patterns[i], b.data);
            assert_int_equal(regexec(&re, b.data, 0, NULL, 0), 0);
            regfree(&re);
            ym_buf_fini(&b);
        }
    for (size_t i = 0; i < YM_COUNT(not_ours); i++) {
        struct rng r = {1};
        struct ym_buf b;
        ym_buf_init(&b, 1 << 16);
        assert_false(pattern_make(not_ours[i], &r, &b));
        ym_buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prose),
        cmocka_unit_test(test_schemas_are_followed),
        cmocka_unit_test(test_schema_details),
        cmocka_unit_test(test_schemas_that_nothing_follows),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
