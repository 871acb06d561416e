/* The one table of settings: name, type, range, default, meaning. The manual, the sentences of errors
 * and `ymago config` are made from it; a new setting is one row here. */
#include <string.h>

#include "settings.h"

#define BIG 9007199254740992.0 /* 2^53 */

/* clang-format off */
const struct opt opts[] = {
    { "auth.google_api_key", OPT_SECRET, 0, 0, NULL, NULL, "The same as providers.gemini.api_key.", true },

    { "defaults.image_model", OPT_CHOICES, 0, 0, NULL, NULL, "Model for images, as MODEL or PROVIDER/MODEL; or a list of them, the preferred one first.", false },
    { "defaults.video_model", OPT_CHOICES, 0, 0, NULL, NULL, "Model for videos, or a list.", false },
    { "defaults.audio_model", OPT_CHOICES, 0, 0, NULL, NULL, "Model for speech and music, or a list.", false },
    { "defaults.sfx_model", OPT_CHOICES, 0, 0, NULL, NULL, "Model for sound effects, or a list.", false },
    { "defaults.text_model", OPT_CHOICES, 0, 0, NULL, NULL, "Model for texts and for judging images, or a list.", false },
    { "defaults.output_path", OPT_PATH, 0, 0, NULL, NULL, "Folder for pictures of `ymago image` without --output-path.", false },
    { "defaults.enable_metadata", OPT_BOOL, 0, 0, "true", NULL, "Write a sidecar NAME.json beside every result.", false },

    { "providers.NAME.api_key", OPT_SECRET, 0, 0, NULL, NULL, "The key; api_key_file or the environment is a better place for it.", true },
    { "providers.NAME.api_key_file", OPT_PATH, 0, 0, NULL, NULL, "File with nothing but the key, mode 0600 and owned by you.", false },
    { "providers.NAME.base_url", OPT_URL, 0, 0, NULL, NULL, "Address of the service or of a gateway that speaks its protocol; may be private.", false },
    { "providers.NAME.rate_limit", OPT_INT, 0, 100000, NULL, NULL, "Paying requests per minute; 0 is no limit.", false },
    { "providers.NAME.concurrency", OPT_INT, 0, 1000, NULL, NULL, "Requests at once; 0 is no limit.", false },
    { "providers.NAME.daily_limit", OPT_INT, 0, 1e7, NULL, NULL, "Paying requests per day; 0 is no limit.", false },
    { "providers.NAME.timeout_seconds", OPT_INT, 1, 86400, NULL, NULL, "Longest time that one request may take; when not set, what the provider needs: mostly 300.", false },
    { "providers.NAME.retry_attempts", OPT_INT, 0, 20, "5", NULL, "Tries of a request that failed without being billed.", false },
    { "providers.NAME.gather_seconds", OPT_INT, 0, 86400, "60", NULL, "How long requests of `tier: batch` wait for others to be sent together.", false },

    { "models.NAME.provider", OPT_STR, 0, 0, NULL, NULL, "Provider that serves the model.", false },
    { "models.NAME.fallback", OPT_STR, 0, 0, NULL, NULL, "Model to use when this one is gone.", false },
    { "models.NAME.price_per_image_usd", OPT_NUM, 0, 1000, NULL, NULL, "Price of one image.", false },
    { "models.NAME.price_per_second_usd", OPT_NUM, 0, 1000, NULL, NULL, "Price of one second of video or audio.", false },
    { "models.NAME.price_per_song_usd", OPT_NUM, 0, 1000, NULL, NULL, "Price of one song.", false },
    { "models.NAME.price_per_1k_chars_usd", OPT_NUM, 0, 1000, NULL, NULL, "Price of 1000 characters of speech.", false },
    { "models.NAME.price_per_mtok_in_usd", OPT_NUM, 0, 100000, NULL, NULL, "Price of a million input tokens.", false },
    { "models.NAME.price_per_mtok_out_usd", OPT_NUM, 0, 100000, NULL, NULL, "Price of a million output tokens.", false },
    { "models.NAME.max_prompt", OPT_INT, 1, 1048576, NULL, NULL, "Longest prompt in characters.", false },
    { "models.NAME.rate_limit", OPT_INT, 0, 100000, NULL, NULL, "Paying requests per minute for this model; 0 is no limit.", false },

    { "budget.per_job_usd", OPT_MONEY, 0, 100000, "2", NULL, "A dearer job waits for approval.", false },
    { "budget.batch_auto_usd", OPT_MONEY, 0, 100000, "2", NULL, "A dearer batch waits for approval.", false },
    { "budget.daily_usd", OPT_MONEY, 0, 1000000, "10", NULL, "Ceiling of a day, from local midnight.", false },
    { "budget.monthly_usd", OPT_MONEY, 0, 1000000, "50", NULL, "Ceiling of a month; approved money counts too.", false },
    { "budget.unknown_price", OPT_ENUM, 0, 0, "hold", "hold allow", "What to do with a job whose price nobody knows.", false },
    { "budget.retry_unknown_max_usd", OPT_MONEY, 0, 1000, "0.05", NULL, "A request whose answer was lost is repeated while its unknown attempts cost no more.", false },
    { "budget.grace_usd", OPT_MONEY, 0, 100000, "0.25", NULL, "Dearer jobs wait grace_seconds before they are sent.", false },
    { "budget.grace_seconds", OPT_INT, 0, 3600, "5", NULL, "Time to change one's mind about a job above grace_usd.", false },
    { "budget.bulk_count", OPT_INT, 1, 100000, "10", NULL, "More prompts than this within five seconds are judged as one batch.", false },
    { "budget.warn_at", OPT_NUM, 0, 1, "0.8", NULL, "Part of a ceiling at which a warning is given.", false },

    { "cloud_storage.aws_access_key_id", OPT_STR, 0, 0, NULL, NULL, "Name of the key for s3:// destinations.", false },
    { "cloud_storage.aws_secret_access_key", OPT_SECRET, 0, 0, NULL, NULL, "Key for s3:// destinations.", true },
    { "cloud_storage.aws_session_token", OPT_SECRET, 0, 0, NULL, NULL, "Token that goes with a temporary key.", true },
    { "cloud_storage.aws_region", OPT_STR, 0, 0, NULL, NULL, "Region of the buckets.", false },
    { "cloud_storage.endpoint_url", OPT_URL, 0, 0, NULL, NULL, "Address of a service that speaks the S3 protocol.", false },
    { "cloud_storage.public_base_url", OPT_URL, 0, 0, NULL, NULL, "Address under which uploaded files can be read.", false },
    { "cloud_storage.gcp_service_account_path", OPT_PATH, 0, 0, NULL, NULL, "Service account file for gs:// destinations.", false },
    { "cloud_storage.r2_account_id", OPT_STR, 0, 0, NULL, NULL, "Account of r2:// destinations.", false },
    { "cloud_storage.r2_access_key_id", OPT_STR, 0, 0, NULL, NULL, "Name of the key for r2:// destinations.", false },
    { "cloud_storage.r2_secret_access_key", OPT_SECRET, 0, 0, NULL, NULL, "Key for r2:// destinations.", true },
    { "cloud_storage.r2_bucket", OPT_STR, 0, 0, NULL, NULL, "Bucket of an r2:// destination that names none.", false },
    { "cloud_storage.r2_public_url", OPT_URL, 0, 0, NULL, NULL, "Address under which the files of r2:// destinations can be read.", false },

    { "destinations.NAME.url", OPT_DEST, 0, 0, NULL, NULL, "Where results go: s3://, r2://, gs:// or file://.", false },
    { "destinations.NAME.mirror_delete", OPT_BOOL, 0, 0, "false", NULL, "Delete the uploaded file when the local one is deleted.", false },
    { "destinations.NAME.keep_local", OPT_BOOL, 0, 0, "true", NULL, "Keep the local file after the upload.", false },

    { "webhooks.enabled", OPT_BOOL, 0, 0, "true", NULL, "Deliver webhooks.", false },
    { "webhooks.url", OPT_URL, 0, 0, NULL, NULL, "Address that gets an event for every finished job.", true },
    { "webhooks.secret", OPT_SECRET, 0, 0, NULL, NULL, "Secret that signs the events.", true },
    { "webhooks.timeout_seconds", OPT_INT, 1, 600, "30", NULL, "Longest time of one delivery.", false },
    { "webhooks.retry_attempts", OPT_INT, 0, 20, "3", NULL, "Repeated deliveries of one event.", false },
    { "webhooks.retry_backoff_factor", OPT_NUM, 1, 10, "2", NULL, "Growth of the wait between deliveries.", false },
    { "webhooks.NAME.url", OPT_URL, 0, 0, NULL, NULL, "Address that jobs select by the NAME.", true },
    { "webhooks.NAME.secret", OPT_SECRET, 0, 0, NULL, NULL, "Secret that signs its events.", true },

    { "mount.settle_ms", OPT_INT, 0, 600000, "300", NULL, "Quiet time after a save before a prompt counts as finished.", false },
    { "mount.notes", OPT_BOOL, 0, 0, "true", NULL, "Show NAME.working.log while a job runs.", false },
    { "mount.sync", OPT_BOOL, 0, 0, "false", NULL, "Accepted for later releases; has no effect in this one.", false },

    { "history.days", OPT_INT, 0, 36500, "30", NULL, "How long replaced results are kept; this release keeps all.", false },
    { "history.max_bytes", OPT_INT, 0, BIG, "0", NULL, "Size of all kept results; this release keeps all.", false },

    { "net.allow_private", OPT_LIST, 0, 0, NULL, NULL, "Private addresses that may be reached, as \"host:port\".", false },
    { "net.connect_timeout_seconds", OPT_INT, 1, 600, "10", NULL, "Longest time to reach a server.", false },
    { "net.backoff_base_seconds", OPT_NUM, 0.001, 600, "1", NULL, "First wait before a request is repeated.", false },
    { "net.backoff_max_seconds", OPT_NUM, 0.001, 86400, "60", NULL, "Longest wait before a request is repeated.", false },
    { "net.slow_after_seconds", OPT_INT, 1, 86400, "900", NULL, "A job that the provider has had for longer is called slow and looked at every three minutes, for up to 24 hours.", false },
    { "net.poll_interval_seconds", OPT_NUM, 0, 3600, "0", NULL, "Wait between two looks at a running job; 0 leaves it to the provider.", false },

    { "log.level", OPT_ENUM, 0, 0, "info", "error|critical|fatal warn|warning info debug|trace", "How much is logged.", false },
    { 0 },
};

