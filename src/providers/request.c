/* What drivers share: judging a request by the model's table, references that are addresses, seeds,
 * waiting, and words for an HTTP status. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <ymago/driver.h>

/* ---- refusing before anything is spent ---- */

int ym_call_ref(const struct ym_call *call, enum ym_ref_role role)
{
    for (size_t i = 0; i < call->req->nrefs; i++)
        if (call->req->refs[i].role == role)
            return (int)i;
    return -1;
}

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static void join(const char *const *list, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (const char *const *p = list; *p && at < size; p++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", p == list ? "" : p[1] ? ", " : " or ", *p);
}

static int not_taken(const struct ym_call *call, const char *field, struct ym_err *e)
{
    char all[120];
    size_t at = 0;
    all[0] = '\0';
    for (const struct ym_param *p = call->model->params; p->name && at < sizeof all; p++)
        at += (size_t)snprintf(all + at, sizeof all - at, "%s%s", at ? ", " : "", p->name);
    return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes no %s; it takes %s%s.", call->req->model, field, all,
                   at >= sizeof all ? " ..." : "");
}

static int text_value(const struct ym_call *call, const struct ym_param *p, const char *value, struct ym_err *e)
{
    char all[120], show[40];
    if (!p->values || listed(value, p->values))
        return 0;
    join(p->values, all, sizeof all);
    return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes %s %s, not %s.", call->req->model, p->name, all,
                   ym_text_show(value, show, sizeof show));
}

static int param_check(const struct ym_call *call, const cJSON *v, struct ym_err *e)
{
    const struct ym_param *p = ym_param_find(call->model->params, v->string);
    if (strcmp(v->string, "tags") == 0)
        return 0;
    if (!p)
        return not_taken(call, v->string, e);
    if (cJSON_IsString(v))
        return text_value(call, p, v->valuestring, e);
    if (cJSON_IsNumber(v) && p->max > p->min && (v->valuedouble < p->min || v->valuedouble > p->max))
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes %s from %g to %g, not %g.", call->req->model, p->name, p->min,
                       p->max, v->valuedouble);
    return 0;
}

static int prompt_check(const struct ym_call *call, struct ym_err *e)
{
    const char *prompt = call->req->prompt;
    size_t max = call->model->max_prompt ? call->model->max_prompt : 2000;
    size_t n = prompt ? ym_utf8_count(prompt, strlen(prompt)) : 0;
    if (n == 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The prompt is empty; write what the %s shall be.", ym_kind_name(call->req->kind));
    if (n > max)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The prompt has %zu characters, %.60s takes %zu; shorten it, or raise max_prompt of the "
                       "model in the configuration.",
                       n, call->req->model, max);
    return 0;
}

static int ref_check(const struct ym_call *call, const struct ym_ref *ref, const char *const *mimes, struct ym_err *e)
{
    static const char *const fields[] = {"references", "from_image", "last_frame", "workflow"};
    char show[100], all[120];
    if (call->model->params && !ym_param_find(call->model->params, fields[ref->role]))
        return not_taken(call, fields[ref->role], e);
    if (ref->is_url || ref->role == YM_REF_WORKFLOW || listed(ref->mime, mimes))
        return 0;
    join(mimes, all, sizeof all);
    return ym_fail(e, YM_INVALID, EINVAL, "%s is no file that %.60s takes; use %s.", ym_text_show(ref->path, show, sizeof show),
                   call->req->model, all);
}

int ym_call_check(const struct ym_call *call, const char *const *mimes, struct ym_err *e)
{
    static const char *const images[] = {"image/png", "image/jpeg", "image/webp", NULL};
    const struct ym_request *r = call->req;
    const cJSON *v;
    int rc = prompt_check(call, e);
    size_t pictures = 0;
    if (rc == 0 && r->negative && *r->negative && call->model->params && !ym_param_find(call->model->params, "negative_prompt"))
        rc = not_taken(call, "negative_prompt", e);
    if (call->model->params)
        cJSON_ArrayForEach (v, r->params)
            rc = rc < 0 ? rc : param_check(call, v, e);
    for (size_t i = 0; rc == 0 && i < r->nrefs; i++) {
        rc = ref_check(call, &r->refs[i], mimes ? mimes : images, e);
        pictures += r->refs[i].role != YM_REF_WORKFLOW;
    }
    if (rc == 0 && pictures > call->model->max_refs)
        rc = ym_fail(e, YM_INVALID, EINVAL, "%.60s takes %u reference images; there are %zu.", r->model,
                     call->model->max_refs, pictures);
    return rc;
}

int64_t ym_call_seed(const struct ym_call *call)
{
    int64_t seed = ym_json_int_or(call->req->params, "seed", -1);
    return seed < 0 ? -1 : seed + call->req->variation;
}

/* ---- references that are addresses ---- */

static int fetch_failed(const struct ym_call *call, const struct ym_reply *rep, const char *url, struct ym_err *e)
{
    char show[100];
    ym_text_show(url, show, sizeof show);
    if (rep->status >= 500 || rep->status == 429 || rep->status == 408) {
        int r = ym_fail(e, YM_TRANSIENT, EAGAIN, "The reference %s cannot be fetched just now (status %d).", show, rep->status);
        if (e)
            e->retry_after = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
        return r;
    }
    return ym_fail(e, YM_INVALID, ENOENT, "The reference %s cannot be fetched (status %d).", show, rep->status);
}

