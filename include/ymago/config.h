/* Settings: one option table, the order of sources, secrets, folder defaults, budgets, prices. */
#ifndef YMAGO_CONFIG_H
#define YMAGO_CONFIG_H

#include <ymago/formats.h>
#include <ymago/job.h>

/* ---- the configuration file, environment and flags ---- */
struct ym_config; /* read-only once loaded; counted; any thread */
struct ym_config_provider { /* a provider that this program has; lists end with { 0 } */
    const char *name;       /* of its table: [providers.NAME] */
    const char *key_env[2]; /* variables with its key, the first wins; NULL = none */
    const char *base_env;   /* variable with its base_url; NULL = none */
};
struct ym_config_sources {
    const struct ym_config_provider *providers; /* NULL: any name is one, without variables; borrowed */
    const char *file;          /* --config, or NULL: the order of the manual */
    const char *cwd_file;      /* "./ymago.toml" or NULL; only [defaults] and [models], see the manual */
    char *const *environ;      /* NULL = none */
    const char *api_key_file;  /* --api-key-file or NULL */
    const struct ym_secret *api_key; /* --api-key or NULL */
    const struct ym_config *previous; /* at a reload: keys whose variables are gone since; or NULL */
};
/* 0; -EINVAL names file, line, key and the nearest known key; -EPERM for a key file others can read.
 * Environment variables that hold keys are unset in this process once read (pass environ). */
int ym_config_load(const struct ym_config_sources *s, struct ym_config **ret, struct ym_err *e);
struct ym_config *ym_config_ref(struct ym_config *c);
void ym_config_unref(struct ym_config *c);
const char *ym_config_file(const struct ym_config *c); /* the file in force, or NULL */
/* By dotted name: "mount.settle_ms". Asserts that the name is in the table and of that type. */
int64_t ym_config_int(const struct ym_config *c, const char *key);
double ym_config_num(const struct ym_config *c, const char *key);
bool ym_config_bool(const struct ym_config *c, const char *key);
const char *ym_config_str(const struct ym_config *c, const char *key); /* NULL = not set */
const struct ym_secret *ym_config_secret(const struct ym_config *c, const char *key); /* NULL = not set */
/* The index-th NAME of [SECTION.NAME] ("destinations", "webhooks", "models", "providers"), or NULL
 * past the last. Its keys: ym_config_str(c, "destinations.NAME.url"). */
const char *ym_config_name(const struct ym_config *c, const char *section, size_t index);

struct ym_provider_conf { /* [providers.NAME], borrowed */
    const struct ym_secret *key;   /* NULL = none */
    const char *base_url;          /* NULL = the driver's; no trailing slash */
    int rate_limit, concurrency, daily_limit; /* -1 = not set; 0 = none */
    int timeout_seconds;           /* -1 = not set: as the driver says */
    int retry_attempts;            /* 5 */
    int gather_seconds;            /* 60: of `tier: batch` */
};
void ym_config_provider(const struct ym_config *c, const char *name, struct ym_provider_conf *ret);
struct ym_model_conf { /* [models."NAME"], borrowed; negative = not set */
    const char *provider;
    double image, second, song, kchars, mtok_in, mtok_out;
    int max_prompt, rate_limit;
};
/* prices.toml of the library overrides: pass its text by ym_config_prices. False = no entry. */
bool ym_config_model(const struct ym_config *c, const char *id, struct ym_model_conf *ret);
/* A copy of c with the prices of a prices.toml ([models."NAME"] price_* only) laid over it. */
int ym_config_prices(const struct ym_config *c, const char *toml, size_t len, struct ym_config **ret, struct ym_err *e);
/* Configured default model of a kind ("provider/model" or "model"), or NULL. */
const char *ym_config_default_model(const struct ym_config *c, enum ym_kind k);
/* All of them in order of preference: the first is the one above. NULL-terminated and borrowed; NULL = none. */
const char *const *ym_config_default_models(const struct ym_config *c, enum ym_kind k);
/* Origins that may be reached although private: base_urls + net.allow_private. NULL-terminated, borrowed. */
const char *const *ym_config_allow(const struct ym_config *c);
/* Everything in force as TOML with the source of each value in a comment, secrets as "(set)". */
int ym_config_render(const struct ym_config *c, struct ym_buf *out);
/* The option table as manual text (roff), for contrib/man. providers: as in the sources. */
void ym_config_manual(FILE *out, const struct ym_config_provider *providers);

