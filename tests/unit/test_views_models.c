/* models/: names of files, what stands in them, and the table. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>
#include <ymago/views.h>

#define IMAGE (1u << YM_IMAGE)
#define VIDEO (1u << YM_VIDEO)
#define NONE  {-1, -1, -1, -1, -1, -1, -1, false}

static const char *const sizes[] = {"1K", "2K", NULL};
static const struct ym_param image_params[] = {
    {"seed", 0, 0, NULL}, {"steps", 1, 50, NULL}, {"resolution", 0, 0, sizes}, {"quality", 0, 0, NULL}, {"from_image", 0, 0, NULL}, {0}};
static const struct ym_param video_params[] = {{"duration", 2, 8, NULL}, {0}};
static const struct ym_model shop_models[] = {
    {.id = "fast/one", .kinds = IMAGE | VIDEO, .prices = {0.04, 0.5, -1, -1, 1.5, -1, -1, false},
     .price_note = "shop.example/prices, 2026-11-01", .max_prompt = 500, .max_refs = 3},
    {.id = "fast+one", .kinds = IMAGE, .prices = NONE},
    {.id = "server", .kinds = IMAGE, .prices = {-1, -1, -1, -1, 2, 8, -1, false}, .ratios = sizes},
    {.id = "old", .kinds = IMAGE, .prices = NONE, .retired = "old was shut down; use fast/one."},
    {0},
};

static int work(void)
{
    return 0;
}
#define CHECK (int (*)(const struct ym_call *, struct ym_err *))(void (*)(void))work
#define STEP                                                                                       \
    (int (*)(const struct ym_call *, cJSON **, const struct ym_reply *, struct ym_next *,          \
             struct ym_err *))(void (*)(void))work
static const struct ym_gather gather = {.max_jobs = 100, .price_factor = 0.5};
static const struct ym_driver shop = {.name = "shop", .kinds = IMAGE | VIDEO, .needs_key = true, .idempotent = true,
                                      .key_env = "SHOP_KEY", .base_url = "https://shop.example", .rate_limit = 60,
                                      .concurrency = 4, .timeout_seconds = 120, .models = shop_models,
                                      .params = {[YM_IMAGE] = image_params, [YM_VIDEO] = video_params},
                                      .default_model = {[YM_VIDEO] = "fast/one"}, .check = CHECK, .step = STEP,
                                      .cancel = STEP, .list = STEP, .gather = &gather};
static const struct ym_model sketch_models[] = {{.id = "sketch", .kinds = IMAGE, .prices = {0, 0, 0, 0, 0, 0, 0, false}}, {0}};
static const struct ym_driver sketch = {.name = "sketch", .kinds = IMAGE, .is_free = true, .models = sketch_models,
                                        .default_model = {[YM_IMAGE] = "sketch"}, .check = CHECK, .step = STEP};
static const struct ym_driver *const drivers[] = {&shop, &sketch, NULL};

/* ---- a view with a configuration and perhaps a list ---- */
struct fix {
    struct ym_models m;
    struct ym_config *config;
    struct ym_list list, *lists[2];
    struct ym_buf out;
};

static struct fix *fix_new(const char *toml, const char *list)
{
    struct fix *f = ym_alloc(sizeof(*f));
    struct ym_err e = {0};
    char path[] = "/tmp/ymago-models-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, toml, strlen(toml)) == (ssize_t)strlen(toml));
    close(fd);
    struct ym_config_sources s = {.file = path};
    int r = ym_config_load(&s, &f->config, &e);
    unlink(path);
    if (r < 0)
        fail_msg("%s", e.msg);
    f->list = (struct ym_list){.provider = "shop", .asked_at = {1700000000000}, .answered_at = {1600000000000}};
    if (list) {
        assert_int_equal(ym_json_parse(list, strlen(list), 1 << 20, &f->list.doc, NULL), 0);
        snprintf(f->list.error, sizeof(f->list.error), "The shop did not answer.");
        f->lists[0] = &f->list;
    }
    f->m = (struct ym_models){.config = f->config, .drivers = drivers, .lists = f->lists};
    ym_buf_init(&f->out, 1 << 20);
    return f;
}

static void fix_free(struct fix *f)
{
    ym_buf_fini(&f->out);
    cJSON_Delete(f->list.doc);
    ym_config_unref(f->config);
    free(f);
}

static void name_add(void *ctx, const char *file)
{
    ym_buf_addf(ctx, "%s ", file);
}

static void files_are(struct fix *f, const char *provider, const char *want)
{
    struct ym_buf b;
    ym_buf_init(&b, 65536);
    assert_int_equal(ym_models_files(&f->m, provider, name_add, &b), 0);
    assert_string_equal(b.data, want);
    ym_buf_fini(&b);
}

/* The file's text, parsed. */
static cJSON *model(struct fix *f, const char *path)
{
    cJSON *o = NULL;
    ym_buf_fini(&f->out);
    ym_buf_init(&f->out, 1 << 20);
    int r = ym_view_model(&f->m, path, &f->out);
    if (r < 0)
        fail_msg("%s: %d", path, r);
    assert_int_equal(ym_json_parse(f->out.data, f->out.len, 1 << 20, &o, NULL), 0);
    return o;
}

