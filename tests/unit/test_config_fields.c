/* src/config: the fields of a request, folder.toml, and the shared words of jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <ymago/config.h>

static int check(const char *json, cJSON **ret, struct ym_err *e)
{
    YM_AUTOJSON cJSON *raw = NULL;
    int r = ym_json_parse(json, strlen(json), 1 << 20, &raw, e);
    assert_int_equal(r, 0);
    return ym_fields_check(raw, "front matter", ret, e);
}

static void gives(const char *json, const char *expect)
{
    YM_AUTOJSON cJSON *out = NULL;
    struct ym_err e = {0};
    if (check(json, &out, &e) < 0)
        fail_msg("%s: %s", json, e.msg);
    YM_AUTOFREE char *text = ym_json_print(out, false);
    assert_string_equal(text, expect);
}

static void refuses(const char *json, const char *sentence)
{
    YM_AUTOJSON cJSON *out = NULL;
    struct ym_err e = {0};
    if (check(json, &out, &e) == 0)
        fail_msg("%s was taken", json);
    assert_int_equal(e.cls, YM_INVALID);
    assert_string_equal(e.msg, sentence);
}

static void names_and_aliases(void **state)
{
    static const char *const rows[][2] = {
        {"prompt", "prompt"}, {"Text", "prompt"}, {"description", "prompt"},
        {"output_filename", "output_filename"}, {"filename", "output_filename"}, {"Name", "output_filename"},
        {"output name", "output_filename"}, {"media_type", "media_type"}, {"type", "media_type"},
        {"random-seed", "seed"}, {"SEED", "seed"}, {"negative", "negative_prompt"},
        {"Negative Prompt", "negative_prompt"}, {"exclude", "negative_prompt"}, {"source_image", "from_image"},
        {"input_image", "from_image"}, {"image_url", "from_image"}, {"ratio", "aspect_ratio"},
        {"Aspect-Ratio", "aspect_ratio"}, {"image_model", "image_model"}, {"video_model", "video_model"},
        {"model", "model"}, {"request_id", "id"}, {"id", "id"},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        const struct ym_field *f = ym_field_find(rows[i][0]);
        if (!f)
            fail_msg("%s is unknown", rows[i][0]);
        assert_string_equal(f->name, rows[i][1]);
    }
    assert_null(ym_field_find("sede"));
    assert_null(ym_field_find(""));
}

static void no_name_stands_for_two_fields(void **state)
{
    (void)state;
    for (const struct ym_field *f = ym_fields; f->name; f++) {
        assert_ptr_equal(ym_field_find(f->name), f);
        for (const char *const *a = f->aliases; a && *a; a++)
            assert_ptr_equal(ym_field_find(*a), f);
    }
}

static void ratios(void **state)
{
    static const char *const good[][2] = {
        {"16:9", "16:9"}, {"16x9", "16:9"}, {"16X9", "16:9"}, {"16/9", "16:9"}, {"16 : 9", "16:9"},
        {"16:09", "16:9"}, {"16:09:00", "16:9"}, {"04:09:00 PM", "16:9"}, {"4:09 pm", "16:9"},
        {"09:16:00", "9:16"}, {"9:16:00 AM", "9:16"}, {"01:01:00 AM", "1:1"}, {"21:9", "21:9"},
        {"9:09:00 PM", "21:9"}, {"1920x1080", "16:9"}, {"1:8", "1:8"}, {"16\xc3\x97" "9", "16:9"},
        {" 4:3 ", "4:3"}, {"2520x1080", "21:9"}, {"2:2", "2:2"},
    };
    static const char *const bad[] = {"16", "16:", ":9", "0:9", "16:0", "wide", "16:9:30", "16:9 px", "a:b",
                                      "-16:9", "13:09:00 PM", "12:09:00 AM", "1921x1081", "16.5:9"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(good); i++) {
        YM_AUTOFREE char *in = ym_asprintf("{\"ratio\":\"%s\"}", good[i][0]);
        YM_AUTOFREE char *out = ym_asprintf("{\"aspect_ratio\":\"%s\"}", good[i][1]);
        gives(in, out);
    }
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        YM_AUTOFREE char *in = ym_asprintf("{\"ratio\":\"%s\"}", bad[i]);
        YM_AUTOFREE char *out = ym_asprintf("front matter: aspect_ratio must be a ratio such as 16:9, not \"%s\".", bad[i]);
        refuses(in, out);
    }
}

static void seeds(void **state)
{
    (void)state;
    gives("{\"seed\":0}", "{\"seed\":0}");
    gives("{\"seed\":-1}", "{}");
    gives("{\"seed\":\"-1\"}", "{}");
    gives("{\"seed\":4294967295}", "{\"seed\":4294967295}");
    gives("{\"random_seed\":\"42\"}", "{\"seed\":42}");
    gives("{\"seed\":\"42.0\"}", "{\"seed\":42}");
    gives("{\"seed\":\"\"}", "{}");
    gives("{\"seed\":null}", "{}");
    refuses("{\"seed\":4294967296}", "front matter: seed must be a whole number from -1 to 4294967295, not \"4294967296\".");
    refuses("{\"seed\":-2}", "front matter: seed must be a whole number from -1 to 4294967295, not \"-2\".");
    refuses("{\"seed\":1.5}", "front matter: seed must be a whole number from -1 to 4294967295, not \"1.5\".");
    refuses("{\"seed\":\"0x10\"}", "front matter: seed must be a whole number from -1 to 4294967295, not \"0x10\".");
    refuses("{\"seed\":\"1.23E+09\"}", "front matter: seed: \"1.23E+09\" was shortened by a spreadsheet; format the column as text and enter it again.");
    refuses("{\"seed\":\"#NAME?\"}", "front matter: seed: \"#NAME?\" is an error of a spreadsheet; correct the cell.");
    refuses("{\"prompt\":\"Err:509\"}", "front matter: prompt: \"Err:509\" is an error of a spreadsheet; correct the cell.");
}

static void every_field_good_and_bad(void **state)
{
    (void)state;
    gives("{\"Type\":\"Video\",\"quality\":\"HIGH\",\"tier\":\"batch\",\"priority\":\"low\"}",
          "{\"media_type\":\"video\",\"quality\":\"high\",\"tier\":\"batch\",\"priority\":\"low\"}");
    gives("{\"duration\":\"8s\",\"n\":64,\"variation\":0,\"width\":1024,\"height\":\"768\",\"steps\":20}",
          "{\"duration\":8,\"n\":64,\"variation\":0,\"width\":1024,\"height\":768,\"steps\":20}");
    gives("{\"cfg_scale\":\"7,5\",\"clip_skip\":1,\"strength\":0.5,\"stability\":0,\"similarity\":1,\"style\":\".25\"}",
          "{\"cfg_scale\":7.5,\"clip_skip\":1,\"strength\":0.5,\"stability\":0,\"similarity\":1,\"style\":0.25}");
    gives("{\"resolution\":\"2k\"}", "{\"resolution\":\"2K\"}");
    gives("{\"resolution\":\"1080P\"}", "{\"resolution\":\"1080p\"}");
    gives("{\"resolution\":512}", "{\"resolution\":\"512\"}");
    gives("{\"max_usd\":\"$0.05\"}", "{\"max_usd\":0.05}");
    gives("{\"max_usd\":2}", "{\"max_usd\":2}");
    gives("{\"id\":7,\"name\":2024,\"text\":\"a\\nb\"}", "{\"id\":\"7\",\"output_filename\":\"2024\",\"prompt\":\"a\\nb\"}");
    gives("{\"tags\":\"a, b ,,c\"}", "{\"tags\":[\"a\",\"b\",\"c\"]}");
    gives("{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\",\"b\"]}");
    gives("{\"references\":\"a.png; https://x.org/b,c.png\"}", "{\"references\":[\"a.png\",\"https://x.org/b,c.png\"]}");
    gives("{\"references\":\"https://x.org/b,c.png\"}", "{\"references\":[\"https://x.org/b,c.png\"]}");
    gives("{\"loras\":[\"x\",{\"id\":\"y\",\"weight\":0.5}]}", "{\"loras\":[\"x\",{\"id\":\"y\",\"weight\":0.5}]}");
    gives("{\"metadata\":{\"Any Key\":[1,{\"x\":null}]}}", "{\"metadata\":{\"Any Key\":[1,{\"x\":null}]}}");
    gives("{\"safety\":\"BLOCK_NONE\"}", "{\"safety\":\"BLOCK_NONE\"}");
    gives("{\"safety\":{\"harassment\":\"OFF\"}}", "{\"safety\":{\"harassment\":\"OFF\"}}");
    gives("{\"not_before\":\"2026-12-31T18:00:00+02:00\"}", "{\"not_before\":\"2026-12-31T16:00:00Z\"}");
    gives("{\"not_before\":\"2028-02-29 01:02Z\"}", "{\"not_before\":\"2028-02-29T01:02:00Z\"}");
    gives("{\"destination\":\"s3://b/x\",\"webhook\":\"team\"}", "{\"destination\":\"s3://b/x\",\"webhook\":\"team\"}");
    gives("{\"from_image\":\"a/b.png\",\"last_frame\":\"https://x.org/y\"}", "{\"from_image\":\"a/b.png\",\"last_frame\":\"https://x.org/y\"}");

    refuses("{\"type\":\"film\"}", "front matter: media_type must be image, video, audio, sfx or text, not \"film\".");
    refuses("{\"quality\":\"best\"}", "front matter: quality must be draft, standard or high, not \"best\".");
    refuses("{\"tier\":true}", "front matter: tier must be now or batch, not \"true\".");
    refuses("{\"n\":0}", "front matter: n must be a whole number from 1 to 64, not \"0\".");
    refuses("{\"n\":65}", "front matter: n must be a whole number from 1 to 64, not \"65\".");
    refuses("{\"duration\":\"8 m\"}", "front matter: duration must be a number from 0.1 to 3600, not \"8 m\".");
    refuses("{\"strength\":1.01}", "front matter: strength must be a number from 0 to 1, not \"1.01\".");
    refuses("{\"max_usd\":-1}", "front matter: max_usd must be an amount in dollars from 0 to 100000, not \"-1\".");
    refuses("{\"max_usd\":\"none\"}", "front matter: max_usd must be an amount in dollars from 0 to 100000, not \"none\".");
    refuses("{\"resolution\":\"big\"}", "front matter: resolution must be a size such as 1K, 2K, 4K or 1080p, not \"big\".");
    refuses("{\"model\":\"a\\nb\"}", "front matter: model must be a text of one line, not \"a\\x0Ab\".");
    refuses("{\"prompt\":[\"a\"]}", "front matter: prompt must be a text, not \"[\"a\"]\".");
    refuses("{\"not_before\":\"2026-02-30\"}", "front matter: not_before must be a time such as 2026-12-31T18:00, not \"2026-02-30\".");
    refuses("{\"not_before\":\"tomorrow\"}", "front matter: not_before must be a time such as 2026-12-31T18:00, not \"tomorrow\".");
    refuses("{\"metadata\":\"x\"}", "front matter: metadata must be a table of keys and values, not \"x\".");
    refuses("{\"loras\":[{\"id\":\"x\",\"weight\":3}]}", "front matter: loras must be a list of names or of {id, weight from 0 to 2}, not \"[{\"id\":\"x\",\"weight\":3}]\".");
}

static void unknown_and_double_keys(void **state)
{
    (void)state;
    refuses("{\"max_udd\":1}", "front matter: unknown key \"max_udd\"; did you mean \"max_usd\"?");
    refuses("{\"sede\":1}", "front matter: unknown key \"sede\"; did you mean \"seed\"?");
    refuses("{\"customer\":1}", "front matter: unknown key \"customer\"; keys of your own go below \"metadata\".");
    refuses("{\"negative\":\"a\",\"negative_prompt\":\"b\"}", "front matter: \"negative_prompt\" sets negative_prompt a second time; keep one of them.");
    gives("{\"negative\":\"\",\"negative_prompt\":\"b\"}", "{\"negative_prompt\":\"b\"}");
    refuses("{\"api_key\":\"x\"}", "front matter: unknown key \"api_key\"; keys of your own go below \"metadata\".");
}

static void paths_stay_inside(void **state)
{
    static const char *const bad[] = {"/etc/passwd", "../x.png", "a/../../x", "a/..", "~/x", "file:///etc/passwd",
                                      "FILE:x", "http://x.org/a", "@/etc/passwd", "https://", "https://u@h/",
                                      "data:image/png;base64,AA", "ftp://x/y"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        YM_AUTOFREE char *in = ym_asprintf("{\"from_image\":\"%s\"}", bad[i]);
        YM_AUTOFREE char *out = ym_asprintf("front matter: from_image must be a path inside the library or an https:// address, not \"%s\".", bad[i]);
        refuses(in, out);
        YM_AUTOJSON cJSON *ignored = NULL;
        YM_AUTOFREE char *list = ym_asprintf("{\"references\":[\"ok.png\",\"%s\"]}", bad[i]);
        assert_int_equal(check(list, &ignored, NULL), -EINVAL);
    }
    gives("{\"from_image\":\"a..b/c...png\"}", "{\"from_image\":\"a..b/c...png\"}");
    refuses("{\"destination\":\"file:///tmp/x\"}", "front matter: destination must be a destination's name or an s3://, r2:// or gs:// address, not \"file:///tmp/x\".");
    refuses("{\"webhook\":\"http://127.0.0.1/\"}", "front matter: webhook must be a webhook's name or an https:// address, not \"http://127.0.0.1/\".");
}

static void output_names(void **state)
{
    static const char *const bad[] = {"a/b", "..", ".x", "-x", "_x", "#x", "a:b", "a|b", "a?", "a*", "CON", "com1",
                                      "README", "Status.txt", "ctl", "x.", "x~", "a\\\\b", "a\\u202eb", "a\\tb", "a\\nb"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        YM_AUTOJSON cJSON *out = NULL;
        YM_AUTOFREE char *in = ym_asprintf("{\"filename\":\"%s\"}", bad[i]);
        if (check(in, &out, NULL) == 0)
            fail_msg("%s was taken", in);
    }
    gives("{\"filename\":\" two words.v2 \"}", "{\"output_filename\":\"two words.v2\"}");
    gives("{\"filename\":\"stationary\"}", "{\"output_filename\":\"stationary\"}");
    char longest[220] = "{\"filename\":\"";
    memset(longest + 13, 'a', 200);
    memcpy(longest + 213, "\"}", 3);
    YM_AUTOJSON cJSON *out = NULL;
    assert_int_equal(check(longest, &out, NULL), 0);
    memcpy(longest + 213, "a\"}", 4);
    assert_int_equal(check(longest, &out, NULL), -EINVAL);
}

static void models_of_a_kind(void **state)
{
    YM_AUTOJSON cJSON *f = NULL;
    (void)state;
    assert_int_equal(check("{\"image_model\":\"i\",\"video_model\":\"v\"}", &f, NULL), 0);
    assert_string_equal(ym_fields_model(f, YM_IMAGE), "i");
    assert_string_equal(ym_fields_model(f, YM_VIDEO), "v");
    assert_null(ym_fields_model(f, YM_TEXT));
    cJSON_AddStringToObject(f, "model", "m");
    assert_string_equal(ym_fields_model(f, YM_IMAGE), "m");
    assert_string_equal(ym_fields_model(f, YM_SFX), "m");
}

static void merging(void **state)
{
    YM_AUTOJSON cJSON *low = cJSON_Parse("{\"seed\":1,\"max_usd\":0.5,\"metadata\":{\"a\":1,\"b\":2},\"tags\":[\"x\"]}");
    YM_AUTOJSON cJSON *up = cJSON_Parse("{\"seed\":2,\"max_usd\":3,\"metadata\":{\"b\":3},\"tags\":[],\"n\":4}");
    YM_AUTOJSON cJSON *m = ym_fields_merge(low, up);
    YM_AUTOJSON cJSON *alone = ym_fields_merge(NULL, up);
    YM_AUTOJSON cJSON *expect = cJSON_Parse("{\"seed\":2,\"max_usd\":0.5,\"metadata\":{\"a\":1,\"b\":3},\"tags\":[],\"n\":4}");
    (void)state;
    assert_true(cJSON_Compare(m, expect, true));
    assert_true(cJSON_Compare(alone, up, true));
    cJSON_SetNumberValue(cJSON_GetObjectItem(up, "max_usd"), 0.25);
    YM_AUTOJSON cJSON *lower = ym_fields_merge(low, up);
    assert_true(ym_json_num_or(lower, "max_usd", 9) < 0.26);
}

static void folder_good(void **state)
{
    static const char text[] = "kind = \"image\"\nprompt = \"Photo of {x}\"\nsidecar = \"off\"\nratio = \"16x9\"\n"
                               "max_usd = 0.1\nnot_before = 2026-12-31T18:00:00Z\n[metadata]\nteam = \"a\"\n";
    YM_AUTOJSON cJSON *f = NULL, *none = NULL;
    enum ym_kind k = YM_TEXT;
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_folder_parse(text, strlen(text), &f, &k, &e), 0);
    assert_int_equal(k, YM_IMAGE);
    assert_string_equal(ym_json_str(f, "prompt"), "Photo of {x}");
    assert_string_equal(ym_json_str(f, "sidecar"), "off");
    assert_string_equal(ym_json_str(f, "aspect_ratio"), "16:9");
    assert_string_equal(ym_json_str(f, "not_before"), "2026-12-31T18:00:00Z");
    assert_int_equal(ym_folder_parse("", 0, &none, &k, &e), 0);
    assert_int_equal(k, YM_KIND_NONE);
    assert_null(none->child);
}

static void folder_bad(void **state)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"api_key = 'x'", "folder.toml: \"api_key\" is not allowed here: keys belong in the configuration file."},
        {"[auth]\ngoogle_api_key = 'x'", "folder.toml: \"auth\" is not allowed here: keys belong in the configuration file."},
        {"aws_secret_access_key = 'x'", "folder.toml: \"aws_secret_access_key\" is not allowed here: keys belong in the configuration file."},
        {"[providers.gemini]\nbase_url = 'x'", "folder.toml: \"providers\" is not allowed here: a folder may not say where requests go."},
        {"base_url = 'x'", "folder.toml: \"base_url\" is not allowed here: a folder may not say where requests go."},
        {"daily_usd = 500", "folder.toml: \"daily_usd\" is not allowed here: a folder may only lower max_usd; ceilings are in cost/budget.toml."},
        {"[budget]\ndaily_usd = 500", "folder.toml: \"budget\" is not allowed here: a folder may only lower max_usd; ceilings are in cost/budget.toml."},
        {"price_per_image_usd = 0", "folder.toml: \"price_per_image_usd\" is not allowed here: prices belong in prices.toml or the configuration file."},
        {"id = 'x'", "folder.toml: \"id\" belongs to a single prompt and cannot be a folder's default."},
        {"output_filename = 'x'", "folder.toml: \"output_filename\" belongs to a single prompt and cannot be a folder's default."},
        {"kin = 'image'", "folder.toml: unknown key \"kin\"; did you mean \"kind\"?"},
        {"kind = 'picture'", "folder.toml: kind must be image, video, audio, sfx or text."},
        {"sidecar = 'inside'", "folder.toml: sidecar must be \"beside\" or \"off\"."},
        {"prompt = 3", "folder.toml: prompt must be a text."},
        {"quality = 'x'", "folder.toml: quality must be draft, standard or high, not \"x\"."},
        {"customer = 'x'", "folder.toml: unknown key \"customer\"; keys of your own go below [metadata]."},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        cJSON *f = NULL;
        enum ym_kind k = YM_TEXT;
        struct ym_err e = {0};
        assert_true(ym_folder_parse(rows[i].text, strlen(rows[i].text), &f, &k, &e) < 0);
        assert_string_equal(e.msg, rows[i].sentence);
        assert_null(f);
        assert_int_equal(k, YM_TEXT);
    }
}

static void kinds_and_states(void **state)
{
    (void)state;
    for (int k = 0; k < YM_KIND_COUNT; k++) {
        assert_int_equal(ym_kind_parse(ym_kind_name((enum ym_kind)k)), k);
        assert_non_null(ym_kind_folder((enum ym_kind)k));
    }
    assert_int_equal(ym_kind_parse("images"), YM_KIND_NONE);
    for (int s = 0; s < YM_JOB_STATE_COUNT; s++) {
        assert_int_equal(ym_state_parse(ym_state_name((enum ym_state)s)), s);
        bool running = strcmp(ym_state_public((enum ym_state)s), "running") == 0;
        assert_int_equal(running, ym_state_is_running((enum ym_state)s));
    }
    assert_int_equal(ym_state_parse("nonsense"), YM_JOB_NONE);
}

static void requests_survive_packing(void **state)
{
    struct ym_ref refs[2] = {{.path = ym_strdup("a/b.png"), .size = 77, .mime = "image/png"},
                             {.path = ym_strdup("https://x.org/y"), .is_url = true}};
    struct ym_request r = {.negative = ym_strdup("no \"fog\""), .refs = ym_alloc_array(2, sizeof *refs), .nrefs = 2};
    struct ym_request back = {0};
    struct ym_err e;
    (void)state;
    refs[0].b2 = ym_digest_of("x", 1);
    memcpy(r.refs, refs, sizeof refs);
    r.params = cJSON_Parse("{\"seed\":4294967295}");
    YM_AUTOFREE char *text = ym_request_pack(&r);
    assert_int_equal(ym_request_unpack(text, &back, &e), 0);
    assert_string_equal(back.negative, "no \"fog\"");
    assert_true(cJSON_Compare(back.params, r.params, true));
    assert_int_equal(back.nrefs, 2);
    assert_string_equal(back.refs[0].path, "a/b.png");
    assert_true(ym_digest_eq(&back.refs[0].b2, &refs[0].b2));
    assert_int_equal(back.refs[0].size, 77);
    assert_string_equal(back.refs[0].mime, "image/png");
    assert_false(back.refs[0].is_url);
    assert_true(back.refs[1].is_url);
    ym_request_fini(&r);
    ym_request_fini(&back);
    assert_int_equal(ym_request_unpack("{\"params\":{},\"refs\":[{\"path\":\"x\"}]}", &back, &e), -EINVAL);
    assert_int_equal(e.cls, YM_BROKEN);
    assert_int_equal(ym_request_unpack("{\"refs\":[]}", &back, &e), -EINVAL);
    assert_int_equal(ym_request_unpack("{\"params\":{},\"refs\":[]}", &back, &e), 0);
    assert_null(back.negative);
    ym_request_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_aliases),
        cmocka_unit_test(no_name_stands_for_two_fields),
        cmocka_unit_test(ratios),
        cmocka_unit_test(seeds),
        cmocka_unit_test(every_field_good_and_bad),
        cmocka_unit_test(unknown_and_double_keys),
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(output_names),
        cmocka_unit_test(models_of_a_kind),
        cmocka_unit_test(merging),
        cmocka_unit_test(folder_good),
        cmocka_unit_test(folder_bad),
        cmocka_unit_test(kinds_and_states),
        cmocka_unit_test(requests_survive_packing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
