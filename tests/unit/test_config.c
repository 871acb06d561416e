/* src/config: options, order of sources, secrets, render, prices, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ymago/config.h>

#include "../../src/config/settings.h"

/* As the program's own list is made from its drivers. */
static const struct ym_config_provider providers[] = {
    {"gemini", {"GOOGLE_API_KEY", "GEMINI_API_KEY"}, "GEMINI_API_BASE"},
    {"openai", {"OPENAI_API_KEY", NULL}, "OPENAI_BASE_URL"},
    {"fal", {"FAL_KEY", NULL}, NULL},
    {"sketch", {NULL, NULL}, NULL},
    {0},
};

static char dir[] = "/tmp/ymago-config-XXXXXX";

static int dir_make(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int dir_remove(void **state)
{
    static const char *const names[] = {"a.toml", "key", "google_api_key", "openai_api_key", "ymago.toml"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(names); i++) {
        YM_AUTOFREE char *p = ym_asprintf("%s/%s", dir, names[i]);
        unlink(p);
    }
    return rmdir(dir);
}

static char *file_put(const char *name, const char *text, mode_t mode)
{
    char *path = ym_asprintf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static int load_text(const char *toml, char *const *env, struct ym_config **ret, struct ym_err *e)
{
    YM_AUTOFREE char *path = file_put("a.toml", toml, 0600);
    struct ym_config_sources s = {.providers = providers, .file = path, .environ = env};
    return ym_config_load(&s, ret, e);
}

static struct ym_config *loaded(const char *toml, char *const *env)
{
    struct ym_config *c = NULL;
    struct ym_err e = {0};
    int r = load_text(toml, env, &c, &e);
    if (r < 0)
        print_error("%s\n", e.msg);
    assert_int_equal(r, 0);
    return c;
}

/* The sentence of a text that must be refused, without the temporary folder. */
static void refused(const char *toml, int err, const char *sentence)
{
    struct ym_config *c = NULL;
    struct ym_err e = {0};
    assert_int_equal(load_text(toml, NULL, &c, &e), -err);
    assert_null(c);
    const char *rest = strstr(e.msg, "a.toml");
    assert_non_null(rest);
    assert_string_equal(rest, sentence);
}

static void defaults_without_any_source(void **state)
{
    struct ym_config *c = loaded("", NULL);
    struct ym_provider_conf p;
    struct ym_model_conf m;
    (void)state;
    assert_int_equal(ym_config_int(c, "mount.settle_ms"), 300);
    assert_true(ym_config_bool(c, "mount.notes"));
    assert_false(ym_config_bool(c, "mount.sync"));
    assert_true(ym_config_num(c, "net.backoff_max_seconds") > 59.9);
    assert_string_equal(ym_config_str(c, "log.level"), "info");
    assert_null(ym_config_str(c, "defaults.image_model"));
    assert_null(ym_config_default_model(c, YM_IMAGE));
    ym_config_provider(c, "gemini", &p);
    assert_null(p.key);
    assert_null(p.base_url);
    assert_int_equal(p.rate_limit, -1);
    assert_int_equal(p.timeout_seconds, -1); /* as the driver says */
    assert_int_equal(p.retry_attempts, 5);
    assert_false(ym_config_model(c, "gemini-3-pro-image", &m));
    assert_true(m.image < 0 && m.max_prompt == -1 && !m.provider);
    assert_null(ym_config_allow(c)[0]);
    ym_config_unref(c);
}

/* Every row: its default is valid, and just outside of each end of its range it is refused. */
static void every_option_keeps_its_range(void **state)
{
    (void)state;
    for (const struct opt *o = opts; o->name; o++) {
        struct setting v = {.opt = o};
        bool empty = false;
        if (o->def) {
            assert_true(value_from_text(o, o->def, &v, &empty));
            assert_false(empty);
            setting_fini(&v);
        }
        assert_non_null(o->help);
        assert_int_equal(o->help[strlen(o->help) - 1], '.');
        if (o->type != OPT_INT && o->type != OPT_NUM && o->type != OPT_MONEY)
            continue;
        double step = o->type == OPT_INT ? (o->max > 1e15 ? 2 : 1) : 0.001;
        const double good[] = {o->min, o->max}, bad[] = {o->min - step, o->max + step};
        for (int i = 0; i < 2; i++) {
            YM_AUTOJSON cJSON *g = cJSON_CreateNumber(good[i]);
            YM_AUTOJSON cJSON *b = cJSON_CreateNumber(bad[i]);
            if (!value_from_json(o, g, &v, &empty))
                fail_msg("%s refuses %g", o->name, good[i]);
            if (value_from_json(o, b, &v, &empty))
                fail_msg("%s takes %g", o->name, bad[i]);
        }
        YM_AUTOJSON cJSON *half = cJSON_CreateNumber(o->min + 0.5);
        if (o->type == OPT_INT)
            assert_false(value_from_json(o, half, &v, &empty));
        YM_AUTOJSON cJSON *word = cJSON_CreateString("many");
        assert_false(value_from_json(o, word, &v, &empty));
    }
}

static void wrong_files_are_named(void **state)
{
    (void)state;
    refused("[mount]\n\nsettel_ms = 3\n", EINVAL,
            "a.toml line 3: unknown key of [mount] \"settel_ms\"; did you mean \"settle_ms\"?");
    refused("[defalts]\nimage_model = \"x\"\n", EINVAL,
            "a.toml line 1: unknown table \"defalts\"; did you mean \"defaults\"?");
    refused("[providers.gemni]\napi_key = \"x\"\n", EINVAL,
            "a.toml line 1: unknown provider \"gemni\"; did you mean \"gemini\"?");
    refused("[providers.gemini]\nbase_ulr = \"https://x\"\n", EINVAL,
            "a.toml line 2: unknown key of [providers.NAME] \"base_ulr\"; did you mean \"base_url\"?");
    refused("\n[models.\"a.b\"]\nprice = 1\n", EINVAL,
            "a.toml line 3: unknown key of [models.NAME] \"price\"; the manual lists those that there are.");
    refused("[mount]\nsettle_ms = \"soon\"\n", EINVAL,
            "a.toml line 2: mount.settle_ms must be a whole number from 0 to 600000, not soon.");
    refused("[mount]\nsettle_ms = 600001\n", EINVAL,
            "a.toml line 2: mount.settle_ms must be a whole number from 0 to 600000, not 600001.");
    refused("[log]\nlevel = \"loud\"\n", EINVAL,
            "a.toml line 2: log.level must be error, warn, info or debug, not loud.");
    refused("mount = 3\n", EINVAL, "a.toml line 1: mount is a table; write [mount] in a line of its own.");
    refused("[net]\nallow_private = [\"127.0.0.1\"]\n", EINVAL,
            "a.toml line 2: net.allow_private must be a list such as [\"127.0.0.1:7860\"].");
    refused("[destinations.\"a b\"]\nurl = \"s3://x\"\n", EINVAL,
            "a.toml line 1: a name in [destinations.NAME] has letters, digits, \"-\" and \"_\" only.");
    /* A wrong key is never repeated. */
    refused("[auth]\ngoogle_api_key = \"AIza two words\"\n", EINVAL,
            "a.toml line 2: auth.google_api_key must be the key itself, one word without spaces.");
    refused("[auth]\ngoogle_api_key = \"(set)\"\n", EINVAL,
            "a.toml line 2: auth.google_api_key must be the key itself, one word without spaces.");
}

static void a_missing_named_file_is_an_error(void **state)
{
    struct ym_config *c = NULL;
    struct ym_err e;
    struct ym_config_sources s = {.providers = providers, .file = "/nonexistent/ymago.toml"};
    (void)state;
    assert_int_equal(ym_config_load(&s, &c, &e), -ENOENT);
    assert_string_equal(e.msg, "/nonexistent/ymago.toml cannot be opened: No such file or directory.");
}

static void base_urls_are_checked(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"https://Example.org/", "https://example.org"},
        {"HTTP://127.0.0.1:8080/v1///", "http://127.0.0.1:8080/v1"},
        {"http://[::1]:80", "http://[::1]:80"},
        {"https://host/A/B", "https://host/A/B"},
        {"ftp://host", NULL},
        {"host.org", NULL},
        {"https://", NULL},
        {"https:///x", NULL},
        {"https://a b", NULL},
        {"https://user:pw@host", NULL},
        {"https://user@host", NULL},
        {"https://host?x=1", NULL},
        {"https://host#x", NULL},
        {"https://host:0", NULL},
        {"https://host:65536", NULL},
        {"https://host:80x", NULL},
        {"https://[::1", NULL},
        {"javascript:alert(1)", NULL},
        {"file:///etc/passwd", NULL},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *got = url_normalise(rows[i].in);
        if (!rows[i].out && got)
            fail_msg("%s was taken", rows[i].in);
        if (rows[i].out && !got)
            fail_msg("%s was refused", rows[i].in);
        if (got)
            assert_string_equal(got, rows[i].out);
    }
}

