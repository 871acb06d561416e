/* Videos by the protocol that Sora had and gateways still speak: create, look, fetch the content. */
#include <errno.h>
#include <string.h>

#include "openai.h"

#define CONTENT_TRIES 4 /* answers to the content that are no media */

/* ---- requests ---- */

cJSON *openai_video_fields(const struct ym_call *call)
{
    YM_AUTOFREE char *prompt = openai_prompt(call);
    const cJSON *duration = ym_json_get(call->req->params, "duration");
    struct openai_size s = {0, 0};
    cJSON *o = cJSON_CreateObject();
    openai_size(call, &s, NULL);
    cJSON_AddStringToObject(o, "model", call->req->model);
    cJSON_AddStringToObject(o, "prompt", prompt);
    if (duration || openai_traits(call)->shape != OPENAI_LOOSE) { /* a text, by the protocol */
        YM_AUTOFREE char *seconds = ym_asprintf("%g", duration ? duration->valuedouble : 4);
        cJSON_AddStringToObject(o, "seconds", seconds);
    }
    if (s.width) {
        YM_AUTOFREE char *size = ym_asprintf("%dx%d", s.width, s.height);
        cJSON_AddStringToObject(o, "size", size);
    }
    return o;
}

static void create(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    YM_AUTOJSON cJSON *fields = openai_video_fields(call);
    struct ym_http *h = openai_send(call, n, OPENAI_TAG_VIDEO, "POST", YM_PAYS, "/videos");
    int source = ym_call_ref(call, YM_REF_SOURCE);
    openai_extras_add(call, fields);
    openai_form_begin(h, call);
    openai_form_fields(h, call, fields);
    if (source >= 0)
        openai_form_ref(h, call, state, (unsigned)source, "input_reference");
    openai_form_end(h, call);
}

static struct ym_http *about(const struct ym_call *call, const cJSON *state, struct ym_next *n, unsigned tag,
                             const char *method, const char *what)
{
    YM_AUTOFREE char *id = ym_url_encode(ym_json_str_or(state, "id", ""), NULL);
    YM_AUTOFREE char *path = ym_asprintf("/videos/%s%s", id, what);
    n->has_handle = true;
    return openai_send(call, n, tag, method, YM_SAFE, path);
}

/* ---- replies ---- */

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static double seconds_of(const cJSON *video)
{
    const cJSON *v = ym_json_get(video, "seconds"); /* a text by the protocol, a number from some gateways */
    double s = cJSON_IsString(v) ? strtod(v->valuestring, NULL) : cJSON_IsNumber(v) ? v->valuedouble : -1;
    return s > 0 && s < 86400 ? s : -1;
}

static void wait(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n)
{
    double percent = ym_json_num_or(rep->json, "progress", -1);
    const char *status = ym_json_str_or(rep->json, "status", ""),
               *told = ym_header_get(rep->headers, "openai-poll-after-ms");
    n->what = YM_NEXT_WAIT;
    n->has_handle = true;
    n->progress = percent >= 0 && percent <= 100 ? percent / 100 : -1;
    n->wait = ym_poll_wait(call, n->progress);
    double ms = told ? strtod(told, NULL) : 0;
    if (ms >= 500 && ms <= 60000)
        n->wait = YM_MS((int64_t)ms);
    if (strcmp(status, "queued") == 0 || strcmp(status, "pending") == 0)
        snprintf(n->detail, sizeof n->detail, "in the provider's queue");
}

/* The state of a video, in the answer to its creation or to a look. */
static int video_read(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    static const char *const ready[] = {"completed", "succeeded", "success", "done", NULL};
    static const char *const over[] = {"cancelled", "canceled", "deleted", "expired", NULL};
    const char *status = ym_json_str_or(rep->json, "status", "");
    double seconds = seconds_of(rep->json);
    if (seconds > 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(*state, "seconds");
        cJSON_AddNumberToObject(*state, "seconds", seconds);
    }
    if (is_one_of(status, ready)) {
        struct ym_http *h = about(call, *state, n, OPENAI_TAG_VIDEO_CONTENT, "GET", "/content");
        h->raw_media = true;
        n->progress = 1;
        return 0;
    }
    if (strcmp(status, "failed") == 0 || strcmp(status, "error") == 0)
        return openai_fail_job(call, ym_json_get(rep->json, "error"), "video", e);
    if (is_one_of(status, over))
        return ym_fail(e, YM_LOST, ENOENT,
                       "The video was %s at the provider; save the prompt again to make it anew.", status);
    wait(call, rep, n);
    return 0;
}

