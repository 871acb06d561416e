/* Bytes <-> plain values. No files, no meaning. Every parser here is fuzzed. */
#ifndef YMAGO_FORMATS_H
#define YMAGO_FORMATS_H

#include <cjson/cJSON.h>
#include <ymago/base.h>

/* Where a parser stopped; line and column count from 1, 0 = not known. */
struct ym_where {
    int line, column;
};

/* ---- JSON, strict (cJSON alone takes \u0000, bad UTF-8, 1e400 and bytes after the end) ----
 * Refuses: invalid UTF-8, NUL and \u0000, depth over 64, bytes after the value, duplicate keys, more
 * than max_len bytes. Numbers must be finite. Returns 0 and *ret (cJSON_Delete), or -EINVAL with a
 * sentence that names line and column. A leading byte order mark is skipped. */
int ym_json_parse(const char *text, size_t len, size_t max_len, cJSON **ret, struct ym_err *e);
/* Typed, case-sensitive look-ups; NULL / fallback when absent or of another type. */
const cJSON *ym_json_get(const cJSON *o, const char *key);
const char *ym_json_str(const cJSON *o, const char *key);              /* borrowed */
const char *ym_json_str_or(const cJSON *o, const char *key, const char *fallback);
bool ym_json_bool(const cJSON *o, const char *key, bool fallback);
/* Whole numbers up to 2^53, also written as a decimal string ("55745"). 0, -ENOENT, -EINVAL, -ERANGE. */
int ym_json_int(const cJSON *o, const char *key, int64_t min, int64_t max, int64_t *ret);
int64_t ym_json_int_or(const cJSON *o, const char *key, int64_t fallback);
double ym_json_num_or(const cJSON *o, const char *key, double fallback);
/* A path of keys and [N]: ym_json_at(o, "error.details[0].reason"). */
const cJSON *ym_json_at(const cJSON *o, const char *path);
/* Canonical text: keys sorted by byte, no white space, whole numbers without exponent, others by
 * %.17g, strings minimally escaped. Two equal values give the same bytes on every machine. */
char *ym_json_canonical(const cJSON *v);
char *ym_json_print(const cJSON *v, bool pretty); /* caller frees; keeps key order */
void ym_json_freep(cJSON **p);
#define YM_AUTOJSON __attribute__((cleanup(ym_json_freep)))

/* ---- YAML, plain subset by libyaml: one mapping; scalars, flow and block lists and mappings to
 * depth 8; no anchors, aliases, tags, second document or duplicate keys. Plain scalars become
 * true/false/null/numbers by the JSON schema (no "yes", no octal, no sexagesimal: 16:9 is text).
 * At most 16 KiB. -EINVAL names the line. */
int ym_yaml_parse(const char *text, size_t len, cJSON **ret, struct ym_err *e);

/* Front matter: when text begins with a line "---" (after an optional BOM) and a later line is
 * "---", sets *ret_head to the lines between, *ret_body to what follows; else head is empty and the
 * body is the whole. CRLF is fine. Returns 0, or -EINVAL when the opening line is never closed
 * (within 16 KiB). All pointers are into text. */
struct ym_span {
    const char *s;
    size_t len;
};
int ym_front_matter(const char *text, size_t len, struct ym_span *ret_head,
                    struct ym_span *ret_body, struct ym_err *e);

/* Parameter lines as AUTOMATIC1111's programs print them below a prompt: "Negative prompt: ..." (may
 * go on for several lines) and a last line "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size:
 * 512x512, ...". True when the text ends in one of them: *ret_prompt is what stands before, *ret an
 * object of those that are known here, by our names (negative_prompt steps sampler scheduler cfg_scale seed
 * width height model clip_skip strength; hires: a table), unchecked. Tags like <lora:x:1> stay in the prompt.
 * ret_prompt lies in text and may be where text came from. */
bool ym_parameter_lines(const char *text, size_t len, struct ym_span *ret_prompt, cJSON **ret);

/* ---- TOML 1.0 by toml++ (the one C++ file): dates become strings. At most 1 MiB.
 * -EINVAL names line and column. *ret_where may be NULL. */
int ym_toml_parse(const char *text, size_t len, cJSON **ret, struct ym_where *ret_where,
                  struct ym_err *e);

/* ---- the sieve ----
 * Copies a JSON reply through, but diverts base64 strings that stand under certain keys into a
 * decoder, so that media never sits whole in memory. In its place stands a short token string, known
 * only to this sieve (random part), so that a reply cannot forge one. Other strings longer than
 * `long_string` bytes (thought signatures) are replaced by "". Works for every split of the input. */
struct ym_sieve_spec {
    /* NULL-terminated: {"data", "b64_json", NULL}; empty strings pass through. "images[]" means the strings
     * of an array under "images", up to its first element that is none. */
    const char *const *media_keys;
    size_t long_string;            /* 0 = 65536 */
    size_t max_document;           /* what passes, bytes; 0 = 1 MiB; more is -E2BIG */
    size_t max_media;              /* number of diverted strings; 0 = 64; more is -E2BIG */
};
struct ym_sieve_sink { /* each returns 0 or -errno, which stops the sieve and is returned by feed */
    int (*begin)(void *ctx, unsigned index);
    int (*data)(void *ctx, unsigned index, const uint8_t *data, size_t len); /* decoded bytes */
    int (*end)(void *ctx, unsigned index);
    void *ctx;
};
struct ym_sieve;
struct ym_sieve *ym_sieve_new(const struct ym_sieve_spec *spec, const struct ym_sieve_sink *sink);
void ym_sieve_free(struct ym_sieve *s);
/* 0; -EBADMSG (not base64; a "data:...;base64," prefix is skipped; \/ in the text is understood);
 * -E2BIG; or the sink's error. After an error only free is allowed. Any one thread. */
int ym_sieve_feed(struct ym_sieve *s, const void *data, size_t len);
/* The document so far once the input has ended: checked for being one whole JSON value. 0 and the
 * value (caller deletes), -EBADMSG when it ends early (a cut reply) or is no JSON at all. */
int ym_sieve_end(struct ym_sieve *s, cJSON **ret_doc, struct ym_err *e);
/* The text that passed so far, for showing an error page; borrowed until free. */
const char *ym_sieve_text(const struct ym_sieve *s, size_t *ret_len);
/* index of a diverted string when v is one of this sieve's tokens, else -1. */
int ym_sieve_index(const struct ym_sieve *s, const cJSON *v);

#endif
