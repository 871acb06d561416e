/* The sidecar of a result: what made it, in the order that older tools and people expect. */
#include <string.h>
#include <ymago/library.h>

static void add_text(cJSON *o, const char *key, const char *s)
{
    cJSON_AddItemToObject(o, key, s ? cJSON_CreateString(s) : cJSON_CreateNull());
}

static void add_number(cJSON *o, const char *key, double v, bool known)
{
    cJSON_AddItemToObject(o, key, known ? cJSON_CreateNumber(v) : cJSON_CreateNull());
}

static void add_time(cJSON *o, const char *key, ym_wall t)
{
    char iso[32];
    add_text(o, key, t.ms > 0 ? ym_wall_iso(t, iso) : NULL);
}

static void add_digest(cJSON *o, const char *key, const struct ym_digest *d)
{
    char hex[65];
    add_text(o, key, d && !ym_digest_is_zero(d) ? ym_digest_hex(d, hex) : NULL);
}

/* The seed that was sent: variation k of a stated seed is seed + k. */
static double seed_of(const struct ym_request *r)
{
    int64_t seed = ym_json_int_or(r->params, "seed", -1);
    return seed < 0 ? -1 : (double)((uint64_t)(seed + r->variation) & 0xffffffffu);
}

/* The image that the result starts from. */
static const char *source_of(const struct ym_request *q)
{
    for (size_t i = 0; i < q->nrefs; i++)
        if (q->refs[i].role == YM_REF_SOURCE)
            return q->refs[i].path;
    return q->nrefs && q->refs[0].role == YM_REF_REFERENCE ? q->refs[0].path : NULL;
}

/* The part that other tools read. */
static void add_descriptive(cJSON *o, const struct ym_sidecar_in *in)
{
    const struct ym_request *q = in->request;
    const struct ym_job_row *j = in->job;
    add_text(o, "prompt", q->prompt);
    add_text(o, "negative_prompt", q->negative);
    add_text(o, "model_name", q->model);
    cJSON_AddNumberToObject(o, "seed", seed_of(q));
    add_time(o, "timestamp_utc", j->finished_at);
    add_text(o, "source_image_url", source_of(q));
    add_text(o, "aspect_ratio", ym_json_str(q->params, "aspect_ratio"));
    cJSON *g = cJSON_AddObjectToObject(o, "generation_parameters");
    add_text(g, "media_type", ym_kind_name(q->kind));
    add_text(g, "quality", ym_json_str(q->params, "quality"));
    add_number(g, "generation_time_seconds", (double)(j->finished_at.ms - j->started_at.ms) / 1000,
               j->started_at.ms > 0 && j->finished_at.ms >= j->started_at.ms);
    cJSON_AddNumberToObject(g, "file_size_bytes", (double)j->size);
}

static void add_references(cJSON *y, const struct ym_request *q)
{
    cJSON *list = cJSON_AddArrayToObject(y, "references");
    for (size_t i = 0; i < q->nrefs; i++) {
        cJSON *o = cJSON_CreateObject();
        add_text(o, "path", q->refs[i].path);
        add_text(o, "role", ym_ref_role_name(q->refs[i].role));
        /* The digest of an address is not that of the picture behind it. */
        add_digest(o, "b2", q->refs[i].is_url ? NULL : &q->refs[i].b2);
        cJSON_AddItemToArray(list, o);
    }
}

static void add_batch(cJSON *y, const struct ym_sidecar_in *in)
{
    if (!in->batch_file) {
        cJSON_AddNullToObject(y, "batch");
        return;
    }
    cJSON *b = cJSON_AddObjectToObject(y, "batch");
    add_text(b, "file", in->batch_file);
    cJSON_AddNumberToObject(b, "row", (double)in->batch_row);
    add_text(b, "id", in->batch_id);
}

static void add_identity(cJSON *y, const struct ym_sidecar_in *in)
{
    const struct ym_job_row *j = in->job;
    cJSON_AddNumberToObject(y, "schema", 1);
    add_text(y, "id", j->id.s);
    cJSON_AddNumberToObject(y, "version", in->version);
    add_digest(y, "source_hash", in->s);
    add_digest(y, "request_hash", &j->h);
    cJSON_AddNumberToObject(y, "variation", (double)in->request->variation);
    add_digest(y, "b2", &j->b2);
    add_text(y, "mime", j->mime);
    add_number(y, "width", j->width, j->width > 0);
    add_number(y, "height", j->height, j->height > 0);
    add_number(y, "duration_s", (double)j->duration_ms / 1000, j->duration_ms > 0);
}

static void add_purchase(cJSON *y, const struct ym_sidecar_in *in)
{
    const struct ym_job_row *j = in->job;
    const char *from = j->reused_from ? j->reused_from : in->reused ? j->id.s : NULL;
    add_text(y, "provider", in->request->provider);
    add_text(y, "model", in->request->model);
    add_text(y, "provider_id", j->provider_id);
    cJSON_AddNumberToObject(y, "attempts", j->attempts);
    add_time(y, "queued_at", j->queued_at);
    add_time(y, "started_at", j->started_at);
    add_time(y, "finished_at", j->finished_at);
    cJSON_AddNumberToObject(y, "cost_usd", in->reused ? 0 : ym_money_usd(j->cost));
    cJSON_AddBoolToObject(y, "cost_is_estimate", !in->reused && j->cost_is_estimate);
    add_text(y, "reused_from", from);
}

/* What only some results have. */
static void add_remarks(cJSON *y, const struct ym_sidecar_in *in)
{
    const struct ym_job_row *j = in->job;
    YM_AUTOJSON cJSON *tried = j->tried ? cJSON_Parse(j->tried) : NULL;
    const cJSON *refused = ym_json_get(tried, "tried");
    if (j->tier)
        add_text(y, "tier", j->tier);
    if (j->model_version)
        add_text(y, "model_version", j->model_version);
    if (refused && refused->child) /* models that would not, before this one */
        cJSON_AddItemToObject(y, "fallback_from", cJSON_Duplicate(refused, true));
    if (in->metadata && j->text) /* what the model said beside it */
        add_text(y, "text", j->text);
}

/* Without [defaults] enable_metadata nothing of the user's words is written down; what makes the
 * file known again (identity and purchase) stays, else it would be bought twice. */
static cJSON *build(const struct ym_sidecar_in *in)
{
    const struct ym_request *q = in->request;
    cJSON *o = cJSON_CreateObject();
    if (in->metadata)
        add_descriptive(o, in);
    cJSON *y = cJSON_AddObjectToObject(o, "ymago");
    add_identity(y, in);
    add_purchase(y, in);
    if (in->metadata) {
        cJSON *params = cJSON_IsObject(q->params) ? cJSON_Duplicate(q->params, true) : NULL;
        cJSON_AddItemToObject(y, "params", params ? params : cJSON_CreateObject());
        add_references(y, q);
    }
    add_text(y, "prompt_file", in->prompt_file);
    add_batch(y, in);
    cJSON_AddNullToObject(y, "url"); /* set when the file is uploaded */
    add_text(y, "c2pa", in->job->c2pa ? "present" : "none");
    add_text(y, "safety", in->job->safety);
    add_remarks(y, in);
    return o;
}

char *ym_sidecar_build(const struct ym_sidecar_in *in)
{
    YM_AUTOJSON cJSON *o = build(in);
    YM_AUTOFREE char *text = ym_json_print(o, true);
    return ym_asprintf("%s\n", text);
}