static const struct { const char *var, *option; } env_table[] = {
    { "YMAGO_IMAGE_MODEL", "defaults.image_model" },
    { "YMAGO_VIDEO_MODEL", "defaults.video_model" },
    { "YMAGO_AUDIO_MODEL", "defaults.audio_model" },
    { "YMAGO_SFX_MODEL", "defaults.sfx_model" },
    { "YMAGO_TEXT_MODEL", "defaults.text_model" },
    { "YMAGO_OUTPUT_PATH", "defaults.output_path" },
    { "YMAGO_ENABLE_METADATA", "defaults.enable_metadata" },
    { "YMAGO_WEBHOOK_ENABLED", "webhooks.enabled" },
    { "YMAGO_WEBHOOK_TIMEOUT", "webhooks.timeout_seconds" },
    { "YMAGO_WEBHOOK_RETRIES", "webhooks.retry_attempts" },
    { "AWS_ACCESS_KEY_ID", "cloud_storage.aws_access_key_id" },
    { "AWS_SECRET_ACCESS_KEY", "cloud_storage.aws_secret_access_key" },
    { "AWS_SESSION_TOKEN", "cloud_storage.aws_session_token" },
    { "AWS_REGION", "cloud_storage.aws_region" },
    { "AWS_DEFAULT_REGION", "cloud_storage.aws_region" },
    { "AWS_ENDPOINT_URL", "cloud_storage.endpoint_url" },
    { "GOOGLE_APPLICATION_CREDENTIALS", "cloud_storage.gcp_service_account_path" },
    { "R2_ACCOUNT_ID", "cloud_storage.r2_account_id" },
    { "R2_ACCESS_KEY_ID", "cloud_storage.r2_access_key_id" },
    { "R2_SECRET_ACCESS_KEY", "cloud_storage.r2_secret_access_key" },
    { "R2_BUCKET", "cloud_storage.r2_bucket" },
    { "R2_PUBLIC_URL", "cloud_storage.r2_public_url" },
    { "LOG_LEVEL", "log.level" },
};
/* clang-format on */