static int created(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const char *id = ym_json_str(rep->json, "id");
    /* A video that failed at once is an answer too. */
    if (!openai_is_answer(rep) && !(rep->status / 100 == 2 && id && ym_json_str(rep->json, "status")))
        return openai_fail(call, rep, e);
    if (!id || !*id || strlen(id) > 500) {
        int r =
            ym_fail(e, YM_EMPTY, EPROTO, "%s took the video, but gave no id to ask for it.", openai_name(call));
        ym_err_words(e, rep->text);
        return r;
    }
    cJSON_Delete(*state);
    *state = cJSON_CreateObject();
    cJSON_AddStringToObject(*state, "id", id);
    n->provider_id = ym_strdup(id);
    return video_read(call, state, rep, n, e);
}

/* Nothing but a clear word of the provider's ends a video that was paid for. */
static int look_failed(const struct ym_call *call, const struct ym_reply *rep, const char *what,
                       struct ym_err *e)
{
    enum ym_class cls = ym_http_class(rep->status);
    const char *words = ym_json_str(ym_json_get(rep->json, "error"), "message");
    int r;
    if (rep->status == 404 || rep->status == 410)
        r = ym_fail(e, YM_LOST, ENOENT, "%s does not know this video any more (%s).", openai_name(call), what);
    else if (cls == YM_AUTH || cls == YM_THROTTLED || rep->status == 409)
        return openai_fail(call, rep, e);
    else if (cls == YM_TRANSIENT || cls == YM_OK)
        r = ym_fail(e, YM_TRANSIENT, EAGAIN, "%s could not say how the video is just now (status %d, %s).",
                    openai_name(call), rep->status, what);
    else
        r = ym_fail(e, YM_LOST, EPROTO, "%s does not give the video (status %d, %s).", openai_name(call),
                    rep->status, what);
    ym_err_words(e, words ? words : rep->text);
    if (e)
        e->retry_after = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    return r;
}

static int looked(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                  struct ym_err *e)
{
    if (rep->status / 100 != 2 || !ym_json_str(rep->json, "status"))
        return look_failed(call, rep, "its state", e);
    return video_read(call, state, rep, n, e);
}

static int no_content(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    int64_t tries = ym_json_int_or(state, "tries", 0) + 1;
    bool answered = rep->status / 100 == 2;
    if (answered) {
        cJSON_DeleteItemFromObjectCaseSensitive(state, "tries");
        cJSON_AddNumberToObject(state, "tries", (double)tries);
    }
    if (!answered || tries < CONTENT_TRIES)
        return look_failed(call, rep, "its content", e);
    int r = ym_fail(e, YM_LOST, EBADMSG, "The video is finished, but what comes for it is no video.");
    ym_err_words(e, rep->text);
    return r;
}

static int content(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    unsigned index = rep->media_first;
    if (rep->status / 100 != 2 || index >= rep->nmedia || !rep->media[index].is_media)
        return no_content(call, state, rep, e);
    n->what = YM_NEXT_DONE;
    n->media[n->nmedia++] = index;
    n->provider_id = ym_strdup(ym_json_str(state, "id"));
    openai_cost_video(call, ym_json_num_or(state, "seconds", -1), n);
    return 0;
}

int openai_video_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    if (!rep && ym_json_str(*state, "id")) { /* also after a restart: never created again */
        about(call, *state, n, OPENAI_TAG_VIDEO_LOOK, "GET", "");
        return 0;
    }
    if (rep && rep->tag == OPENAI_TAG_VIDEO)
        return created(call, state, rep, n, e);
    if (rep && rep->tag == OPENAI_TAG_VIDEO_LOOK)
        return looked(call, state, rep, n, e);
    if (rep && rep->tag == OPENAI_TAG_VIDEO_CONTENT)
        return content(call, *state, rep, n, e);
    int r = ym_refs_fetch(call, state, rep, n, e);
    if (r == 0)
        create(call, *state, n);
    return r < 0 ? r : 0;
}

/* A video is deleted; whether one that is being made stops by that is for the service to say. */
int openai_video_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                        struct ym_next *n, struct ym_err *e)
{
    (void)e;
    if (!rep && ym_json_str(*state, "id")) {
        about(call, *state, n, OPENAI_TAG_VIDEO_DELETE, "DELETE", "");
        return 0;
    }
    n->what = YM_NEXT_DONE;
    n->cost_known = openai_is_free(call);
    n->runs_on = !rep || (rep->status / 100 != 2 && rep->status != 404 && rep->status != 410);
    return 0;
}