static void environment_wins_over_the_file(void **state)
{
    char *const env[] = {(char[]){"YMAGO_IMAGE_MODEL=from-env"}, (char[]){"GEMINI_API_BASE=http://127.0.0.1:9/"},
                         (char[]){"GEMINI_API_KEY=second-key"}, (char[]){"GOOGLE_API_KEY=first-key"},
                         (char[]){"LOG_LEVEL=WARNING"}, (char[]){"YMAGO_VIDEO_MODEL="},
                         (char[]){"YMAGO_WEBHOOK_RETRIES=7"}, (char[]){"YMAGO_ENABLE_METADATA=no"}, NULL};
    struct ym_config *c = loaded("[defaults]\nimage_model='from-file'\nvideo_model='v'\n"
                                 "[auth]\ngoogle_api_key='file-key'\n"
                                 "[providers.gemini]\nbase_url='https://x'\nrate_limit=0\n",
                                 env);
    struct ym_provider_conf p;
    (void)state;
    assert_string_equal(ym_config_default_model(c, YM_IMAGE), "from-env");
    assert_string_equal(ym_config_default_model(c, YM_VIDEO), "v");
    assert_string_equal(ym_config_str(c, "log.level"), "warn");
    assert_int_equal(ym_config_int(c, "webhooks.retry_attempts"), 7);
    assert_false(ym_config_bool(c, "defaults.enable_metadata"));
    ym_config_provider(c, "gemini", &p);
    assert_string_equal(p.base_url, "http://127.0.0.1:9");
    assert_string_equal(ym_secret_reveal(p.key), "first-key");
    assert_int_equal(p.rate_limit, 0);
    assert_string_equal(ym_config_allow(c)[0], "http://127.0.0.1:9");
    assert_null(ym_config_allow(c)[1]);
    ym_config_unref(c);
}