static void env_row_add(struct env_row **at, const char *var, const char *provider, const char *key)
{
    if (!var)
        return;
    char *option = ym_asprintf("providers.%s.%s", provider, key);
    *(*at)++ = (struct env_row){var, option, option};
}

struct env_row *env_rows_all(const struct ym_config_provider *providers)
{
    size_t n = YM_COUNT(env_table);
    for (const struct ym_config_provider *p = providers; p && p->name; p++)
        n += YM_COUNT(p->key_env) + 1;
    struct env_row *rows = ym_alloc_array(n + 1, sizeof *rows), *at = rows;
    for (const struct ym_config_provider *p = providers; p && p->name; p++) {
        for (size_t i = 0; i < YM_COUNT(p->key_env); i++)
            env_row_add(&at, p->key_env[i], p->name, "api_key");
        env_row_add(&at, p->base_env, p->name, "base_url");
    }
    for (size_t i = 0; i < YM_COUNT(env_table); i++)
        *at++ = (struct env_row){env_table[i].var, env_table[i].option, NULL};
    return rows;
}

void env_rows_free(struct env_row *rows)
{
    for (struct env_row *row = rows; row && row->var; row++)
        free(row->owned);
    free(rows);
}

size_t opt_section(const struct opt *o, const char **ret_section)
{
    *ret_section = o->name;
    return strcspn(o->name, ".");
}

