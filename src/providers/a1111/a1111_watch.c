/* While a picture is being made: how far it is, what it looks like so far, and stopping it. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "a1111.h"

#define LOOK_MS       2000
#define WATCH_SECONDS 60
#define PROGRESS      "/sdapi/v1/progress"

/* Newer servers tell whose picture it is: nobody's before they begin. */
static bool is_others(const struct ym_call *call, const cJSON *doc)
{
    YM_AUTOFREE char *ours = a1111_task(call, call->attempt);
    return strcmp(ym_json_str_or(doc, "current_task", ours), ours) != 0;
}

static void preview_take(const struct ym_reply *rep, struct ym_next *n)
{
    int index = ym_reply_media(rep, ym_json_get(rep->json, "current_image"));
    if (index >= 0 && rep->media[index].is_media && strncmp(rep->media[index].mime, "image/", 6) == 0)
        n->media[n->nmedia++] = (unsigned)index;
}

/* "step 7 of 20, about 12 s left" */
static void detail_make(const cJSON *doc, struct ym_next *n)
{
    const cJSON *s = ym_json_get(doc, "state");
    double step = ym_json_num_or(s, "sampling_step", 0), steps = ym_json_num_or(s, "sampling_steps", 0);
    double eta = ym_json_num_or(doc, "eta_relative", 0);
    size_t at = 0;
    if (steps > 0 && step >= 0 && step <= steps && steps < 1e6)
        at = (size_t)snprintf(n->detail, sizeof n->detail, "step %.0f of %.0f", step, steps);
    if (eta >= 0.5 && eta < 1e6 && n->progress > 0)
        snprintf(n->detail + at, sizeof n->detail - at, "%sabout %.0f s left", at ? ", " : "", eta);
}

static void progress_read(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n)
{
    const cJSON *doc = rep->json;
    double p = ym_json_num_or(doc, "progress", 0); /* below 0 for a moment at the start */
    n->what = YM_NEXT_WAIT;
    n->wait = YM_MS(LOOK_MS);
    if (is_others(call, doc) || cJSON_IsNull(ym_json_get(doc, "current_task"))) {
        snprintf(n->detail, sizeof n->detail,
                 is_others(call, doc) ? "waits for another picture at the server" : "waits for the server to begin");
        return;
    }
    n->progress = p > 0 && p <= 1 ? p : p > 1 ? 1 : 0;
    detail_make(doc, n);
    preview_take(rep, n);
}

int a1111_progress(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *ret,
                   struct ym_err *e)
{
    static const char *const previews[] = {"current_image", NULL};
    struct ym_next n = {.progress = -1};
    if (a1111_flavour(state) != A1111_WEBUI)
        return ym_fail(e, YM_INVALID, ENOTSUP, "%s does not tell how far it is.", a1111_who(state));
    if (rep && (rep->status != 200 || !cJSON_IsObject(rep->json)))
        return ym_reply_fail(call, rep, a1111_who(state), NULL, e);
    if (rep) {
        progress_read(call, rep, &n);
    } else {
        struct ym_http *h = a1111_http(call, &n, A1111_TAG_PROGRESS, "GET", YM_SAFE, PROGRESS);
        h->media_keys = previews;
        h->timeout = YM_SEC(WATCH_SECONDS);
    }
    *ret = n;
    return 0;
}

/* ---- stopping ---- */

static void over(struct ym_next *n, bool runs_on)
{
    n->what = YM_NEXT_DONE;
    n->runs_on = runs_on;
    n->cost_known = true;
}

static void cancel_send(const struct ym_call *call, struct ym_next *n, const char *method, const char *path,
                        unsigned tag)
{
    a1111_http(call, n, tag, method, YM_SAFE, path)->timeout = YM_SEC(WATCH_SECONDS);
}

/* sd-server takes a job out of its queue, but does not stop one that it is making. A finished one answers
 * with itself: its result is there to be fetched. */
static void cancel_sdcpp(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep,
                         struct ym_next *n)
{
    const char *handle = ym_json_str(state, "handle");
    if (!rep && handle) {
        YM_AUTOFREE char *id = ym_url_encode(handle, NULL);
        YM_AUTOFREE char *path = ym_asprintf("/sdcpp/v1/jobs/%s/cancel", id);
        cancel_send(call, n, "POST", path, A1111_TAG_CANCEL);
        return;
    }
    bool gone = rep && (rep->status == 404 || rep->status == 410);
    bool stopped = rep && rep->status == 200 && strcmp(ym_json_str_or(rep->json, "status", ""), "completed") != 0;
    over(n, !gone && !stopped);
}

/* AUTOMATIC1111 stops whatever it is making, so first: is that another's? Ours is then answered with the
 * picture as far as it was. One that waits behind others cannot be taken back. */
static void cancel_webui(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n)
{
    if (!rep)
        cancel_send(call, n, "GET", PROGRESS "?skip_current_image=true", A1111_TAG_PROGRESS);
    else if (rep->tag == A1111_TAG_PROGRESS && rep->status == 200 && !is_others(call, rep->json))
        cancel_send(call, n, "POST", "/sdapi/v1/interrupt", A1111_TAG_CANCEL);
    else
        over(n, rep->tag != A1111_TAG_CANCEL || rep->status != 200);
}

int a1111_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret,
                 struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    (void)e;
    enum a1111_flavour flavour = ym_json_get(*state, "sent") ? a1111_flavour(*state) : A1111_NOT_KNOWN;
    switch (flavour) {
    case A1111_NOT_KNOWN:
        over(&n, false); /* nothing was asked for yet but what the server is and has */
        break;
    case A1111_WEBUI:
        cancel_webui(call, rep, &n);
        break;
    case A1111_SDAPI:
        over(&n, true);
        break;
    case A1111_SDCPP:
        cancel_sdcpp(call, *state, rep, &n);
        break;
    }
    *ret = n;
    return 0;
}
