/* Reading sidecars: ours, and those of older tools that have no "ymago" part. */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "sidecar.h"

static bool looks_like_one(const cJSON *o)
{
    if (cJSON_IsObject(ym_json_get(o, "ymago")))
        return true;
    return ym_json_str(o, "prompt") &&
           (ym_json_str(o, "model_name") || ym_json_get(o, "generation_parameters"));
}

static struct ym_digest digest_at(const cJSON *o, const char *key)
{
    struct ym_digest d = {.b = {0}};
    const char *hex = ym_json_str(o, key);
    if (hex && ym_digest_parse(hex, &d) < 0)
        d = (struct ym_digest){.b = {0}};
    return d;
}

int ym_sidecar_parse(const char *sidecar_path, const char *text, size_t len,
                     struct ym_sidecar_row *ret, struct ym_err *e)
{
    size_t path = strlen(sidecar_path);
    char shown[96];
    ym_text_show(sidecar_path, shown, sizeof(shown));
    if (path <= 5 || strcmp(sidecar_path + path - 5, ".json") != 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%s is not named like a sidecar (x.png.json).",
                       shown);
    YM_AUTOJSON cJSON *o = NULL;
    int r = ym_json_parse(text, len, SIDECAR_MAX, &o, e);
    if (r < 0)
        return r;
    if (!looks_like_one(o))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%s is no sidecar: it tells neither a prompt nor how "
                       "it was made.",
                       shown);
    const cJSON *y = ym_json_get(o, "ymago");
    int64_t variation = ym_json_int_or(y, "variation", 0);
    *ret = (struct ym_sidecar_row){
        .path = ym_strdup(sidecar_path),
        .media = ym_strndup(sidecar_path, path - 5),
        .s = digest_at(y, "source_hash"),
        .h = digest_at(y, "request_hash"),
        .variation = variation < 0 ? 0 : variation,
        .b2 = digest_at(y, "b2"),
        .doc = ym_strndup(text, len),
    };
    return 0;
}

cJSON *sidecar_ours(const char *text, size_t len)
{
    YM_AUTOJSON cJSON *o = NULL;
    if (ym_json_parse(text, len, SIDECAR_MAX, &o, NULL) < 0)
        return NULL;
    const char *id = ym_json_str(ym_json_get(o, "ymago"), "id");
    return id && ym_id_valid(id) ? ym_steal(&o) : NULL;
}

/* ---- attributes ---- */

#define ATTRIBUTE_MAX 1500 /* all of a file's must fit in one block of ext4 */

/* One line, nothing in it that a terminal would obey. */
static void set_attribute(int fd, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    YM_AUTOFREE char *line = ym_strdup(value);
    for (char *p = line; *p; p++)
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, ATTRIBUTE_MAX + 1);
    ym_text_escape(&b, line, strlen(line), ATTRIBUTE_MAX);
    (void)!fsetxattr(fd, key, b.data, b.len, 0);
}

/* "sea,evening", from a list or a text. */
static char *tags_of(const cJSON *tags)
{
    if (cJSON_IsString(tags))
        return ym_strdup(tags->valuestring);
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, ATTRIBUTE_MAX + 1);
    const cJSON *tag;
    cJSON_ArrayForEach(tag, tags) if (cJSON_IsString(tag) &&
                                      ym_buf_addf(&b, "%s%s", b.len ? "," : "", tag->valuestring) <
                                          0) break;
    return ym_buf_steal(&b);
}

void sidecar_attributes(const char *text, int fd)
{
    YM_AUTOJSON cJSON *o = NULL;
    if (!text || ym_json_parse(text, strlen(text), SIZE_MAX, &o, NULL) < 0)
        return;
    const cJSON *y = ym_json_get(o, "ymago");
    YM_AUTOFREE char *tags = tags_of(ym_json_get(ym_json_get(y, "params"), "tags"));
    set_attribute(fd, "user.mime_type", ym_json_str(y, "mime"));
    set_attribute(fd, "user.xdg.comment", ym_json_str(o, "prompt"));
    set_attribute(fd, "user.xdg.tags", tags);
    set_attribute(fd, "user.xdg.origin.url", ym_json_str(y, "url"));
}
