/* Which model a prompt gets, and what is said of fields that it does not take. */
#include "engine_rig.h"

static const char *const sizes[] = {"1K", "2K", NULL};
static const struct ym_param plain[] = {{"seed", 0, 0, NULL}, {0}};
static const struct ym_param sized[] = {{"seed", 0, 0, NULL}, {"resolution", 0, 0, sizes}, {"from_image", 0, 0, NULL}, {"cfg_scale", 0, 0, NULL}, {0}};

#define PRICES {-1, -1, -1, -1, -1, -1, -1, false}
#define IMAGE  (1u << YM_IMAGE)
static const struct ym_model shop_models[] = {
    {.id = "plain", .kinds = IMAGE, .prices = PRICES, .params = plain, .max_refs = 4},
    {.id = "large", .kinds = IMAGE, .prices = PRICES, .params = sized},
    {.id = "film", .kinds = 1u << YM_VIDEO, .prices = PRICES, .params = sized},
    {.id = "gone", .kinds = IMAGE, .prices = PRICES, .params = sized, .retired = "gone is gone; use plain."},
    {.id = "trusted", .kinds = IMAGE, .prices = PRICES},
    {0},
};
static const struct ym_model many_models[] = {
    {.id = "a", .kinds = IMAGE, .prices = PRICES}, {.id = "b", .kinds = IMAGE, .prices = PRICES},
    {.id = "c", .kinds = IMAGE, .prices = PRICES}, {0},
};
static const struct ym_model box_models[] = {{.id = "checkpoint", .kinds = IMAGE, .prices = PRICES}, {0}};
static const struct ym_model sketch_models[] = {{.id = "sketch", .kinds = IMAGE, .prices = PRICES, .params = sized}, {0}};

static int check(const struct ym_call *call, struct ym_err *e)
{
    return ym_call_check(call, NULL, e);
}

static int price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    (void)call;
    (void)ret;
    return ym_fail(e, YM_HELD, ENODATA, "No price.");
}

static int step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    (void)call;
    (void)state;
    (void)rep;
    (void)n;
    return ym_fail(e, YM_REFUSED, EINVAL, "Nothing is made here.");
}

#define WORK .check = check, .price = price, .step = step
static const struct ym_driver shop = {.name = "shop", .kinds = IMAGE | 1u << YM_VIDEO, .needs_key = true, .key_env = "SHOP_KEY",
                                      .base_url = "https://shop.example", .models = shop_models,
                                      .default_model = {[YM_IMAGE] = "plain", [YM_VIDEO] = "film"}, WORK};
static const struct ym_driver many = {.name = "many", .kinds = IMAGE, .needs_key = true, .key_env = "MANY_KEY",
                                      .base_url = "https://many.example", .models = many_models,
                                      .params = {[YM_IMAGE] = sized}, .default_model = {[YM_IMAGE] = "a"}, WORK};
static const struct ym_driver box = {.name = "box", .kinds = IMAGE, .is_local = true, .is_free = true,
                                     .base_url = "http://127.0.0.1:1", .models = box_models, .params = {[YM_IMAGE] = plain},
                                     .default_model = {[YM_IMAGE] = "checkpoint"}, WORK};
static const struct ym_driver sketch = {.name = "sketch", .kinds = IMAGE, .is_free = true, .models = sketch_models,
                                        .default_model = {[YM_IMAGE] = "sketch"}, WORK};
static const struct ym_driver *const drivers[] = {&shop, &many, &box, &sketch, NULL};

const struct ym_driver *const *rig_drivers(struct rig *r)
{
    (void)r;
    return drivers;
}

/* ---- the default ---- */
static struct ym_config *config(struct rig *r, const char *toml)
{
    struct ym_err e = {0};
    struct ym_config *c = NULL;
    YM_AUTOFREE char *path = ym_asprintf("%s/.ymago/c.toml", r->base.dir);
    assert_int_equal(ym_write_whole(r->base.s.state_fd, "c.toml", toml, strlen(toml), 0600, &e), 0);
    struct ym_config_sources s = {.file = path};
    if (ym_config_load(&s, &c, &e) < 0)
        fail_msg("%s", e.msg);
    return c;
}

static void default_is(struct rig *r, const char *toml, enum ym_kind k, const char *want)
{
    struct ym_config *c = config(r, toml);
    const struct ym_driver *d = NULL;
    const char *model = NULL;
    struct ym_err e = {0};
    int rc = ym_engine_default(c, drivers, k, &d, &model, &e);
    YM_AUTOFREE char *got = rc == 0 ? ym_asprintf("%s/%s", d->name, model) : ym_strdup(e.msg);
    assert_string_equal(got, want);
    ym_config_unref(c);
}

