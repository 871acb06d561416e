/* The providers' own lists of models: who is asked, when, and what is shown of it. Two drivers of its own: a
 * local server "box" with a list of two pages, and a shop that wants a key. */
#include "engine_rig.h"

#include "raw_server.h"

#define SECONDS 20

static struct raw_server *server;
static atomic_int failing; /* 1: status 500; 2: hang up; 3: no JSON */

static int ask(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *page)
{
    YM_AUTOFREE char *url = ym_asprintf("%s/%s", call->base_url, page);
    struct ym_http *h = ym_next_send(n, tag, "GET", YM_SAFE, url);
    if (call->has_key)
        ym_http_credential(h, "Authorization", "api_key", "Basic ");
    return 0;
}

/* Both pages at once; each is a step of its own. */
static int paged_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    const cJSON *m;
    if (!rep) {
        *state = cJSON_CreateArray();
        ask(call, n, 1, "one");
        return ask(call, n, 2, "two");
    }
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return ym_fail(e, YM_TRANSIENT, EIO, "The box said %d.", rep->status);
    cJSON_ArrayForEach(m, rep->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, "id", cJSON_Duplicate(m, true));
        cJSON_AddItemToArray(*state, o);
    }
    if (cJSON_GetArraySize(*state) < 3) {
        n->what = YM_NEXT_WAIT;
        return 0;
    }
    n->what = YM_NEXT_DONE;
    n->list = cJSON_CreateObject();
    cJSON_AddItemToObject(n->list, "models", cJSON_Duplicate(*state, true));
    return 0;
}

static int no_check(const struct ym_call *call, struct ym_err *e)
{
    (void)call;
    (void)e;
    return 0;
}

static int no_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    (void)call;
    (void)ret;
    return ym_fail(e, YM_HELD, ENODATA, "No price.");
}

static int no_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    (void)call;
    (void)state;
    (void)rep;
    (void)n;
    return ym_fail(e, YM_INVALID, EINVAL, "Nothing is made here.");
}

static const struct ym_driver box = {.name = "box", .kinds = 1u << YM_IMAGE, .is_local = true, .is_free = true,
                                     .base_url = "http://127.0.0.1:1", .check = no_check, .step = no_step,
                                     .list = paged_list};
static const struct ym_driver shop = {.name = "shop", .kinds = 1u << YM_IMAGE, .needs_key = true, .key_env = "SHOP_KEY",
                                      .base_url = "http://127.0.0.1:1", .check = no_check, .price = no_price,
                                      .step = no_step, .list = paged_list};
static const struct ym_driver mute = {.name = "mute", .kinds = 1u << YM_IMAGE, .is_free = true, .check = no_check,
                                      .step = no_step};

const struct ym_driver *const *rig_drivers(struct rig *r)
{
    static const struct ym_driver *const drivers[] = {&box, &shop, &mute, NULL};
    (void)r;
    return drivers;
}

static void serve(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(s, fd)) {
        int fails = atomic_load(&failing);
        bool one = strstr(raw_request, "GET /one") != NULL;
        if (fails == 2)
            return;
        if (fails == 1)
            raw_printf(fd, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n[]");
        else
            raw_ok(fd, fails == 3 ? "<html>" : one ? "[\"dream.safetensors\", \"b\\u0007c\"]" : "[\"real\"]");
    }
}

/* ---- looking ---- */
static struct ym_list *shown(struct rig *r, const char *provider, struct ym_list ***all)
{
    *all = ym_engine_lists(r->e);
    for (struct ym_list **l = *all; *l; l++)
        if (strcmp((*l)->provider, provider) == 0)
            return *l;
    fail_msg("%s has no list", provider);
    return NULL;
}

static void note_over(void *ctx)
{
    atomic_store((atomic_bool *)ctx, true);
}

/* Asks and waits until nobody is out. */
static void asked(struct rig *r, enum ym_list_who who, int64_t age_ms)
{
    struct timespec nap = {.tv_nsec = 1000000};
    atomic_bool over = false;
    ym_engine_lists_ask(r->e, who, YM_MS(age_ms), note_over, &over);
    for (int i = 0; i < SECONDS * 1000 && !atomic_load(&over); i++)
        nanosleep(&nap, NULL);
    assert_true(atomic_load(&over));
}

static void models_are(struct rig *r, const char *provider, int n, const char *error)
{
    struct ym_list **all, *l = shown(r, provider, &all);
    int have = cJSON_GetArraySize(l->doc ? ym_json_get(l->doc, "models") : NULL);
    if (have != n || strcmp(l->error, error) != 0)
        fail_msg("%s: %d models, \"%s\"", provider, have, l->error);
    ym_lists_free(all);
}

static void configure(struct rig *r, const char *providers)
{
    YM_AUTOFREE char *origin = ym_asprintf("http://127.0.0.1:%d", server->port);
    rig_allow(r, origin);
    rig_configure(r, providers);
}

static void with_server(struct rig *r, const char *provider, const char *more)
{
    YM_AUTOFREE char *toml = ym_asprintf("[providers.%s]\nbase_url = \"http://127.0.0.1:%d\"\n%s", provider, server->port, more);
    configure(r, toml);
}

static int setup(void **state)
{
    server = raw_start(serve, NULL);
    atomic_store(&failing, 0);
    return rig_setup(state);
}

static int teardown(void **state)
{
    int r = rig_teardown(state);
    raw_stop(server);
    return r;
}