static void wrong_environment_is_named(void **state)
{
    char *const env[] = {(char[]){"YMAGO_WEBHOOK_TIMEOUT=soon"}, NULL};
    struct ym_config *c = NULL;
    struct ym_err e;
    (void)state;
    assert_int_equal(load_text("", env, &c, &e), -EINVAL);
    assert_string_equal(e.msg, "The environment variable YMAGO_WEBHOOK_TIMEOUT must be a whole number from 1 to 600, not soon.");
}

static void key_of(struct ym_config *c, const char *provider, const char *expect)
{
    struct ym_provider_conf p;
    ym_config_provider(c, provider, &p);
    assert_non_null(p.key);
    assert_string_equal(ym_secret_reveal(p.key), expect);
}

static void keys_by_flag_credential_environment_file(void **state)
{
    YM_AUTOFREE char *key = file_put("key", "\xef\xbb\xbf key-in-a-file \r\n", 0600);
    YM_AUTOFREE char *google = file_put("google_api_key", "credential-key\n", 0440);
    YM_AUTOFREE char *path = file_put("a.toml", "[providers.gemini]\napi_key_file = 'key'\n", 0600);
    YM_AUTOFREE char *dir_var = ym_asprintf("CREDENTIALS_DIRECTORY=%s", dir);
    char *env[] = {(char[]){"GOOGLE_API_KEY=environment-key"}, dir_var, NULL};
    struct ym_config_sources s = {.providers = providers, .file = path};
    struct ym_config *c = NULL;
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "gemini", "key-in-a-file");
    ym_config_unref(c);

    char *env_only[] = {env[0], NULL};
    s.environ = env_only;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "gemini", "environment-key");
    ym_config_unref(c);

    s.environ = env;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "gemini", "credential-key");
    ym_config_unref(c);

    s.api_key_file = key;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "gemini", "key-in-a-file");
    ym_config_unref(c);

    struct ym_secret *flag = ym_secret_new("flag-key", 8);
    s.api_key = flag;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "gemini", "flag-key");
    ym_config_unref(c);
    ym_secret_free(flag);
    unlink(google);
}

