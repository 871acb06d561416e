/* The names of kinds and states, and the packed form of a request. They are shared by every higher
 * room; this is the lowest one that may know them. */
#include <errno.h>
#include <string.h>

#include "settings.h"

static const char *const kind_names[YM_KIND_COUNT] = {"image", "video", "audio", "sfx", "text"};
static const char *const kind_folders[YM_KIND_COUNT] = {"images", "videos", "audio", "sfx", "texts"};

const char *ym_kind_name(enum ym_kind k)
{
    ym_assert(k >= 0 && k < YM_KIND_COUNT);
    return kind_names[k];
}

enum ym_kind ym_kind_parse(const char *s)
{
    for (int k = 0; k < YM_KIND_COUNT; k++)
        if (strcmp(s, kind_names[k]) == 0)
            return (enum ym_kind)k;
    return YM_KIND_NONE;
}

const char *ym_kind_folder(enum ym_kind k)
{
    ym_assert(k >= 0 && k < YM_KIND_COUNT);
    return kind_folders[k];
}

static const struct {
    const char *name, *shown;
} states[YM_JOB_STATE_COUNT] = {
    [YM_JOB_NONE] = {"none", "none"},
    [YM_JOB_HELD] = {"held", "held"},
    [YM_JOB_QUEUED] = {"queued", "queued"},
    [YM_JOB_RESERVED] = {"reserved", "running"},
    [YM_JOB_SUBMITTING] = {"submitting", "running"},
    [YM_JOB_ACCEPTED] = {"accepted", "running"},
    [YM_JOB_STORED] = {"stored", "running"},
    [YM_JOB_DONE] = {"done", "done"},
    [YM_JOB_FAILED] = {"failed", "failed"},
    [YM_JOB_CANCELLED] = {"cancelled", "cancelled"},
    [YM_JOB_UNKNOWN] = {"unknown", "unknown"},
};

const char *ym_state_name(enum ym_state s)
{
    ym_assert(s < YM_JOB_STATE_COUNT);
    return states[s].name;
}

enum ym_state ym_state_parse(const char *s)
{
    for (size_t i = 0; i < YM_JOB_STATE_COUNT; i++)
        if (strcmp(s, states[i].name) == 0)
            return (enum ym_state)i;
    return YM_JOB_NONE;
}

const char *ym_state_public(enum ym_state s)
{
    ym_assert(s < YM_JOB_STATE_COUNT);
    return states[s].shown;
}

/* ---- requests ---- */

static void refs_free(struct ym_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(refs[i].path);
    free(refs);
}

void ym_request_fini(struct ym_request *r)
{
    free(r->provider);
    free(r->model);
    free(r->prompt);
    free(r->negative);
    cJSON_Delete(r->params);
    refs_free(r->refs, r->nrefs);
    memset(r, 0, sizeof *r);
}

char *ym_request_pack(const struct ym_request *r)
{
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    if (r->negative)
        cJSON_AddStringToObject(o, "negative", r->negative);
    cJSON_AddItemToObject(o, "params", r->params ? cJSON_Duplicate(r->params, true) : cJSON_CreateObject());
    cJSON *refs = cJSON_AddArrayToObject(o, "refs");
    for (size_t i = 0; i < r->nrefs; i++) {
        const struct ym_ref *ref = &r->refs[i];
        char hex[65];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "path", ref->path);
        cJSON_AddStringToObject(item, "b2", ym_digest_hex(&ref->b2, hex));
        cJSON_AddStringToObject(item, "mime", ref->mime);
        cJSON_AddNumberToObject(item, "size", (double)ref->size);
        cJSON_AddBoolToObject(item, "url", ref->is_url);
        cJSON_AddItemToArray(refs, item);
    }
    return ym_json_print(o, false);
}

static int ref_unpack(const cJSON *item, struct ym_ref *ret)
{
    const char *path = ym_json_str(item, "path"), *b2 = ym_json_str(item, "b2");
    const char *mime = ym_json_str_or(item, "mime", "");
    if (!path || !*path || !b2 || ym_digest_parse(b2, &ret->b2) < 0 || strlen(mime) >= sizeof ret->mime ||
        ym_json_int(item, "size", 0, INT64_MAX, &ret->size) < 0)
        return -EINVAL;
    ret->path = ym_strdup(path);
    snprintf(ret->mime, sizeof ret->mime, "%s", mime);
    ret->is_url = ym_json_bool(item, "url", false);
    return 0;
}

int ym_request_unpack(const char *json, struct ym_request *r, struct ym_err *e)
{
    YM_AUTOJSON cJSON *o = NULL;
    int res = ym_json_parse(json, strlen(json), SIZE_MAX, &o, e);
    if (res < 0)
        return res;
    const cJSON *params = ym_json_get(o, "params"), *refs = ym_json_get(o, "refs"), *item;
    if (!cJSON_IsObject(params) || !cJSON_IsArray(refs))
        return ym_fail(e, YM_BROKEN, EINVAL, "A stored request has no parameters or references.");
    size_t n = 0;
    struct ym_ref *list = ym_alloc_array((size_t)cJSON_GetArraySize(refs) + 1, sizeof *list);
    cJSON_ArrayForEach (item, refs) {
        if (ref_unpack(item, &list[n]) < 0) {
            refs_free(list, n);
            return ym_fail(e, YM_BROKEN, EINVAL, "Reference %zu of a stored request cannot be read.", n + 1);
        }
        n++;
    }
    const char *negative = ym_json_str(o, "negative");
    r->negative = negative ? ym_strdup(negative) : NULL;
    r->params = cJSON_Duplicate(params, true);
    r->refs = list;
    r->nrefs = n;
    return 0;
}