/* ---- cases ---- */
static void nobody_is_asked_without_a_key_or_an_address(void **state)
{
    struct rig *r = *state;
    asked(r, YM_LIST_ALL, 0);
    models_are(r, "box", 0, "");
    struct ym_list **all, *l = shown(r, "box", &all);
    assert_int_equal(l->asked_at.ms, 0);
    assert_null(l->doc);
    assert_string_equal(all[1]->provider, "shop"); /* and nobody without a list is there */
    assert_null(all[2]);
    ym_lists_free(all);
}

static void a_local_server_is_asked_at_the_start(void **state)
{
    struct rig *r = *state;
    with_server(r, "box", "");
    asked(r, YM_LIST_LOCAL, 3600000); /* it is out already, or just was */
    models_are(r, "box", 3, "");
    assert_int_equal(atomic_load(&server->requests), 2);
    struct ym_list **all, *l = shown(r, "box", &all);
    assert_int_equal(l->asked_at.ms, r->wall_ms);
    assert_int_equal(l->answered_at.ms, r->wall_ms);
    /* Names from a server are shown in sentences and terminals. */
    YM_AUTOFREE char *text = ym_json_print(l->doc, false);
    assert_null(strstr(text, "\\u0007"));
    ym_lists_free(all);
}

static void another_provider_only_when_told(void **state)
{
    struct rig *r = *state;
    with_server(r, "shop", "api_key = \"user:password\"\n");
    asked(r, YM_LIST_LOCAL, 0);
    assert_int_equal(atomic_load(&server->requests), 0);
    asked(r, YM_LIST_ALL, 0);
    models_are(r, "shop", 3, "");
    assert_non_null(strstr(server->last, "Authorization: Basic dXNlcjpwYXNzd29yZA=="));
    assert_null(strstr(server->last, "user:password"));
}

static void an_answer_is_good_for_a_while(void **state)
{
    struct rig *r = *state;
    with_server(r, "box", "");
    asked(r, YM_LIST_LOCAL, 60000);
    asked(r, YM_LIST_LOCAL, 60000);
    assert_int_equal(atomic_load(&server->requests), 2);
    rig_advance(r, 61000);
    asked(r, YM_LIST_LOCAL, 60000);
    assert_int_equal(atomic_load(&server->requests), 4);
    asked(r, YM_LIST_ALL, 0);
    assert_int_equal(atomic_load(&server->requests), 6);
}

static void a_failure_keeps_what_was_known(void **state)
{
    struct rig *r = *state;
    with_server(r, "box", "");
    asked(r, YM_LIST_LOCAL, 60000);
    int64_t first = r->wall_ms;
    rig_advance(r, 1000);
    atomic_store(&failing, 1);
    asked(r, YM_LIST_LOCAL, 0);
    models_are(r, "box", 3, "The box said 500.");
    struct ym_list **all, *l = shown(r, "box", &all);
    assert_int_equal(l->answered_at.ms, first);
    assert_int_equal(l->asked_at.ms, first + 1000);
    ym_lists_free(all);
    atomic_store(&failing, 2);
    asked(r, YM_LIST_LOCAL, 0);
    l = shown(r, "box", &all);
    assert_string_not_equal(l->error, "");
    assert_non_null(l->doc);
    ym_lists_free(all);
    atomic_store(&failing, 3);
    asked(r, YM_LIST_LOCAL, 0);
    models_are(r, "box", 3, "The box said 200.");
    atomic_store(&failing, 0);
    asked(r, YM_LIST_LOCAL, 0);
    models_are(r, "box", 3, "");
}

static void reload(struct rig *r, void *ctx)
{
    ym_engine_reload(r->e, ctx);
}

static void a_reload_asks_again_and_forgets(void **state)
{
    struct rig *r = *state;
    struct ym_config *none = ym_config_ref(r->config);
    with_server(r, "box", "");
    asked(r, YM_LIST_LOCAL, 60000);
    rig_on(r, reload, NULL);
    asked(r, YM_LIST_LOCAL, 60000);
    assert_int_equal(atomic_load(&server->requests), 4);
    models_are(r, "box", 3, "");
    rig_on(r, reload, none); /* its address is gone from the configuration */
    models_are(r, "box", 0, "");
    ym_config_unref(none);
}

static void a_model_of_a_list_is_named(void **state)
{
    struct rig *r = *state;
    with_server(r, "box", "");
    asked(r, YM_LIST_LOCAL, 60000);
    rig_save(r, "images/a.txt", "---\nmodel: dream.safetensors\n---\nx");
    rig_save(r, "images/b.txt", "---\nmodel: dream.safetensor\n---\nx");
    rig_idle(r);
    YM_AUTOFREE char *a = rig_text(r, "images/a.error.log");
    YM_AUTOFREE char *b = rig_text(r, "images/b.error.log");
    assert_non_null(strstr(a, "write it as box/dream.safetensors"));
    assert_non_null(strstr(b, "did you mean \"dream.safetensors\"?"));
}

static void who_waits_is_told_at_the_end(void **state)
{
    struct rig *r = *state;
    atomic_bool over = false;
    rig_stop(r);
    rig_start(r);
    ym_engine_stop(r->e, YM_MS(0));
    ym_engine_lists_ask(r->e, YM_LIST_ALL, YM_MS(0), note_over, &over);
    assert_true(atomic_load(&over));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nobody_is_asked_without_a_key_or_an_address),
        T(a_local_server_is_asked_at_the_start),
        T(another_provider_only_when_told),
        T(an_answer_is_good_for_a_while),
        T(a_failure_keeps_what_was_known),
        T(a_reload_asks_again_and_forgets),
        T(a_model_of_a_list_is_named),
        T(who_waits_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