/* One value of it, by a dotted path, as JSON. */
static void is(const cJSON *o, const char *path, const char *want)
{
    const cJSON *v = ym_json_at(o, path);
    YM_AUTOFREE char *got = v ? ym_json_print(v, false) : NULL;
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s is %s, not %s", path, got ? got : "absent", want);
}

/* ---- cases ---- */
static void file_names_are_safe_and_distinct(void **state)
{
    (void)state;
    struct fix *f = fix_new("", NULL);
    files_are(f, "sketch", "sketch.json ");
    assert_int_equal(ym_models_files(&f->m, "nobody", name_add, &f->out), -ENOENT);
    ym_buf_fini(&f->out);
    ym_buf_init(&f->out, 65536);
    ym_models_files(&f->m, "shop", name_add, &f->out);
    /* "fast+one" has the bare name, "fast/one" would have it too; "server.json" is no model's. */
    assert_true(strncmp(f->out.data, "fast+one~", 9) == 0);
    assert_non_null(strstr(f->out.data, ".json fast+one.json server~"));
    assert_null(strstr(f->out.data, " server.json"));
    fix_free(f);

    f = fix_new("[models.\"..\"]\nprovider = \"sketch\"\n[models.\"a\\\\b/c:d é\"]\nprovider = \"sketch\"\n"
                "[models.\"-x\"]\nprovider = \"sketch\"\n", NULL);
    files_are(f, "sketch", "sketch.json _x.json _..json a+b+c:d é.json ");
    fix_free(f);

    char toml[700];
    snprintf(toml, sizeof(toml), "[models.\"%0100d\"]\nprovider = \"sketch\"\n", 1);
    f = fix_new(toml, NULL);
    ym_models_files(&f->m, "sketch", name_add, &f->out);
    assert_true(f->out.len < 12 + 112);
    fix_free(f);
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    YM_AUTOFREE char *list = ym_asprintf("{\"models\":[{\"id\":\"%0300d\"},{\"id\":\"%0301d\"},{\"id\":\"old\"},{\"id\":\"%0300d\"}]}", 1, 1, 1);
    struct fix *f = fix_new("", list);
    struct ym_buf b;
    ym_buf_init(&b, 65536);
    ym_models_files(&f->m, "shop", name_add, &b);
    char *save = NULL, *last = NULL;
    int n = 0, longest = 0;
    for (char *w = strtok_r(b.data, " ", &save); w; last = w, w = strtok_r(NULL, " ", &save), n++) {
        longest = (int)strlen(w) > longest ? (int)strlen(w) : longest;
        assert_true(!last || strcmp(w, last) != 0);
    }
    assert_int_equal(n, 1 + 4 + 2); /* server.json, the table, two that are listed: one of them twice */
    assert_true(longest < 200);
    ym_buf_fini(&b);
    fix_free(f);
}

static void a_file_says_all(void **state)
{
    (void)state;
    struct fix *f = fix_new("[providers.shop]\nrate_limit = 5\ndaily_limit = 9\n", NULL);
    ym_models_files(&f->m, "shop", name_add, &f->out);
    YM_AUTOFREE char *path = ym_asprintf("shop/%.*s", (int)strcspn(f->out.data, " "), f->out.data);
    YM_AUTOJSON cJSON *o = model(f, path);
    YM_AUTOFREE char *file = ym_asprintf("\"models/%s\"", path);
    is(o, "id", "\"fast/one\"");
    is(o, "file", file);
    is(o, "kinds", "[\"image\",\"video\"]");
    is(o, "source", "\"built in\"");
    is(o, "price", "\"$0.04 an image, $0.5 a second\"");
    is(o, "prices", "{\"per_image_usd\":0.04,\"per_second_usd\":0.5,\"per_mtok_in_usd\":1.5}");
    is(o, "price_source", "\"shop.example/prices, 2026-11-01\"");
    is(o, "key", "{\"needed\":true,\"there\":false,\"variable\":\"SHOP_KEY\"}");
    is(o, "max_prompt", "500");
    is(o, "max_references", "3");
    is(o, "limits", "{\"per_minute\":5,\"at_once\":4,\"per_day\":9,\"timeout_seconds\":120}");
    is(o, "batch_tier", "{\"price_factor\":0.5,\"max_jobs\":100}");
    is(o, "cancel", "true");
    is(o, "idempotent", "true");
    is(o, "parameters.video.duration.min", "2");
    is(o, "parameters.video.duration.max", "8");
    is(o, "parameters.image.steps.max", "50");
    is(o, "parameters.image.seed.min", "-1"); /* the field's own range */
    is(o, "parameters.image.resolution.values", "[\"1K\",\"2K\"]");
    is(o, "parameters.image.quality.values", "[\"draft\",\"standard\",\"high\"]");
    is(o, "parameters.image.from_image.type", "\"text\"");
    is(o, "parameters.image.seed.help", "\"Start of the randomness; -1 is none.\"");
    is(o, "default_for", "[]");
    /* It names itself at its beginning: a copy of it is no user's file. */
    assert_true(f->out.len > 512 && memmem(f->out.data, 512, YM_VIEW_MARK, strlen(YM_VIEW_MARK)));
    fix_free(f);
}

