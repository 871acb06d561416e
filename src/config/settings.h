/* What the files of this room share: the option table and the settings made from it. */
#ifndef YM_CONFIG_SETTINGS_H
#define YM_CONFIG_SETTINGS_H

#include <stdatomic.h>
#include <ymago/config.h>

enum opt_type {
    OPT_INT,
    OPT_NUM,
    OPT_BOOL,
    OPT_STR,
    OPT_ENUM,
    OPT_MONEY, /* dollars; "unlimited" is -1 */
    OPT_URL,   /* http or https, kept without a trailing slash */
    OPT_DEST,  /* s3:// r2:// gs:// file:// */
    OPT_PATH,  /* "~/" and paths relative to the file that names them are made whole */
    OPT_SECRET,
    OPT_LIST,
    OPT_CHOICES /* a text, or a list of texts in order of preference: both text and list are set */
};

#define CHOICES_MAX 16

struct opt {
    const char *name; /* "mount.settle_ms"; in "providers.NAME.base_url" NAME stands for any name */
    enum opt_type type;
    double min, max;
    const char *def;    /* as it would be written; NULL = not set */
    const char *values; /* ENUM: "error warn|warning info"; the first of each group is kept */
    const char *help;   /* one sentence */
    bool hidden;        /* a text that is as good as a password: shown as "(set)" */
};
extern const struct opt opts[]; /* sorted by section; ends with { 0 } */

struct env_row { /* lists end with { 0 } */
    const char *var;
    const char *option; /* with the real NAME; of two rows for one option the upper one wins */
    char *owned;        /* holds `option`, or NULL */
};
/* All rows: those of the table and those of the providers. Freed with env_rows_free(). */
struct env_row *env_rows_all(const struct ym_config_provider *providers);
void env_rows_free(struct env_row *rows);

/* "providers.gemini.base_url" -> its row, and *ret_name the NAME (a copy) or NULL. NULL = no such. */
const struct opt *opt_find(const char *dotted, char **ret_name);
/* The row of a section's key; named: the row of [SECTION.NAME]. */
const struct opt *opt_in(const char *section, bool named, const char *key);
bool opt_is_named(const struct opt *o);
const char *opt_key(const struct opt *o);                            /* "base_url" */
size_t opt_section(const struct opt *o, const char **ret_section);   /* its length */
/* "a whole number from 0 to 60": fits behind "must be". */
const char *opt_expects(const struct opt *o, char *out, size_t size);
/* All keys of a section, or all sections, for suggestions; free() the array. */
const char **opt_keys(const char *section, bool named);
const char **opt_sections(void);

struct setting {
    const struct opt *opt;
    char *name;   /* the NAME, or NULL */
    char *source; /* "ymago.toml line 3", "environment variable X", "--api-key" */
    int rank;     /* of the source, see load.c */
    char *text;   /* STR ENUM URL DEST PATH; the first of CHOICES */
    double num;   /* INT NUM MONEY */
    bool truth;
    char **list; /* LIST CHOICES; NULL-terminated */
    struct ym_secret *secret;
};

struct ym_config {
    atomic_int refs;
    char *file;
    struct setting *set;
    size_t nset;
    char **allow;
};

struct ym_config *config_new(void);
struct ym_config *config_copy(const struct ym_config *c);
struct setting *config_find(const struct ym_config *c, const struct opt *o, const char *name);
/* Takes what v holds; replaces an earlier value of the same option and name. */
void config_put(struct ym_config *c, struct setting *v);
void config_allow_rebuild(struct ym_config *c);
void setting_fini(struct setting *v);

/* Reads a value of o's type into v (text, num ...). False = not of that type or out of range.
 * *ret_empty: an empty text, which means "not set". */
bool value_from_json(const struct opt *o, const cJSON *j, struct setting *v, bool *ret_empty);
bool value_from_text(const struct opt *o, const char *s, struct setting *v, bool *ret_empty);
/* A number written plainly: digits, one dot, no exponent, nothing around it. */
bool plain_number(const char *s, double *ret);
/* The row of a list "a b|c" that equals s in any case; copies its first word to out. */
bool values_match(const char *values, const char *s, char *out, size_t size);
/* Checks an http(s) URL and cuts trailing slashes; a copy, or NULL. */
char *url_normalise(const char *s);

/* Line of a [table] or key in a TOML text, "providers.gemini.api_key"; 0 = not found. */
int toml_line(const char *text, size_t len, const char *dotted);

/* A secret from a file that only its owner may read. what: its name in sentences. */
int secret_read_file(const char *path, const char *what, struct ym_secret **ret, struct ym_err *e);
/* $CREDENTIALS_DIRECTORY/name; -ENOENT without *e when there is none. */
int secret_read_credential(const char *dir, const char *name, struct ym_secret **ret, struct ym_err *e);
/* Clears and removes a variable of this process. */
void secret_forget_env(const char *var);
/* A copy of a text value: leading "~/" and a path relative to base_dir made whole. */
char *path_whole(const char *path, const char *base_dir, const char *home);

/* Reads a file of at most max bytes. -ENOENT and others with a sentence in *e. */
int text_read_fd(int fd, const char *shown, size_t max, struct ym_buf *out, struct ym_err *e);

/* Sets every key of a parsed table. only: NULL-terminated sections, NULL = all. */
struct table_source {
    const char *shown;    /* how the file is called in sentences */
    const char *text;     /* for line numbers */
    size_t len;
    const char *base_dir; /* for relative paths */
    const char *home;
    const char *const *only;
    const char *only_says; /* the sentence's end when another section appears */
    const struct ym_config_provider *providers; /* NULL = any */
    int rank;
};
int table_apply(struct ym_config *c, const cJSON *doc, const struct table_source *t, struct ym_err *e);

/* One field's value: text, number, list ... -> the canonical value, NULL = not acceptable.
 * *ret_drop: the value means "not set". why: replaces the "must be ..." sentence when filled. */
struct field_why {
    char text[160];
};
cJSON *field_value(const struct ym_field *f, const cJSON *in, bool *ret_drop, struct field_why *why);
const char *field_expects(const struct ym_field *f, char *out, size_t size);
/* All names and aliases that `accept` lets through (NULL = all), for suggestions; free() it. */
const char **field_names(bool folder_only);

#endif
