/* The names of kinds and states, and the packed form of a request. They are shared by every higher
 * room; this is the lowest one that may know them. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <ymago/job.h>

static const char *const kind_names[YM_KIND_COUNT] = {"image", "video", "audio", "sfx", "text"};
static const char *const kind_folders[YM_KIND_COUNT] = {"images", "videos", "audio", "sfx",
                                                        "texts"};

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

const char *ym_ref_role_name(enum ym_ref_role r)
{
    static const char *const names[YM_REF_ROLE_COUNT] = {"reference", "source", "last_frame", "workflow"};
    ym_assert(r < YM_REF_ROLE_COUNT);
    return names[r];
}

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

/* The shortest text that reads back as the same number: cJSON itself rounds the last digit away,
 * and with it the request's identity. */
static void number_text(double d, char out[static 40])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, d);
        double back = strtod(out, NULL);
        if (!(back < d) && !(back > d))
            return;
    }
}

static cJSON *copy_exact(const cJSON *v)
{
    if (cJSON_IsNumber(v)) {
        char text[40];
        ym_assert(isfinite(v->valuedouble));
        number_text(v->valuedouble, text);
        return cJSON_CreateRaw(text);
    }
    if (!cJSON_IsObject(v) && !cJSON_IsArray(v))
        return cJSON_Duplicate(v, true);
    cJSON *copy = cJSON_IsObject(v) ? cJSON_CreateObject() : cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item, v)
    {
        if (cJSON_IsObject(v))
            cJSON_AddItemToObject(copy, item->string, copy_exact(item));
        else
            cJSON_AddItemToArray(copy, copy_exact(item));
    }
    return copy;
}

static cJSON *ref_pack(const struct ym_ref *ref)
{
    char hex[65];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "path", ref->path);
    cJSON_AddStringToObject(o, "b2", ym_digest_hex(&ref->b2, hex));
    cJSON_AddStringToObject(o, "mime", ref->mime);
    cJSON_AddNumberToObject(o, "size", (double)ref->size);
    cJSON_AddBoolToObject(o, "url", ref->is_url);
    if (ref->role != YM_REF_REFERENCE)
        cJSON_AddStringToObject(o, "role", ym_ref_role_name(ref->role));
    return o;
}

char *ym_request_pack(const struct ym_request *r)
{
    cJSON *o = cJSON_CreateObject();
    if (r->negative)
        cJSON_AddStringToObject(o, "negative", r->negative);
    cJSON_AddItemToObject(o, "params", r->params ? copy_exact(r->params) : cJSON_CreateObject());
    cJSON *refs = cJSON_AddArrayToObject(o, "refs");
    for (size_t i = 0; i < r->nrefs; i++)
        cJSON_AddItemToArray(refs, ref_pack(&r->refs[i]));
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    ym_assert(text != NULL);
    return text;
}

static const char *text_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static int ref_unpack(const cJSON *item, struct ym_ref *ret)
{
    struct ym_ref ref = {0};
    const char *path = text_of(item, "path"), *b2 = text_of(item, "b2");
    const char *mime = text_of(item, "mime");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(item, "size");
    if (!path || !*path || !b2 || ym_digest_parse(b2, &ref.b2) < 0 || !mime ||
        strlen(mime) >= sizeof ref.mime || !cJSON_IsNumber(size) || !(size->valuedouble >= 0) ||
        !(size->valuedouble < 9e15))
        return -EINVAL;
    ref.path = ym_strdup(path);
    snprintf(ref.mime, sizeof ref.mime, "%s", mime);
    ref.size = (int64_t)size->valuedouble;
    ref.is_url = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "url"));
    const char *role = text_of(item, "role");
    while (role && strcmp(role, ym_ref_role_name(ref.role)) != 0)
        if (++ref.role == YM_REF_ROLE_COUNT)
            return -EINVAL;
    *ret = ref;
    return 0;
}

static int refs_unpack(const cJSON *refs, struct ym_ref **ret, size_t *ret_n, struct ym_err *e)
{
    const cJSON *item;
    size_t n = 0;
    struct ym_ref *list = ym_alloc_array((size_t)cJSON_GetArraySize(refs) + 1, sizeof *list);
    cJSON_ArrayForEach(item, refs)
    {
        if (ref_unpack(item, &list[n]) < 0) {
            refs_free(list, n);
            return ym_fail(e, YM_BROKEN, EINVAL,
                           "Reference %zu of a stored request cannot be read.", n + 1);
        }
        n++;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

int ym_request_unpack(const char *json, struct ym_request *r, struct ym_err *e)
{
    cJSON *o = cJSON_ParseWithLengthOpts(json, strlen(json) + 1, NULL, true);
    cJSON *params = cJSON_GetObjectItemCaseSensitive(o, "params");
    const cJSON *refs = cJSON_GetObjectItemCaseSensitive(o, "refs");
    int res;
    if (!cJSON_IsObject(params) || !cJSON_IsArray(refs)) {
        res = ym_fail(e, YM_BROKEN, EINVAL,
                      "A stored request cannot be read; save its prompt again.");
    } else {
        res = refs_unpack(refs, &r->refs, &r->nrefs, e);
        if (res == 0) {
            r->negative = ym_strdup(text_of(o, "negative"));
            r->params = cJSON_DetachItemViaPointer(o, params);
        }
    }
    cJSON_Delete(o);
    return res;
}
