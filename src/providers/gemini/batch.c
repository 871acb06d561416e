/* The Batch API: many generateContent requests in one, at half the price, within a day (48 hours at most).
 * Every request has a key, and its answer is found by that key.
 * state, once it is accepted: {"batch":"batches/x"} */
#include <errno.h>
#include <string.h>

#include "gemini.h"

#define HALF 0.5
/* The whole answer comes at once, an attempt stages 256 media files, and a model may give a second picture. */
#define JOBS_MAX 100
/* A batch with its requests in it may have 20 MB; base64 takes a third more than the references themselves. */
#define REFS_BYTES (13 << 20)

/* ---- refusing ---- */

static int batch_check(const struct ym_call *call, struct ym_err *e)
{
    const char *model = call->req->model;
    if (gemini_is_vertex(call))
        return ym_fail(e, YM_INVALID, EINVAL, "Vertex reads batches from a bucket; use tier: now.");
    if (gemini_way_of(call) != WAY_CONTENT)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s goes into no batch; use tier: now.", model);
    for (size_t i = 0; i < call->req->nrefs; i++)
        if (call->req->refs[i].is_url)
            return ym_fail(
                e, YM_INVALID, EINVAL,
                "A batch takes files of the library as references; save %.80s into the folder, or use tier: now.",
                call->req->refs[i].path);
    return 0;
}

/* ---- the request ---- */

static void key_of(unsigned member, char key[static 16])
{
    snprintf(key, 16, "m%u", member);
}

static void create(const struct ym_call *call, const struct ym_call *members, unsigned n, const cJSON *state,
                   struct ym_next *ret)
{
    struct gemini_refs refs = {.state = state};
    YM_AUTOFREE char *path = gemini_model_path(call, "batchGenerateContent");
    YM_AUTOJSON cJSON *name = cJSON_CreateString(call->job_id);
    struct ym_http *h = gemini_send(call, ret, TAG_CREATE, "POST", YM_PAYS, path);
    char key[16];
    ym_http_puts(h, "{\"batch\":{\"inputConfig\":{\"requests\":{\"requests\":[");
    for (unsigned i = 0; i < n; i++) {
        key_of(i, key);
        refs.member = i;
        ym_http_puts(h, i ? ",{\"request\":" : "{\"request\":");
        gemini_content_add(h, &members[i], &refs, NULL);
        ym_http_puts(h, ",\"metadata\":{\"key\":\"");
        ym_http_puts(h, key);
        ym_http_puts(h, "\"}}");
        refs.first += (unsigned)members[i].req->nrefs;
    }
    ym_http_puts(h, "]}},\"displayName\":");
    ym_http_json(h, name);
    ym_http_puts(h, "}}");
}

/* ---- looking ---- */

static void look(const struct ym_call *call, const char *batch, struct ym_next *n)
{
    static const char *const media_keys[] = {"data", NULL};
    YM_AUTOFREE char *path = ym_url_encode(batch, "/");
    struct ym_http *h = gemini_send(call, n, TAG_LOOK, "GET", YM_SAFE, path);
    if (call->req->kind == YM_TEXT)
        h->keep_text = 1 << 20;
    else
        h->media_keys = media_keys;
    n->has_handle = true;
}

/* A batch takes minutes to hours: looked at every 30 seconds, later every 5 minutes. */
static void wait_on(const struct ym_call *call, const cJSON *meta, struct ym_next *n)
{
    const cJSON *stats = ym_json_get(meta, "batchStats");
    int64_t all = ym_json_int_or(stats, "requestCount", 0), left = ym_json_int_or(stats, "pendingRequestCount", all);
    int64_t ms = call->waited.ms / 10;
    n->what = YM_NEXT_WAIT;
    n->wait = YM_MS(ms < 30000 ? 30000 : ms > 300000 ? 300000 : ms);
    if (all <= 0 || left < 0 || left > all)
        return;
    n->progress = (double)(all - left) / (double)all;
    snprintf(n->detail, sizeof n->detail, "%lld of %lld in Gemini's batch are done", (long long)(all - left),
             (long long)all);
}

/* ---- results ---- */

/* Both places have been documented. */
static const cJSON *answers_of(const cJSON *doc)
{
    static const char *const places[] = {"metadata.output.inlinedResponses", "response.inlinedResponses",
                                         "response.output.inlinedResponses"};
    for (size_t i = 0; i < YM_COUNT(places); i++) {
        const cJSON *v = ym_json_at(doc, places[i]);
        v = cJSON_IsObject(v) ? ym_json_get(v, "inlinedResponses") : v;
        if (cJSON_IsArray(v))
            return v;
    }
    return NULL;
}

static const cJSON *answer_find(const cJSON *answers, unsigned member)
{
    const cJSON *a;
    char key[16];
    key_of(member, key);
    cJSON_ArrayForEach (a, answers)
        if (strcmp(ym_json_str_or(ym_json_get(a, "metadata"), "key", ""), key) == 0)
            return a;
    return NULL;
}

/* What could not be worked on inside is worth a new job. */
static int item_fail(const cJSON *error, struct ym_err *e)
{
    int r = gemini_job_fail(error, e);
    if (e && e->cls == YM_EMPTY)
        e->cls = YM_TRANSIENT;
    return r;
}