static void key_files_must_be_private(void **state)
{
    static const mode_t open_modes[] = {0644, 0640, 0604, 0660};
    struct ym_config *c = NULL;
    struct ym_err e;
    (void)state;
    for (size_t i = 0; i < YM_COUNT(open_modes); i++) {
        YM_AUTOFREE char *key = file_put("key", "key-in-a-file", open_modes[i]);
        YM_AUTOFREE char *expect = ym_asprintf("The key file %s can be read by others (mode %04o); run: chmod 600 on it.",
                                               key, (unsigned)open_modes[i]);
        assert_int_equal(load_text("[providers.openai]\napi_key_file='key'", NULL, &c, &e), -EPERM);
        assert_string_equal(e.msg, expect);
    }
    YM_AUTOFREE char *key = file_put("key", "key-in-a-file", 0400);
    c = loaded("[providers.openai]\napi_key_file='key'", NULL);
    key_of(c, "openai", "key-in-a-file");
    ym_config_unref(c);
    chmod(key, 0600);
    free(file_put("key", "two words", 0600));
    assert_int_equal(load_text("[providers.openai]\napi_key_file='key'", NULL, &c, &e), -EINVAL);
    assert_null(strstr(e.msg, "two words"));
    free(file_put("key", "\n", 0600));
    assert_int_equal(load_text("[providers.openai]\napi_key_file='key'", NULL, &c, &e), -EINVAL);
    assert_int_equal(load_text("[providers.openai]\napi_key_file='absent'", NULL, &c, &e), -ENOENT);
    assert_int_equal(load_text("[providers.openai]\napi_key_file='key'\napi_key='k'", NULL, &c, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "has both api_key and api_key_file; keep one of them."));
    if (geteuid() == 0) { /* only root can give files away */
        YM_AUTOFREE char *alien = file_put("key", "key-in-a-file", 0600);
        assert_int_equal(chown(alien, 12345, 12345), 0);
        assert_int_equal(load_text("[providers.openai]\napi_key_file='key'", NULL, &c, &e), -EPERM);
        assert_non_null(strstr(e.msg, "belongs to another user"));
        unlink(alien);
    }
}

static void keys_leave_the_environment_and_stay_after_a_reload(void **state)
{
    struct ym_config *first = NULL, *second = NULL;
    struct ym_err e;
    (void)state;
    setenv("OPENAI_API_KEY", "environment-key", 1);
    setenv("YMAGO_IMAGE_MODEL", "m", 1);
    char *before = getenv("OPENAI_API_KEY");
    YM_AUTOFREE char *path = file_put("a.toml", "", 0600);
    struct ym_config_sources s = {.providers = providers, .file = path, .environ = environ};
    assert_int_equal(ym_config_load(&s, &first, &e), 0);
    assert_null(getenv("OPENAI_API_KEY"));
    assert_int_equal(before[0], '\0'); /* the bytes too: /proc/PID/environ shows them */
    assert_non_null(getenv("YMAGO_IMAGE_MODEL"));
    key_of(first, "openai", "environment-key");

    s.environ = environ;
    s.previous = first;
    assert_int_equal(ym_config_load(&s, &second, &e), 0);
    ym_config_unref(first);
    key_of(second, "openai", "environment-key");
    ym_config_unref(second);
    unsetenv("YMAGO_IMAGE_MODEL");
}