/* state: {"fetched":[{"media":0,"mime":"image/png"} or null for a file, in the order of the references]} */
static int fetch_take(const struct ym_call *call, cJSON *fetched, const struct ym_reply *rep, struct ym_err *e)
{
    unsigned i = rep->tag - YM_TAG_FETCH;
    char show[100];
    if (i >= call->req->nrefs || (int)i != cJSON_GetArraySize(fetched))
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    const char *url = call->req->refs[i].path;
    if (rep->status != 200)
        return fetch_failed(call, rep, url, e);
    const struct ym_staged *m = rep->media_first < rep->nmedia ? &rep->media[rep->media_first] : NULL;
    if (!m || !m->is_media || strncmp(m->mime, "image/", 6) != 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The reference %s is no image.", ym_text_show(url, show, sizeof show));
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "media", rep->media_first);
    cJSON_AddStringToObject(o, "mime", m->mime);
    cJSON_AddItemToArray(fetched, o);
    return 0;
}

int ym_refs_fetch(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    cJSON *fetched = cJSON_GetObjectItemCaseSensitive(*state, "fetched");
    if (!rep) { /* also after a restart: staged files are not relied on */
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        fetched = cJSON_AddArrayToObject(*state, "fetched");
    } else if (rep->tag >= YM_TAG_FETCH) {
        int r = fetch_take(call, fetched, rep, e);
        if (r < 0)
            return r;
    }
    unsigned i = (unsigned)cJSON_GetArraySize(fetched);
    for (; i < call->req->nrefs && !call->req->refs[i].is_url; i++)
        cJSON_AddItemToArray(fetched, cJSON_CreateNull());
    if (i >= call->req->nrefs)
        return 0;
    struct ym_http *h = ym_next_send(n, YM_TAG_FETCH + i, "GET", YM_SAFE, call->req->refs[i].path);
    h->raw_media = true;
    h->max_reply = 64 << 20;
    ym_http_header(h, "Accept", "image/*");
    return 1;
}

static const cJSON *fetched_one(const struct ym_call *call, const cJSON *state, unsigned i)
{
    ym_assert(i < call->req->nrefs);
    return call->req->refs[i].is_url ? cJSON_GetArrayItem(ym_json_get(state, "fetched"), (int)i) : NULL;
}

void ym_http_ref(struct ym_http *h, const struct ym_call *call, const cJSON *state, unsigned i, bool base64)
{
    const cJSON *f = fetched_one(call, state, i);
    if (f)
        ym_http_part(h, base64 ? YM_PART_MEDIA_B64 : YM_PART_MEDIA, (unsigned)ym_json_int_or(f, "media", 0));
    else
        ym_http_part(h, base64 ? YM_PART_REF_B64 : YM_PART_REF, i);
}

const char *ym_ref_mime(const struct ym_call *call, const cJSON *state, unsigned i)
{
    const cJSON *f = fetched_one(call, state, i);
    return f ? ym_json_str_or(f, "mime", "") : call->req->refs[i].mime;
}

/* ---- waiting ---- */

ym_dur ym_poll_wait(const struct ym_call *call, double progress)
{
    int64_t ms = call->waited.ms / 10;
    if (call->model->first_look.ms > call->waited.ms)
        return YM_MS(call->model->first_look.ms - call->waited.ms);
    if (progress > 0.02 && progress < 1) /* half of what is left at the pace so far */
        ms = (int64_t)((double)call->waited.ms * (1 - progress) / progress / 2);
    return YM_MS(ms < 2000 ? 2000 : ms > 30000 ? 30000 : ms);
}

/* ---- errors ---- */

void ym_err_words(struct ym_err *e, const char *words)
{
    if (e && words)
        ym_text_show(words, e->words, sizeof e->words);
}

int ym_reply_fail(const struct ym_call *call, const struct ym_reply *rep, const char *name, const char *words, struct ym_err *e)
{
    enum ym_class cls = ym_http_class(rep->status);
    int r;
    if (cls == YM_AUTH)
        r = ym_fail(e, YM_AUTH, EACCES, "%s refuses the key (status %d); check it and its rights.", name, rep->status);
    else if (cls == YM_THROTTLED)
        r = ym_fail(e, YM_THROTTLED, EAGAIN, "%s asks for fewer requests of %.60s.", name, call->req->model);
    else if (cls == YM_TRANSIENT)
        r = ym_fail(e, YM_TRANSIENT, EAGAIN, "%s could not answer just now (status %d).", name, rep->status);
    else if (rep->status >= 300 && rep->status < 400)
        r = ym_fail(e, YM_INVALID, EPROTO, "%s answers with a redirect; correct its base_url.", name);
    else if (cls == YM_OK)
        r = ym_fail(e, YM_EMPTY, EPROTO, "%s answered with something that cannot be read.", name);
    else
        r = ym_fail(e, YM_INVALID, EINVAL, "%s does not take this request for %.60s (status %d).", name, call->req->model,
                    rep->status);
    ym_err_words(e, words && *words ? words : rep->text);
    if (e)
        e->retry_after = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    return r;
}