static void what_is_configured_wins_and_says_so(void **state)
{
    (void)state;
    struct fix *f = fix_new("[providers.shop]\napi_key = \"k\"\ntimeout_seconds = 7\n[models.old]\nprice_per_image_usd = 0.25\n"
                            "rate_limit = 2\nmax_prompt = 99\nfallback = \"fast/one\"\n[models.own]\nprovider = \"shop\"\n", NULL);
    YM_AUTOJSON cJSON *o = model(f, "shop/old.json");
    is(o, "price", "\"$0.25 an image\"");
    is(o, "price_source", "\"configured: [models] of the configuration or .ymago/prices.toml\"");
    is(o, "limits", "{\"per_minute\":2,\"at_once\":4,\"per_day\":null,\"timeout_seconds\":7}");
    is(o, "max_prompt", "99");
    is(o, "fallback", "\"fast/one\"");
    is(o, "retired", "\"old was shut down; use fast/one.\"");
    is(o, "key.there", "true");
    /* A model that nobody but the configuration knows. */
    YM_AUTOJSON cJSON *own = model(f, "shop/own.json");
    is(own, "source", "\"configuration\"");
    is(own, "price", "null");
    is(own, "fallback", "null");
    is(own, "max_references", "null");
    is(own, "kinds", "[\"image\",\"video\"]");
    assert_int_equal(ym_view_model(&f->m, "shop/nothing.json", &f->out), -ENOENT);
    assert_int_equal(ym_view_model(&f->m, "shop", &f->out), -ENOENT);
    assert_int_equal(ym_view_model(&f->m, "nobody/old.json", &f->out), -ENOENT);
    assert_int_equal(ym_view_model(&f->m, "shop/server.json", &f->out), -ENOENT); /* it has no list here */
    fix_free(f);
}

static void what_a_server_lists_is_there_too(void **state)
{
    (void)state;
    struct fix *f = fix_new("", "{\"models\":[{\"id\":\"old\",\"hash\":\"77\"},{\"id\":\"new.safetensors\",\"kinds\":[\"video\",\"odd\"]},"
                                "{\"name\":\"no id\"},7],\"samplers\":[\"euler\"],\"error\":\"not ours\"}");
    YM_AUTOJSON cJSON *o = model(f, "shop/new.safetensors.json");
    is(o, "source", "\"server\"");
    is(o, "kinds", "[\"video\"]");
    is(o, "server.id", "\"new.safetensors\"");
    YM_AUTOJSON cJSON *old = model(f, "shop/old.json");
    is(old, "source", "\"built in\"");
    is(old, "server.hash", "\"77\"");
    YM_AUTOJSON cJSON *server = model(f, "shop/server.json");
    is(server, "asked_at", "\"2023-11-14T22:13:20.000Z\"");
    is(server, "answered_at", "\"2020-09-13T12:26:40.000Z\"");
    is(server, "error", "\"The shop did not answer.\"");
    is(server, "samplers", "[\"euler\"]");
    assert_int_equal(cJSON_GetArraySize(ym_json_get(server, "models")), 4);
    fix_free(f);
}

static void the_table(void **state)
{
    (void)state;
    struct fix *f = fix_new("[providers.shop]\napi_key = \"k\"\n", "{\"models\":[]}");
    YM_AUTOJSON cJSON *all = NULL, *one = NULL, *of = NULL, *none = NULL;
    struct { const char *want; cJSON **o; int n; } rows[] = {
        {NULL, &all, 5}, {"shop/fast/one", &one, 1}, {"sketch", &of, 1}, {"fast/two", &none, 0}};
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        struct ym_buf b;
        ym_buf_init(&b, 1 << 20);
        assert_int_equal(ym_view_models(&f->m, rows[i].want, &b), 0);
        assert_int_equal(ym_json_parse(b.data, b.len, 1 << 20, rows[i].o, NULL), 0);
        assert_int_equal(cJSON_GetArraySize(ym_json_get(*rows[i].o, "models")), rows[i].n);
        ym_buf_fini(&b);
    }
    is(all, "models[0].id", "\"fast/one\"");
    is(all, "models[0].default_for", "[\"video\"]");
    is(all, "models[4].price", "\"free\"");
    is(all, "models[4].default_for", "[\"image\"]");
    is(all, "models[2].price", "\"$2 per million tokens in, $8 per million tokens out\"");
    assert_null(ym_json_at(all, "models[0].parameters"));
    assert_non_null(ym_json_at(one, "models[0].parameters"));
    is(all, "providers[0].list.error", "\"The shop did not answer.\"");
    is(all, "providers[1].list", "null");
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_are_safe_and_distinct),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(a_file_says_all),
        cmocka_unit_test(what_is_configured_wins_and_says_so),
        cmocka_unit_test(what_a_server_lists_is_there_too),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