static void the_file_of_the_current_folder_is_limited(void **state)
{
    YM_AUTOFREE char *path = file_put("a.toml", "[defaults]\nimage_model='a'\n", 0600);
    YM_AUTOFREE char *cwd = file_put("ymago.toml", "[defaults]\nimage_model='b'\n", 0600);
    struct ym_config_sources s = {.providers = providers, .file = path, .cwd_file = cwd};
    struct ym_config *c = NULL;
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    assert_string_equal(ym_config_default_model(c, YM_IMAGE), "b");
    ym_config_unref(c);

    chmod(cwd, 0620); /* others may write: left out */
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    assert_string_equal(ym_config_default_model(c, YM_IMAGE), "a");
    ym_config_unref(c);

    chmod(cwd, 0600);
    YM_AUTOFREE char *state_dir = ym_asprintf("%s/.ymago", dir); /* inside a library: left out */
    assert_int_equal(mkdir(state_dir, 0700), 0);
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    assert_string_equal(ym_config_default_model(c, YM_IMAGE), "a");
    ym_config_unref(c);
    rmdir(state_dir);

    free(file_put("ymago.toml", "[providers.gemini]\nbase_url='https://evil.example'\n", 0600));
    assert_int_equal(ym_config_load(&s, &c, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "[providers] may not be set here"));
    unlink(cwd);
}

static void render_shows_no_secret(void **state)
{
    char *const env[] = {(char[]){"FAL_KEY=fal-key-123"}, (char[]){"AWS_SECRET_ACCESS_KEY=aws-secret-123"}, NULL};
    YM_AUTOBUF struct ym_buf out;
    YM_AUTOJSON cJSON *doc = NULL;
    struct ym_err e;
    (void)state;
    struct ym_config *c = loaded("[auth]\ngoogle_api_key='AIzaSecret'\n[webhooks]\nurl='https://hook.example/tok'\n"
                                 "secret='hook-secret'\n[webhooks.team]\nurl='https://hook.example/tok2'\n"
                                 "[models.\"x.y\"]\nprice_per_image_usd=0.5\n[budget]\ndaily_usd='unlimited'\n"
                                 "[net]\nallow_private=['h:1']\n[providers.openai]\nbase_url='https://gw.example/'\n",
                                 env);
    ym_buf_init(&out, 1 << 20);
    assert_int_equal(ym_config_render(c, &out), 0);
    static const char *const hidden[] = {"fal-key-123", "aws-secret-123", "AIzaSecret", "hook-secret", "/tok"};
    for (size_t i = 0; i < YM_COUNT(hidden); i++)
        assert_null(strstr(out.data, hidden[i]));
    static const char *const shown[] = {
        "[providers.\"fal\"]\napi_key = \"(set)\"  # environment variable FAL_KEY\n",
        "[models.\"x.y\"]\nprice_per_image_usd = 0.5  # ",
        "settle_ms = 300  # built-in\n",
        "daily_usd = \"unlimited\"  # ",
        "allow_private = [\"h:1\"]  # ",
        "base_url = \"https://gw.example\"  # ",
        "# image_model is not set\n",
        "a.toml line 2\n",
    };
    for (size_t i = 0; i < YM_COUNT(shown); i++)
        if (!strstr(out.data, shown[i]))
            fail_msg("missing: %s\n%s", shown[i], out.data);
    assert_int_equal(ym_toml_parse(out.data, out.len, &doc, NULL, &e), 0);
    ym_config_unref(c);
}