const char *opt_key(const struct opt *o)
{
    return strrchr(o->name, '.') + 1;
}

bool opt_is_named(const struct opt *o)
{
    return strchr(o->name, '.') != strrchr(o->name, '.');
}

static bool in_section(const struct opt *o, const char *section, size_t len)
{
    const char *s;
    return opt_section(o, &s) == len && memcmp(s, section, len) == 0;
}

const struct opt *opt_in(const char *section, bool named, const char *key)
{
    for (const struct opt *o = opts; o->name; o++)
        if (in_section(o, section, strlen(section)) && opt_is_named(o) == named &&
            strcmp(opt_key(o), key) == 0)
            return o;
    return NULL;
}

const struct opt *opt_find(const char *dotted, char **ret_name)
{
    const char *first = strchr(dotted, '.'), *last = strrchr(dotted, '.');
    *ret_name = NULL;
    if (!first)
        return NULL;
    for (const struct opt *o = opts; o->name; o++) {
        if (!in_section(o, dotted, (size_t)(first - dotted)) ||
            opt_is_named(o) != (first != last) || strcmp(opt_key(o), last + 1) != 0)
            continue;
        if (first != last)
            *ret_name = ym_strndup(first + 1, (size_t)(last - first - 1));
        return o;
    }
    return NULL;
}

const char **opt_keys(const char *section, bool named)
{
    const char **list = ym_alloc_array(YM_COUNT(opts) + 1, sizeof *list);
    size_t n = 0;
    for (const struct opt *o = opts; o->name; o++)
        if (in_section(o, section, strlen(section)) && opt_is_named(o) == named)
            list[n++] = opt_key(o);
    return list;
}

const char **opt_sections(void)
{
    static const char *const all[] = {"auth", "defaults", "providers", "models", "budget",
                                      "cloud_storage", "destinations", "webhooks", "mount",
                                      "history", "net", "log"};
    const char **list = ym_alloc_array(YM_COUNT(all) + 1, sizeof *list);
    memcpy(list, all, sizeof all);
    return list;
}

static void expects_values(const char *values, char *out, size_t size)
{
    size_t at = 0;
    for (const char *p = values; *p && at + 40 < size;) {
        size_t group = strcspn(p, " "), word = strcspn(p, " |");
        const char *next = p + group + (p[group] == ' ');
        const char *join = p == values ? "" : *next ? ", " : " or ";
        at += (size_t)snprintf(out + at, size - at, "%s%.*s", join, (int)word, p);
        p = next;
    }
}

const char *opt_expects(const struct opt *o, char *out, size_t size)
{
    switch (o->type) {
    case OPT_INT:
        snprintf(out, size, "a whole number from %.0f to %.0f", o->min, o->max);
        break;
    case OPT_NUM:
        snprintf(out, size, "a number from %g to %g", o->min, o->max);
        break;
    case OPT_MONEY:
        snprintf(out, size, "an amount in dollars from %g to %.0f, or \"unlimited\"", o->min, o->max);
        break;
    case OPT_BOOL:
        snprintf(out, size, "true or false");
        break;
    case OPT_STR:
        snprintf(out, size, "a text of one line");
        break;
    case OPT_ENUM:
        expects_values(o->values, out, size);
        break;
    case OPT_URL:
        snprintf(out, size, "an address such as https://host/path without a question mark");
        break;
    case OPT_DEST:
        snprintf(out, size, "an address that begins with s3://, r2://, gs:// or file://");
        break;
    case OPT_PATH:
        snprintf(out, size, "a path");
        break;
    case OPT_SECRET:
        snprintf(out, size, "the key itself, one word without spaces");
        break;
    case OPT_LIST:
        snprintf(out, size, "a list such as [\"127.0.0.1:7860\"]");
        break;
    case OPT_CHOICES:
        snprintf(out, size, "a text of one line, or a list of at most %d", CHOICES_MAX);
        break;
    }
    return out;
}