#define KEY   "[providers.many]\napi_key = \"k\"\n"
#define LOCAL "[providers.box]\nbase_url = \"http://127.0.0.1:7860\"\n"
static void the_order_of_defaults(void **state)
{
    struct rig *r = *state;
    default_is(r, "", YM_IMAGE, "sketch/sketch");
    default_is(r, KEY, YM_IMAGE, "many/a");
    default_is(r, KEY "[providers.shop]\napi_key = \"k\"\n", YM_IMAGE, "shop/plain"); /* the first of the list */
    default_is(r, KEY LOCAL, YM_IMAGE, "box/checkpoint");
    default_is(r, "[providers.box]\nrate_limit = 3\n", YM_IMAGE, "sketch/sketch"); /* named, but not where it is */
    default_is(r, KEY LOCAL "[defaults]\nimage_model = \"large\"\n", YM_IMAGE, "shop/large");
    default_is(r, "[defaults]\nimage_model = [\"many/b\", \"sketch\"]\n", YM_IMAGE, "many/b");
    default_is(r, LOCAL, YM_VIDEO, "No model makes video here yet.");
    default_is(r, LOCAL "[providers.shop]\napi_key = \"k\"\n", YM_VIDEO, "shop/film");
    default_is(r, "[defaults]\nimage_model = \"x\"\n[models.x]\nprovider = \"many\"\n", YM_IMAGE, "many/x");
    default_is(r, "[defaults]\nimage_model = \"plaine\"\n", YM_IMAGE,
               "No provider is known for the model \"plaine\"; did you mean \"plain\"?");
}

/* ---- fields ---- */
static void note_is(struct rig *r, const char *path, const char *text, const char *part)
{
    rig_save(r, path, text);
    rig_idle(r);
    YM_AUTOFREE char *note_path = ym_asprintf("%.*s.error.log", (int)(strlen(path) - 4), path);
    YM_AUTOFREE char *note = rig_text(r, note_path);
    if (!note || !strstr(note, part))
        fail_msg("\"%s\" is not in: %s", part, note ? note : "(no note)");
}

static void who_takes_a_field_is_named(void **state)
{
    struct rig *r = *state;
    /* Nobody's key is there: the free one comes first; of one provider two at most, four in all. */
    note_is(r, "images/a.txt", "---\nmodel: shop/plain\nresolution: 2K\n---\nx",
            "plain takes no resolution; it is taken by: sketch/sketch, shop/large, many/a, many/b.");
    rig_configure(r, KEY);
    note_is(r, "images/b.txt", "---\nmodel: shop/plain\nresolution: 2K\n---\ny",
            "it is taken by: many/a, many/b, sketch/sketch, shop/large.");
    /* References and the negative text have fields of their own. */
    note_is(r, "images/c.txt", "---\nmodel: shop/plain\nfrom_image: https://a.example/x.png\n---\nz",
            "plain takes no from_image; it is taken by: many/a");
    /* Nobody takes it: the driver says what the model does take. */
    note_is(r, "images/d.txt", "---\nmodel: shop/plain\nsteps: 20\n---\nx", "plain takes no steps; it takes seed.");
    note_is(r, "images/e.txt", "---\nmodel: shop/plain\nnegative_prompt: fog\n---\nx",
            "plain takes no negative_prompt; it takes seed.");
    /* A model without a list is trusted. */
    rig_save(r, "images/f.txt", "---\nmodel: shop/trusted\nresolution: 2K\nsteps: 3\n---\nx");
    rig_idle(r);
    rig_state_is(r, "images/f.txt", YM_JOB_HELD); /* its price is not known */
}

/* Pasted settings that this model does not know are left out, also when others take them. */
static void pasted_settings_stay_optional(void **state)
{
    struct rig *r = *state;
    rig_save(r, "images/a.txt", "---\nmodel: shop/plain\n---\na fox\nSteps: 20, CFG scale: 7, Seed: 5, Size: 512x512");
    rig_idle(r);
    rig_state_is(r, "images/a.txt", YM_JOB_HELD);
    note_is(r, "images/b.txt", "---\nmodel: shop/plain\ncfg_scale: 7\n---\na fox", "plain takes no cfg_scale; it is taken by: ");
}

static void asks_for(struct rig *r, const char *path, const char *text, const char *want)
{
    struct ym_job_row row;
    rig_save(r, path, text);
    rig_idle(r);
    assert_true(rig_job(r, path, 0, &row));
    YM_AUTOFREE char *got = ym_asprintf("%s/%s", row.provider, row.model);
    assert_string_equal(got, want);
    ym_job_row_fini(&row);
}

/* The model that pasted lines name is a file of somebody's server: it counts at a local one, unless the
 * text or its folder name another. */
static void a_pasted_model_is_for_local_servers(void **state)
{
    struct rig *r = *state;
#define LINES " fox\nSteps: 20, Seed: 5, Model: dream/a"
    rig_configure(r, "[defaults]\n");
    asks_for(r, "images/a.txt", "a" LINES, "sketch/sketch");
    rig_configure(r, "[defaults]\n" KEY);
    asks_for(r, "images/b.txt", "big" LINES, "many/a");
    asks_for(r, "images/c.txt", "---\nprovider: box\n---\nred" LINES, "box/dream/a");
    rig_configure(r, "[defaults]\n" LOCAL);
    asks_for(r, "images/d.txt", "shy" LINES, "box/dream/a");
    asks_for(r, "images/e.txt", "---\nmodel: box/checkpoint\n---\nsly" LINES, "box/checkpoint");
    asks_for(r, "images/f.txt", "a fox\nSteps: 20, Seed: 5", "box/checkpoint");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(the_order_of_defaults),
        T(who_takes_a_field_is_named),
        T(pasted_settings_stay_optional),
        T(a_pasted_model_is_for_local_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