static void models_and_prices(void **state)
{
    struct ym_config *c = loaded("[models.\"my.model\"]\nprovider='openai'\nprice_per_image_usd=0.04\nmax_prompt=9\n", NULL);
    struct ym_config *p = NULL;
    struct ym_model_conf m;
    struct ym_err e;
    static const char prices[] = "[models.\"my.model\"]\nprice_per_image_usd = 0.05\n[models.other]\nprice_per_second_usd=1\n";
    (void)state;
    assert_true(ym_config_model(c, "my.model", &m));
    assert_string_equal(m.provider, "openai");
    assert_true(m.image > 0.039 && m.image < 0.041 && m.second < 0 && m.max_prompt == 9);
    assert_int_equal(ym_config_prices(c, prices, strlen(prices), &p, &e), 0);
    assert_true(ym_config_model(p, "my.model", &m));
    assert_true(m.image > 0.049 && m.max_prompt == 9);
    assert_true(ym_config_model(p, "other", &m));
    assert_false(ym_config_model(c, "other", &m));
    assert_string_equal(ym_config_name(p, "models", 0), "my.model");
    assert_string_equal(ym_config_name(p, "models", 1), "other");
    assert_null(ym_config_name(p, "models", 2));
    ym_config_unref(p);

    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"[models.x]\nprovider='y'\n", "prices.toml: provider is no price; it belongs in the configuration file."},
        {"[models.x]\nprice_per_imge_usd=1\n", "prices.toml line 2: unknown key of [models.NAME] \"price_per_imge_usd\"; did you mean \"price_per_image_usd\"?"},
        {"[net]\nallow_private=[]\n", "prices.toml line 1: [net] may not be set here; prices.toml has [models.\"NAME\"] tables only."},
        {"[models.x]\nprice_per_image_usd=-1\n", "prices.toml line 2: models.x.price_per_image_usd must be a number from 0 to 1000, not -1."},
    };
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        assert_int_equal(ym_config_prices(c, bad[i].text, strlen(bad[i].text), &p, &e), -EINVAL);
        assert_string_equal(e.msg, bad[i].sentence);
    }
    ym_config_unref(c);
}

static void budget_values(void **state)
{
    struct ym_config *c = loaded("[budget]\nper_job_usd = 3\n", NULL);
    struct ym_budget b, again;
    struct ym_err e;
    static const char text[] = "daily_usd = 4\ngrace_seconds = 9\nmonthly_usd = \"unlimited\"\nunknown_price='allow'\n"
                               "[model.\"a.b\"]\ndaily_usd = 0.5\n[folder.\"images/x\"]\ndaily_usd = \"$1\"\n";
    (void)state;
    assert_int_equal(ym_budget_parse(c, "", 0, &b, &e), 0); /* empty: never "no budget" */
    assert_int_equal(b.per_job.micro_usd, 3000000);
    assert_int_equal(b.batch_auto.micro_usd, 2000000);
    assert_int_equal(b.daily.micro_usd, 10000000);
    assert_int_equal(b.monthly.micro_usd, 50000000);
    assert_int_equal(b.retry_unknown_max.micro_usd, 50000);
    assert_int_equal(b.grace.micro_usd, 250000);
    assert_int_equal(b.bulk_count, 10);
    assert_int_equal(b.grace_seconds, 5);
    assert_true(b.unknown_price_hold && b.warn_at > 0.79 && b.warn_at < 0.81);
    ym_budget_fini(&b);

    assert_int_equal(ym_budget_parse(c, text, strlen(text), &b, &e), 0);
    assert_int_equal(b.daily.micro_usd, 4000000);
    assert_int_equal(b.per_job.micro_usd, 3000000);
    assert_true(b.monthly.micro_usd < 0);
    assert_false(b.unknown_price_hold);
    assert_true(ym_json_num_or(b.models, "a.b", 0) > 0.49);
    assert_true(ym_json_num_or(b.folders, "images/x", 0) > 0.99);

    YM_AUTOBUF struct ym_buf out, twice;
    ym_buf_init(&out, 1 << 16);
    ym_buf_init(&twice, 1 << 16);
    assert_int_equal(ym_budget_render(&b, &out), 0);
    assert_int_equal(ym_budget_parse(c, out.data, out.len, &again, &e), 0);
    assert_int_equal(ym_budget_render(&again, &twice), 0);
    assert_string_equal(out.data, twice.data);
    assert_true(again.monthly.micro_usd < 0 && again.grace_seconds == 9);
    ym_budget_fini(&b);
    ym_budget_fini(&again);
    ym_config_unref(c);
}