/* ---- the fields of a request: front matter keys, folder defaults, batch columns, sidecar params ---- */
enum ym_field_type { YM_F_STR, YM_F_INT, YM_F_NUM, YM_F_BOOL, YM_F_ENUM, YM_F_LIST, YM_F_MONEY, YM_F_OBJECT, YM_F_TIME };
struct ym_field {
    const char *name;            /* canonical */
    const char *const *aliases;  /* NULL-terminated or NULL */
    enum ym_field_type type;
    double min, max;             /* INT, NUM, MONEY */
    const char *const *values;   /* ENUM */
    bool in_request;             /* goes into ym_request.params, hence into the request hash; what has
                                  * a place of its own in ym_request (prompt, negative_prompt, model,
                                  * provider, references ...) is false here */
    bool in_folder;              /* allowed in folder.toml */
    const char *help;
};
extern const struct ym_field ym_fields[]; /* ends with { 0 } */
const struct ym_field *ym_field_find(const char *name); /* canonical or alias; case, ' ', '-', '_' equal */
/* Validates a mapping of user keys: canonical names, typed and checked values ("16x9" -> "16:9",
 * quality, seed -1..2^32-1 with -1 dropped ...). Unknown keys are -EINVAL with a suggestion; keys
 * below "metadata" are kept as they are. source: "front matter", "folder.toml" ... for the sentence. */
int ym_fields_check(const cJSON *raw, const char *source, cJSON **ret, struct ym_err *e);
/* The same for a folder.toml: "kind", "prompt", "sidecar" + fields with in_folder. *ret_kind may
 * become YM_KIND_NONE. Secrets, endpoints and budgets upwards are refused by name. */
int ym_folder_parse(const char *toml, size_t len, cJSON **ret_fields, enum ym_kind *ret_kind, struct ym_err *e);
/* The model that fields ask for: "model", else "image_model" / "video_model" / "audio_model" /
 * "sfx_model" / "text_model" of that kind. "provider/model" or "model"; borrowed; NULL = none. */
const char *ym_fields_model(const cJSON *fields, enum ym_kind k);
/* lower <- upper, field by field; returns a new object. "metadata" is merged key by key; of two
 * max_usd the smaller one stays. */
cJSON *ym_fields_merge(const cJSON *lower, const cJSON *upper);

/* ---- cost/budget.toml ---- */
struct ym_budget { /* micro-dollars; negative = no such limit */
    ym_money per_job, batch_auto, daily, monthly, retry_unknown_max, grace;
    bool unknown_price_hold;
    int bulk_count;
    int grace_seconds;
    double warn_at;
    cJSON *models, *folders, *channels; /* {"name": usd per day}; NULL = none */
};
void ym_budget_fini(struct ym_budget *b);
/* The start values: the contract's, changed by [budget] of the configuration. */
void ym_budget_default(const struct ym_config *c, struct ym_budget *ret);
/* Reads a budget.toml over the start values. Unknown keys and bad values are -EINVAL (the caller keeps
 * the old values); an empty file gives the start values, never "no budget". */
int ym_budget_parse(const struct ym_config *c, const char *toml, size_t len, struct ym_budget *ret, struct ym_err *e);
/* The commented file that a new library starts with. */
int ym_budget_render(const struct ym_budget *b, struct ym_buf *out);

#endif
