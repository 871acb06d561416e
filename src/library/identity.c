/* Identity: what makes two wishes the same one. A change of what is hashed here makes finished work
 * unknown, so it needs a new version marker and a way to find the old. */
#include <string.h>
#include <ymago/library.h>

static void add_text(struct ym_hash *h, const char *s)
{
    ym_hash_field(h, s, strlen(s));
}

static void add_number(struct ym_hash *h, int64_t v)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)v);
    add_text(h, text);
}

static struct ym_digest hash_end(struct ym_hash *h)
{
    struct ym_digest d = ym_hash_end(h);
    ym_hash_free(h);
    return d;
}

struct ym_digest ym_identity_source(enum ym_kind kind, const void *text, size_t len,
                                    const struct ym_digest *refs, size_t nrefs,
                                    const char *defaults)
{
    struct ym_hash *h = ym_hash_new();
    add_text(h, "ymago source 1");
    add_text(h, ym_kind_name(kind));
    ym_hash_field(h, text, len);
    add_number(h, (int64_t)nrefs);
    for (size_t i = 0; i < nrefs; i++)
        ym_hash_field(h, refs[i].b, sizeof(refs[i].b));
    add_text(h, defaults);
    return hash_end(h);
}

/* All that is sent; tags are only for finding the result by. */
static char *params_canonical(const cJSON *params)
{
    YM_AUTOJSON cJSON *sent = params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(sent, "tags");
    return ym_json_canonical(sent);
}

/* For a picture the order of the images says all; a clip begins or ends with one of them. */
static bool role_matters(enum ym_kind kind, enum ym_ref_role role)
{
    return role == YM_REF_LAST_FRAME || role == YM_REF_WORKFLOW || (role == YM_REF_SOURCE && kind != YM_IMAGE);
}

struct ym_digest ym_identity_request(const struct ym_request *r)
{
    YM_AUTOFREE char *params = params_canonical(r->params);
    struct ym_hash *h = ym_hash_new();
    add_text(h, "ymago request 1");
    add_text(h, ym_kind_name(r->kind));
    add_text(h, r->provider ? r->provider : "");
    add_text(h, r->model ? r->model : "");
    add_text(h, r->prompt ? r->prompt : "");
    add_text(h, r->negative ? r->negative : ""); /* an empty one is none: nothing is sent */
    add_text(h, params);
    add_number(h, (int64_t)r->nrefs);
    for (size_t i = 0; i < r->nrefs; i++) {
        ym_hash_field(h, r->refs[i].b2.b, sizeof(r->refs[i].b2.b));
        if (role_matters(r->kind, r->refs[i].role))
            add_text(h, ym_ref_role_name(r->refs[i].role));
    }
    add_number(h, r->variation);
    return hash_end(h);
}