static void budget_mistakes(void **state)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"dayly_usd = 4", "budget.toml: unknown key of [budget] \"dayly_usd\"; did you mean \"daily_usd\"?"},
        {"daily_usd = -4", "budget.toml: budget.daily_usd must be an amount in dollars from 0 to 1000000, or \"unlimited\", not -4."},
        {"daily_usd = \"\"\nbulk_count = 0", "budget.toml: budget.bulk_count must be a whole number from 1 to 100000, not 0."},
        {"\n[model.x]\nweekly_usd = 1", "budget.toml line 2: [model.\"x\"] takes daily_usd only."},
        {"[folder.x]\ndaily_usd = true", "budget.toml line 1: [folder.\"x\"] daily_usd must be an amount in dollars."},
        {"[models.x]\ndaily_usd = 1", "budget.toml: unknown key of [budget] \"models\"; the manual lists those that there are."},
        {"model = 3", "budget.toml: model is a table; write [model.\"NAME\"]."},
    };
    struct ym_config *c = loaded("", NULL);
    (void)state;
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        struct ym_budget b;
        struct ym_err e;
        assert_int_equal(ym_budget_parse(c, rows[i].text, strlen(rows[i].text), &b, &e), -EINVAL);
        assert_string_equal(e.msg, rows[i].sentence);
    }
    ym_config_unref(c);
}

static void the_manual_has_every_row(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    (void)state;
    ym_config_manual(out, providers);
    fclose(out);
    for (const struct opt *o = opts; o->name; o++) {
        YM_AUTOFREE char *head = ym_asprintf(".B %s\n", opt_key(o));
        if (!strstr(text, head))
            fail_msg("%s is not in the manual", o->name);
    }
    assert_non_null(strstr(text, "Environment: GOOGLE_API_KEY (for gemini)."));
    assert_non_null(strstr(text, ".B from_image \\fR(also source_image, input_image, image_url)"));
    free(text);
}

static void sections_are_complete(void **state)
{
    (void)state;
    for (const struct opt *o = opts; o->name; o++) {
        YM_AUTOFREE const char **all = opt_sections();
        const char *s;
        size_t n = opt_section(o, &s);
        bool found = false;
        for (const char **p = all; *p; p++)
            found |= strlen(*p) == n && memcmp(*p, s, n) == 0;
        if (!found)
            fail_msg("no section for %s", o->name);
    }
    struct env_row *rows = env_rows_all(providers);
    for (const struct env_row *row = rows; row->var; row++) {
        YM_AUTOFREE char *name = NULL;
        assert_non_null(opt_find(row->option, &name));
    }
    env_rows_free(rows);
}

/* Names, variables and key files come from the list of the program's drivers and from nowhere else. */
static void providers_are_those_of_the_program(void **state)
{
    static const struct ym_config_provider mine[] = {{"gemini", {NULL, NULL}, NULL},
                                                     {"painter", {"PAINT_KEY", "PAINTER_KEY"}, "PAINT_URL"},
                                                     {0}};
    char *const env[] = {(char[]){"PAINTER_KEY=second"}, (char[]){"PAINT_URL=http://127.0.0.1:7/"},
                         (char[]){"OPENAI_API_KEY=nobody-asks"}, NULL};
    YM_AUTOFREE char *path = file_put("a.toml", "[providers.painter]\ntimeout_seconds = 7\n", 0600);
    struct ym_config_sources s = {.providers = mine, .file = path, .environ = env};
    struct ym_config *c = NULL;
    struct ym_provider_conf p;
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    key_of(c, "painter", "second");
    ym_config_provider(c, "painter", &p);
    assert_string_equal(p.base_url, "http://127.0.0.1:7");
    assert_int_equal(p.timeout_seconds, 7);
    ym_config_provider(c, "openai", &p);
    assert_null(p.key);
    ym_config_unref(c);

    free(file_put("a.toml", "[providers.paintr]\nrate_limit = 1\n", 0600));
    assert_int_equal(ym_config_load(&s, &c, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "unknown provider \"paintr\"; did you mean \"painter\"?"));
    s.providers = NULL; /* of whoever has no list: any */
    assert_int_equal(ym_config_load(&s, &c, &e), 0);
    ym_config_provider(c, "paintr", &p);
    assert_int_equal(p.rate_limit, 1);
    ym_config_provider(c, "painter", &p);
    assert_null(p.key);
    ym_config_unref(c);
}

