/* YAML, the plain subset, by libyaml's events. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <yaml.h>
#include <ymago/formats.h>

#include "json_scan.h"

#define TEXT_MAX  16384
#define DEPTH_MAX 8

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one in hand; valid while has_event */
    bool has_event;
    struct ym_err *e;
};

static int refuse(struct reader *r, const yaml_mark_t *at, const char *what)
{
    return ym_fail(r->e, YM_INVALID, EINVAL, "The settings (YAML) are wrong at line %zu: %s.",
                   at->line + 1, what);
}

static int refuse_here(struct reader *r, const char *what)
{
    return refuse(r, &r->event.start_mark, what);
}

static int next_event(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        const char *what = r->parser.problem ? r->parser.problem : "it cannot be read";
        return refuse(r, &r->parser.problem_mark, what);
    }
    r->has_event = true;
    return 0;
}

/* What a scalar without quotes means: JSON's words and numbers, else text. */
static int plain_scalar(struct reader *r, const char *s, size_t len, cJSON **ret)
{
    if (len == 0 || strcmp(s, "null") == 0) {
        *ret = cJSON_CreateNull();
    } else if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0) {
        *ret = cJSON_CreateBool(s[0] == 't');
    } else if (json_scan_number(s, len) == len) {
        double d = strtod(s, NULL);
        if (!isfinite(d))
            return refuse_here(r, "this number is too large");
        *ret = cJSON_CreateNumber(d);
    } else {
        *ret = cJSON_CreateString(s);
    }
    return 0;
}

static int check_scalar(struct reader *r)
{
    const yaml_event_t *ev = &r->event;
    if (ev->data.scalar.anchor || ev->data.scalar.tag)
        return refuse_here(r, "anchors and tags are not understood; write the value itself");
    if (memchr(ev->data.scalar.value, '\0', ev->data.scalar.length))
        return refuse_here(r, "a NUL character is not allowed");
    return 0;
}

static int read_scalar(struct reader *r, cJSON **ret)
{
    int err = check_scalar(r);
    if (err < 0)
        return err;
    const char *s = (const char *)r->event.data.scalar.value;
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return plain_scalar(r, s, r->event.data.scalar.length, ret);
    *ret = cJSON_CreateString(s);
    return 0;
}

static int read_value(struct reader *r, int depth, cJSON **ret);

/* The event in hand is a key; reads it and its value into o. */
static int read_pair(struct reader *r, cJSON *o, int depth)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse_here(r, "a key must be a plain word");
    int err = check_scalar(r);
    if (err < 0)
        return err;
    YM_AUTOFREE char *key = ym_strdup((const char *)r->event.data.scalar.value);
    if (cJSON_GetObjectItemCaseSensitive(o, key))
        return refuse_here(r, "this key appears twice; keep one of them");
    cJSON *v = NULL;
    if ((err = next_event(r)) < 0 || (err = read_value(r, depth, &v)) < 0)
        return err;
    ym_assert(cJSON_AddItemToObject(o, key, v));
    return 0;
}

static int read_mapping(struct reader *r, int depth, cJSON **ret)
{
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    int err;
    while ((err = next_event(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT)
        if ((err = read_pair(r, o, depth)) < 0)
            break;
    if (err == 0)
        *ret = ym_steal(&o);
    return err;
}

static int read_sequence(struct reader *r, int depth, cJSON **ret)
{
    YM_AUTOJSON cJSON *a = cJSON_CreateArray();
    int err;
    while ((err = next_event(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
        cJSON *v = NULL;
        if ((err = read_value(r, depth, &v)) < 0)
            break;
        ym_assert(cJSON_AddItemToArray(a, v));
    }
    if (err == 0)
        *ret = ym_steal(&a);
    return err;
}

/* The event in hand begins a value; depth counts the lists and mappings around it. */
static int read_value(struct reader *r, int depth, cJSON **ret)
{
    const yaml_event_t *ev = &r->event;
    if (ev->type == YAML_SCALAR_EVENT)
        return read_scalar(r, ret);
    if (ev->type == YAML_ALIAS_EVENT)
        return refuse_here(r, "aliases (*name) are not understood; write the value itself, or "
                              "put it in quotes");
    bool mapping = ev->type == YAML_MAPPING_START_EVENT;
    ym_assert(mapping || ev->type == YAML_SEQUENCE_START_EVENT);
    if (mapping ? ev->data.mapping_start.anchor || ev->data.mapping_start.tag
                : ev->data.sequence_start.anchor || ev->data.sequence_start.tag)
        return refuse_here(r, "anchors and tags are not understood; write the value itself");
    if (depth == DEPTH_MAX)
        return refuse_here(r, "this is nested too deeply");
    return mapping ? read_mapping(r, depth + 1, ret) : read_sequence(r, depth + 1, ret);
}

/* The first document, which must be a mapping; nothing at all is an empty one. */
static int read_document(struct reader *r, cJSON **ret)
{
    int err = next_event(r); /* stream start */
    if (err < 0 || (err = next_event(r)) < 0)
        return err;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *ret = cJSON_CreateObject();
        return 0;
    }
    if (r->event.data.document_start.version_directive ||
        r->event.data.document_start.tag_directives.start)
        return refuse_here(r, "directives (%) are not understood");
    if ((err = next_event(r)) < 0)
        return err;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse_here(r, "lines of the form \"key: value\" are expected");
    return read_value(r, 0, ret);
}

static int read_end(struct reader *r)
{
    int err = next_event(r); /* document end */
    if (err < 0 || (err = next_event(r)) < 0)
        return err;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return refuse_here(r, "a second document begins here; only one is allowed");
    return 0;
}

int ym_yaml_parse(const char *text, size_t len, cJSON **ret, struct ym_err *e)
{
    if (len > TEXT_MAX)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The settings (YAML) have %zu bytes; at most %d are read: make them "
                       "shorter.",
                       len, TEXT_MAX);
    struct reader r = {.e = e};
    YM_AUTOJSON cJSON *v = NULL;
    ym_assert(yaml_parser_initialize(&r.parser));
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    int err = read_document(&r, &v);
    if (err == 0 && r.event.type != YAML_STREAM_END_EVENT)
        err = read_end(&r);
    if (err == 0)
        *ret = ym_steal(&v);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return err;
}
