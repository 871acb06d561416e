/* Images: generations as JSON, edits (with references) as a form. The answer holds the image in base64;
 * some compatible servers give an address instead, which is then fetched. */
#include <errno.h>
#include <string.h>

#include "openai.h"

/* ---- the request ---- */

static void quality_add(const struct ym_call *call, cJSON *o)
{
    static const char *const names[] = {"low", "medium", "high"};
    enum openai_quality q = openai_quality(call);
    /* Without a word the service chooses by itself, at up to four times the price. */
    if ((ym_json_get(call->req->params, "quality") || openai_traits(call)->mtok_image_in > 0) &&
        q < OPENAI_AUTO && !openai_extra(call, "quality"))
        cJSON_AddStringToObject(o, "quality", names[q]);
}

cJSON *openai_image_fields(const struct ym_call *call)
{
    YM_AUTOFREE char *prompt = openai_prompt(call);
    const char *format = ym_json_str(call->req->params, "format");
    struct openai_size s = {0, 0};
    cJSON *o = cJSON_CreateObject();
    openai_size(call, &s, NULL);
    cJSON_AddStringToObject(o, "model", call->req->model);
    cJSON_AddStringToObject(o, "prompt", prompt);
    if (s.width) {
        YM_AUTOFREE char *size = ym_asprintf("%dx%d", s.width, s.height);
        cJSON_AddStringToObject(o, "size", size);
    }
    quality_add(call, o);
    if (ym_json_get(call->req->params, "quality") && openai_extra(call, "quality"))
        cJSON_AddNullToObject(o, "quality"); /* both: check() refuses */
    if (format)
        cJSON_AddStringToObject(o, "output_format", strcmp(format, "jpg") == 0 ? "jpeg" : format);
    cJSON_AddNumberToObject(o, "n", 1);
    return o;
}

/* The image to start from comes first: it is the one that is edited. */
static void refs_add(struct ym_http *h, const struct ym_call *call, const cJSON *state)
{
    const char *name = call->req->nrefs > 1 ? "image[]" : "image";
    for (int rest = 0; rest < 2; rest++)
        for (unsigned i = 0; i < call->req->nrefs; i++)
            if ((call->req->refs[i].role != YM_REF_SOURCE) == rest)
                openai_form_ref(h, call, state, i, name);
}

static void create(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    static const char *const media_keys[] = {"b64_json", NULL};
    YM_AUTOJSON cJSON *fields = openai_image_fields(call);
    bool edit = call->req->nrefs > 0;
    struct ym_http *h =
        openai_send(call, n, OPENAI_TAG_IMAGE, "POST", YM_PAYS, edit ? "/images/edits" : "/images/generations");
    h->media_keys = media_keys;
    openai_extras_add(call, fields);
    if (edit) {
        openai_form_begin(h, call);
        openai_form_fields(h, call, fields);
        refs_add(h, call, state);
        openai_form_end(h, call);
    } else {
        ym_http_header(h, "Content-Type", "application/json");
        ym_http_json(h, fields);
    }
}

/* ---- the answer ---- */

static bool is_image(const struct ym_reply *rep, int index)
{
    return index >= 0 && rep->media[index].is_media && strncmp(rep->media[index].mime, "image/", 6) == 0;
}

/* The image has been paid for: from here on only its address is asked. */
static void fetch(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    const char *url = ym_json_str_or(state, "url", "");
    struct ym_http *h = ym_next_send(n, OPENAI_TAG_IMAGE_FETCH, "GET", YM_SAFE, url);
    if (call->has_key && ym_url_is_ours(call, url))
        ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    ym_http_header(h, "Accept", "image/*");
    h->raw_media = true;
    n->has_handle = true;
}

static void done(const struct ym_reply *rep, struct ym_next *n)
{
    n->what = YM_NEXT_DONE;
    if (!n->provider_id)
        n->provider_id = ym_strdup(ym_header_get(rep->headers, "x-request-id"));
}

/* An address that may be asked: of the web, or on the very server that was told to us. */
static bool may_fetch(const struct ym_call *call, const char *url)
{
    return url && (strncmp(url, "https://", 8) == 0 || ym_url_is_ours(call, url));
}

static int reply(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                 struct ym_err *e)
{
    const cJSON *d, *first = ym_json_at(rep->json, "data[0]");
    const char *url = ym_json_str(first, "url");
    if (!openai_is_answer(rep))
        return openai_fail(call, rep, e);
    cJSON_ArrayForEach (d, ym_json_get(rep->json, "data")) {
        int index = ym_reply_media(rep, ym_json_get(d, "b64_json"));
        if (is_image(rep, index) && n->nmedia < YM_COUNT(n->media))
            n->media[n->nmedia++] = (unsigned)index;
    }
    n->text = ym_strdup(ym_json_str(first, "revised_prompt"));
    n->model_version = ym_strdup(ym_json_str(rep->json, "model"));
    if (n->nmedia > 0) {
        openai_cost_image(call, ym_json_get(rep->json, "usage"), n);
        done(rep, n);
        return 0;
    }
    openai_cost_image(call, ym_json_get(rep->json, "usage"), n);
    if (!may_fetch(call, url)) {
        int r =
            ym_fail(e, YM_EMPTY, ENODATA, "%s answered %s.", openai_name(call),
                    rep->media_first == rep->nmedia ? "without an image" : "with something that is no image");
        if (rep->media_first == rep->nmedia) /* else the text shows where the bytes stood */
            ym_err_words(e, rep->text);
        return r;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "fetched");
    cJSON_AddStringToObject(*state, "url", url);
    cJSON_AddItemToObject(*state, "usage", cJSON_Duplicate(ym_json_get(rep->json, "usage"), true));
    fetch(call, *state, n);
    return 0;
}

static int fetched(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep,
                   struct ym_next *n, struct ym_err *e)
{
    int index = rep->media_first < rep->nmedia ? (int)rep->media_first : -1;
    if (rep->status / 100 == 2 && is_image(rep, index)) {
        n->media[n->nmedia++] = (unsigned)index;
        openai_cost_image(call, ym_json_get(state, "usage"), n);
        done(rep, n);
        return 0;
    }
    bool later = rep->status / 100 == 2 || rep->status >= 500 || rep->status == 408 || rep->status == 429;
    int r = later ? ym_fail(e, YM_TRANSIENT, EAGAIN,
                            "The finished image cannot be fetched just now (status %d).", rep->status)
                  : ym_fail(e, YM_LOST, ENOENT,
                            "The image was made, but its address does not give it (status %d).", rep->status);
    ym_err_words(e, rep->text);
    if (e)
        e->retry_after = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    return r;
}

int openai_image_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    if (!rep && ym_json_str(*state, "url")) { /* after a restart, or when the last try failed */
        fetch(call, *state, n);
        return 0;
    }
    if (rep && rep->tag == OPENAI_TAG_IMAGE)
        return reply(call, state, rep, n, e);
    if (rep && rep->tag == OPENAI_TAG_IMAGE_FETCH)
        return fetched(call, *state, rep, n, e);
    int r = ym_refs_fetch(call, state, rep, n, e);
    if (r == 0)
        create(call, *state, n);
    return r < 0 ? r : 0;
}