static void expect_models(const struct ym_config *c, enum ym_kind k, const char *a, const char *b)
{
    const char *const *list = ym_config_default_models(c, k);
    assert_non_null(list);
    assert_string_equal(list[0], a);
    assert_string_equal(ym_config_default_model(c, k), a);
    if (!b)
        assert_null(list[1]);
    else
        assert_string_equal(list[1], b);
    if (b)
        assert_null(list[2]);
}

static void default_models_are_a_text_or_a_list(void **state)
{
    char *const env[] = {(char[]){"YMAGO_SFX_MODEL=boom"}, NULL};
    YM_AUTOBUF struct ym_buf out;
    (void)state;
    struct ym_config *c = loaded("[defaults]\nimage_model = ['a/x', 'b/y']\nvideo_model = 'v'\naudio_model = ''\n"
                                 "text_model = ['t']\n[net]\nallow_private = ['h:1']\n", env);
    expect_models(c, YM_IMAGE, "a/x", "b/y");
    expect_models(c, YM_VIDEO, "v", NULL);
    expect_models(c, YM_TEXT, "t", NULL);
    expect_models(c, YM_SFX, "boom", NULL);
    assert_null(ym_config_default_models(c, YM_AUDIO));
    assert_null(ym_config_default_model(c, YM_AUDIO));
    assert_string_equal(ym_config_str(c, "defaults.image_model"), "a/x");
    assert_string_equal(ym_config_allow(c)[0], "h:1"); /* models are no addresses */
    assert_null(ym_config_allow(c)[1]);
    ym_buf_init(&out, 1 << 20);
    assert_int_equal(ym_config_render(c, &out), 0);
    assert_non_null(strstr(out.data, "image_model = [\"a/x\", \"b/y\"]  # "));
    assert_non_null(strstr(out.data, "text_model = \"t\"  # "));
    struct ym_config *copy = NULL;
    struct ym_err e;
    assert_int_equal(ym_config_prices(c, "", 0, &copy, &e), 0);
    expect_models(copy, YM_IMAGE, "a/x", "b/y");
    ym_config_unref(copy);
    ym_config_unref(c);

    refused("[defaults]\nimage_model = []\n", EINVAL,
            "a.toml line 2: defaults.image_model must be a text of one line, or a list of at most 16.");
    refused("[defaults]\nimage_model = ['a', '']\n", EINVAL,
            "a.toml line 2: defaults.image_model must be a text of one line, or a list of at most 16.");
    refused("[defaults]\nimage_model = ['a', 3]\n", EINVAL,
            "a.toml line 2: defaults.image_model must be a text of one line, or a list of at most 16.");
    refused("[defaults]\nimage_model = 3\n", EINVAL,
            "a.toml line 2: defaults.image_model must be a text of one line, or a list of at most 16, not 3.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_without_any_source),
        cmocka_unit_test(every_option_keeps_its_range),
        cmocka_unit_test(wrong_files_are_named),
        cmocka_unit_test(a_missing_named_file_is_an_error),
        cmocka_unit_test(base_urls_are_checked),
        cmocka_unit_test(environment_wins_over_the_file),
        cmocka_unit_test(wrong_environment_is_named),
        cmocka_unit_test(keys_by_flag_credential_environment_file),
        cmocka_unit_test(key_files_must_be_private),
        cmocka_unit_test(keys_leave_the_environment_and_stay_after_a_reload),
        cmocka_unit_test(the_file_of_the_current_folder_is_limited),
        cmocka_unit_test(render_shows_no_secret),
        cmocka_unit_test(models_and_prices),
        cmocka_unit_test(budget_values),
        cmocka_unit_test(budget_mistakes),
        cmocka_unit_test(the_manual_has_every_row),
        cmocka_unit_test(sections_are_complete),
        cmocka_unit_test(providers_are_those_of_the_program),
        cmocka_unit_test(default_models_are_a_text_or_a_list),
    };
    return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