/* No answer: why, by the state that the batch ended in. */
static int item_missing(const char *state, const cJSON *error, struct ym_err *e)
{
    if (strstr(state, "EXPIRED"))
        return ym_fail(e, YM_TRANSIENT, ETIME, "Gemini did not get to this request within 48 hours.");
    if (strstr(state, "CANCELLED"))
        return ym_fail(e, YM_INVALID, ECANCELED,
                       "The batch was cancelled at Gemini; save the prompt again to repeat it.");
    if (strstr(state, "FAILED") || error)
        return item_fail(error, e);
    return ym_fail(e, YM_EMPTY, ENODATA, "Gemini's batch has no answer to this request.");
}

static void item_read(const struct ym_call *member, const struct ym_reply *rep, const cJSON *answer, const char *state,
                      struct ym_item *item)
{
    const cJSON *response = ym_json_get(answer, "response"), *error = ym_json_get(answer, "error");
    int r;
    item->result.progress = -1;
    if (!response)
        gemini_not_billed(&item->result);
    if (response)
        r = gemini_content_read(member, rep, response, HALF, NULL, &item->result, &item->err);
    else if (error)
        r = item_fail(error, &item->err);
    else
        r = item_missing(state, ym_json_get(rep->json, "error"), &item->err);
    if (r == 0)
        item->err = (struct ym_err){.cls = YM_OK};
}

static int results(const struct ym_call *members, unsigned n, const char *state, const struct ym_reply *rep,
                   struct ym_next *ret, struct ym_err *e)
{
    const cJSON *answers = answers_of(rep->json);
    if (!answers &&
        (ym_json_at(rep->json, "metadata.output.responsesFile") || ym_json_at(rep->json, "response.responsesFile")))
        return ym_fail(e, YM_LOST, ENOTSUP,
                       "Gemini put the results of the batch into a file, which was not asked for.");
    ret->what = YM_NEXT_DONE;
    ret->items = ym_alloc_array(n, sizeof *ret->items);
    ret->nitems = n;
    for (unsigned i = 0; i < n; i++) {
        ret->items[i].member = i;
        item_read(&members[i], rep, answer_find(answers, i), state, &ret->items[i]);
    }
    return 0;
}

static int looked(const struct ym_call *call, const struct ym_call *members, unsigned n, const cJSON *state,
                  const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e)
{
    const cJSON *meta = ym_json_get(rep->json, "metadata");
    const char *now = ym_json_str_or(meta, "state", "");
    static const char *const ends[] = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"};
    bool done = ym_json_bool(rep->json, "done", false);
    ret->has_handle = true;
    for (size_t i = 0; i < YM_COUNT(ends); i++)
        done |= strstr(now, ends[i]) != NULL;
    if (rep->status == 200 && done)
        return results(members, n, now, rep, ret, e);
    if (gemini_is_error(rep))
        return gemini_look_fail(call, rep, e);
    ret->provider_id = ym_strdup(ym_json_str(state, "batch"));
    wait_on(call, meta, ret);
    return 0;
}

static int batch_created(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                         const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e)
{
    const char *name = ym_json_str(rep->json, "name");
    if (gemini_is_error(rep) && !gemini_name_ok(name, "batches/"))
        return gemini_fail(call, rep, e);
    if (!gemini_name_ok(name, "batches/"))
        return gemini_no_handle(rep, e);
    gemini_state_set(state, "batch", name);
    return looked(call, members, n, *state, rep, ret, e);
}

static int step(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e)
{
    const char *batch = ym_json_str(*state, "batch");
    if (!batch && rep && rep->tag == TAG_CREATE)
        return batch_created(call, members, n, state, rep, ret, e);
    if (!batch) {
        int r = gemini_refs_ready(members, n, state, rep, ret, e);
        if (r == 0)
            create(call, members, n, *state, ret);
        return r < 0 ? r : 0;
    }
    if (rep)
        return looked(call, members, n, *state, rep, ret, e);
    look(call, batch, ret);
    return 0;
}

static int batch_step(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                      const struct ym_reply *rep, struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next next = {.progress = -1};
    int r = !call->has_key ? gemini_no_key(e) : step(call, members, n, state, rep, &next, e);
    return gemini_step_end(r, &next, ret_next);
}

/* Requests that are done already are billed and lost: the engine is told that it is over. */
static int batch_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                        struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    const char *batch = ym_json_str(*state, "batch");
    int r = 0;
    if (!rep && batch) {
        YM_AUTOFREE char *name = ym_url_encode(batch, "/");
        YM_AUTOFREE char *path = ym_asprintf("%s:cancel", name);
        ym_http_puts(gemini_send(call, &n, TAG_CANCEL, "POST", YM_SAFE, path), "{}");
        n.has_handle = true;
    } else if (rep && (rep->status == 429 || rep->status == 408 || rep->status >= 500)) {
        r = gemini_fail(call, rep, e);
    } else {
        n.what = YM_NEXT_DONE;
        n.runs_on = !rep || (rep->status >= 300 && rep->status != 404);
    }
    return gemini_step_end(r, &n, ret_next);
}

const struct ym_gather gemini_gather = {
    .max_jobs = JOBS_MAX,
    .max_bytes = REFS_BYTES,
    .check = batch_check,
    .price_factor = HALF,
    .step = batch_step,
    .cancel = batch_cancel,
};
