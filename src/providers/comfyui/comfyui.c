/* ComfyUI: workflows on a server of one's own. Images are uploaded, the workflow is filled in and put into
 * the queue, the queue and the history are looked at, the files are fetched. Free and local. */
#include <errno.h>
#include <string.h>

#include "comfyui.h"

#define KINDS (1u << YM_IMAGE | 1u << YM_VIDEO | 1u << YM_AUDIO | 1u << YM_SFX)
enum { TAG_MODEL = 1, TAG_UPLOAD, TAG_PROMPT, TAG_QUEUE, TAG_HISTORY, TAG_FILE };

/* What a workflow may have places for. */
static const struct ym_param taken[] = {
    {"negative_prompt", 0, 0, NULL}, {"from_image", 0, 0, NULL},
    {"last_frame", 0, 0, NULL},      {"references", 0, 0, NULL},
    {"workflow", 0, 0, NULL},        {"seed", 0, 0, NULL},
    {"width", 0, 0, NULL},           {"height", 0, 0, NULL},
    {"aspect_ratio", 0, 0, NULL},    {"steps", 0, 0, NULL},
    {"cfg_scale", 0, 0, NULL},       {"sampler", 0, 0, NULL},
    {"scheduler", 0, 0, NULL},       {"strength", 0, 0, NULL},
    {"loras", 0, 0, NULL},           {"clip_skip", 0, 0, NULL},
    {"duration", 0, 0, NULL},        {"fps", 0, 0, NULL},
    {"audio", 0, 0, NULL},           {"resolution", 0, 0, NULL},
    {"quality", 0, 0, NULL},         {"voice", 0, 0, NULL},
    {"language", 0, 0, NULL},        {"speed", 0, 0, NULL},
    {"params", 0, 0, NULL},          {0},
};

static const struct ym_model models[] = {
    {
        .id = COMFYUI_MODEL,
        .kinds = KINDS,
        .prices = {-1, -1, -1, -1, -1, -1, -1, false},
        .max_prompt = 20000,
        .max_refs = 16,
    },
    {0},
};

/* ---- refusing before anything is sent ---- */

static int check_builtin(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *p;
    const char *wrong = NULL;
    if (call->req->kind != YM_IMAGE)
        return ym_fail(
            e, YM_INVALID, EINVAL,
            "Without a workflow ComfyUI makes images only; for a %s set workflow to a JSON file of the library, "
            "exported with \"Save (API format)\".",
            ym_kind_name(call->req->kind));
    cJSON_ArrayForEach (p, call->req->params)
        wrong = comfyui_builtin_takes(p->string) ? wrong : p->string;
    for (size_t i = 0; i < call->req->nrefs; i++)
        wrong = call->req->refs[i].role == YM_REF_SOURCE ? wrong : ym_ref_role_name(call->req->refs[i].role);
    if (!wrong)
        return 0;
    return ym_fail(
        e, YM_INVALID, EINVAL,
        "Without a workflow ComfyUI takes no %s; it takes seed, width, height, aspect_ratio, steps, cfg_scale, "
        "sampler, scheduler, loras, clip_skip, from_image and strength.",
        wrong);
}

static int comfyui_check(const struct ym_call *call, struct ym_err *e)
{
    int flow = ym_call_ref(call, YM_REF_WORKFLOW);
    if (!(KINDS & 1u << call->req->kind))
        return ym_fail(e, YM_INVALID, EINVAL, "ComfyUI makes images, videos and sound; a %s needs another model.",
                       ym_kind_name(call->req->kind));
    int r = ym_call_check(call, NULL, e);
    if (r == 0 && flow >= 0 && call->req->refs[flow].is_url)
        r = ym_fail(e, YM_INVALID, EINVAL, "A workflow must be a JSON file of the library, not an address.");
    return r < 0 || flow >= 0 ? r : check_builtin(call, e);
}

/* ---- requests ---- */

struct ym_http *comfyui_ask(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                            enum ym_effect effect, const char *path)
{
    YM_AUTOFREE char *url = ym_asprintf("%s%s", call->base_url, path);
    struct ym_http *h = ym_next_send(n, tag, method, effect, url);
    if (call->has_key) /* a server behind a gateway */
        ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    return h;
}

struct ym_http *comfyui_tell(const struct ym_call *call, struct ym_next *n, unsigned tag, enum ym_effect effect,
                             const char *path, const cJSON *body)
{
    struct ym_http *h = comfyui_ask(call, n, tag, "POST", effect, path);
    ym_http_header(h, "Content-Type", "application/json");
    ym_http_json(h, body);
    return h;
}

/* An id in the form of a UUID that this attempt always has: a repetition is found by it. */
static const char *id_make(const struct ym_call *call, char out[static 40])
{
    YM_AUTOFREE char *what = ym_asprintf("%s/%d", call->job_id, call->attempt);
    struct ym_digest d = ym_digest_of(what, strlen(what));
    d.b[6] = (uint8_t)((d.b[6] & 0x0f) | 0x80); /* version 8: made up by its user */
    d.b[8] = (uint8_t)((d.b[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (unsigned i = 0; i < 16; i++)
        at += (size_t)snprintf(out + at, 40 - at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", d.b[i]);
    return out;
}

/* The same image has the same name there, whoever sends it. */
static void upload_name(const struct ym_call *call, const cJSON *state, unsigned i, char *out, size_t size)
{
    char hex[65];
    const char *mime = ym_ref_mime(call, state, i), *ext = strrchr(mime, '/');
    snprintf(out, size, "ymago-%.32s.%s", ym_digest_hex(&call->req->refs[i].b2, hex), ext ? ext + 1 : "png");
}

static void upload_send(const struct ym_call *call, const cJSON *state, unsigned i, struct ym_next *n)
{
    char name[80], id[40];
    upload_name(call, state, i, name, sizeof name);
    YM_AUTOFREE char *mark = ym_asprintf("ymago-%s", id_make(call, id));
    YM_AUTOFREE char *type = ym_asprintf("multipart/form-data; boundary=%s", mark);
    YM_AUTOFREE char *head = ym_asprintf("--%s\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\ninput\r\n"
                                         "--%s\r\nContent-Disposition: form-data; name=\"overwrite\"\r\n\r\ntrue\r\n"
                                         "--%s\r\nContent-Disposition: form-data; name=\"image\"; filename=\"%s\"\r\n"
                                         "Content-Type: %s\r\n\r\n",
                                         mark, mark, mark, name, ym_ref_mime(call, state, i));
    YM_AUTOFREE char *tail = ym_asprintf("\r\n--%s--", mark);
    struct ym_http *h = comfyui_ask(call, n, TAG_UPLOAD, "POST", YM_SAFE, "/upload/image");
    ym_http_header(h, "Content-Type", type);
    ym_http_puts(h, head);
    ym_http_ref(h, call, state, i, false);
    ym_http_puts(h, tail);
}

static int prompt_send(const struct ym_call *call, cJSON **state, struct ym_next *n, struct ym_err *e)
{
    struct comfyui_graph g;
    char id[40];
    int r = comfyui_graph_make(call, *state, false, &g, e);
    if (r < 0)
        return r;
    id_make(call, id);
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "id");
    cJSON_AddStringToObject(*state, "id", id); /* it may be there, whatever becomes of the answer */
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    cJSON_AddItemReferenceToObject(body, "prompt", g.nodes);
    cJSON_AddStringToObject(body, "client_id", id);
    cJSON_AddStringToObject(body, "prompt_id", id);
    comfyui_tell(call, n, TAG_PROMPT, YM_IDEMPOTENT, "/prompt", body);
    comfyui_graph_fini(&g);
    return 0;
}

/* ---- before the job is in the queue: the model, the images ---- */

static int model_heard(const struct ym_call *call, const struct comfyui_graph *g, cJSON *state,
                       const struct ym_reply *rep, struct ym_err *e)
{
    const cJSON *first = cJSON_GetArrayItem(comfyui_choices(rep->json, g->model_class, g->model_input), 0);
    if (rep->status != 200)
        return comfyui_fail(call, rep, e);
    if (!cJSON_IsString(first))
        return ym_fail(e, YM_INVALID, ENOENT,
                       "The ComfyUI server has no model for %.60s; give it one, or write model: comfyui/NAME.",
                       g->model_class);
    cJSON_AddItemToObject(state, "model", cJSON_Duplicate(first, true));
    return 0;
}

static int upload_heard(const struct ym_call *call, cJSON *uploads, const struct ym_reply *rep, struct ym_err *e)
{
    const char *name = ym_json_str(rep->json, "name"), *folder = ym_json_str_or(rep->json, "subfolder", "");
    if (rep->status != 200 || !name || !uploads)
        return comfyui_fail(call, rep, e);
    YM_AUTOFREE char *path = ym_asprintf("%s%s%s", folder, *folder ? "/" : "", name);
    cJSON_AddItemToArray(uploads, cJSON_CreateString(path));
    return 0;
}

static bool model_wanted(const struct ym_call *call, const struct comfyui_graph *g, const cJSON *state)
{
    return g->model_class[0] && strcmp(call->req->model, COMFYUI_MODEL) == 0 && !ym_json_str(state, "model");
}

/* The next of what is still to be had; 1 when it was asked for. */
static int prepare_next(const struct ym_call *call, const struct comfyui_graph *g, cJSON *state, struct ym_next *n)
{
    cJSON *uploads = cJSON_GetObjectItemCaseSensitive(state, "uploads");
    if (model_wanted(call, g, state)) {
        YM_AUTOFREE char *safe = ym_url_encode(g->model_class, NULL);
        YM_AUTOFREE char *path = ym_asprintf("/object_info/%s", safe);
        comfyui_ask(call, n, TAG_MODEL, "GET", YM_SAFE, path);
        return 1;
    }
    if (!uploads)
        uploads = cJSON_AddArrayToObject(state, "uploads");
    unsigned i = (unsigned)cJSON_GetArraySize(uploads);
    if (i < call->req->nrefs && call->req->refs[i].role == YM_REF_WORKFLOW) {
        cJSON_AddItemToArray(uploads, cJSON_CreateNull());
        return prepare_next(call, g, state, n);
    }
    if (i >= call->req->nrefs)
        return 0;
    upload_send(call, state, i, n);
    return 1;
}

static int prepare(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    struct comfyui_graph g;
    int r = comfyui_graph_make(call, *state, true, &g, e); /* nothing is sent for a workflow that does not fit */
    if (r < 0)
        return r;
    r = ym_refs_fetch(call, state, rep, n, e);
    if (r == 0 && rep && rep->tag == TAG_MODEL)
        r = model_heard(call, &g, *state, rep, e);
    if (r == 0 && rep && rep->tag == TAG_UPLOAD)
        r = upload_heard(call, cJSON_GetObjectItemCaseSensitive(*state, "uploads"), rep, e);
    if (r == 0)
        r = prepare_next(call, &g, *state, n);
    comfyui_graph_fini(&g);
    if (r == 0)
        r = prompt_send(call, state, n, e);
    return r < 0 ? r : 0;
}

/* ---- while it is there ---- */

/* A server of one's own may be asked more often than a service. */
static int wait_more(const struct ym_call *call, struct ym_next *n)
{
    int64_t ms = call->waited.ms / 10;
    n->what = YM_NEXT_WAIT;
    n->wait = YM_MS(ms < 1000 ? 1000 : ms > 10000 ? 10000 : ms);
    n->has_handle = true;
    return 0;
}

static int look(const struct ym_call *call, struct ym_next *n)
{
    comfyui_ask(call, n, TAG_QUEUE, "GET", YM_SAFE, "/queue")->keep_text = 64; /* it holds whole workflows */
    return 0;
}

static int prompt_heard(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e)
{
    const char *id = ym_json_str(rep->json, "prompt_id");
    if (rep->status != 200 || !id || strlen(id) > 64)
        return comfyui_prompt_fail(call, rep, e);
    cJSON_ReplaceItemInObjectCaseSensitive(state, "id", cJSON_CreateString(id)); /* older servers choose their own */
    cJSON_AddTrueToObject(state, "placed");
    n->provider_id = ym_strdup(id);
    return wait_more(call, n);
}

static int queue_heard(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    const char *id = ym_json_str_or(state, "id", "");
    if (rep->status != 200 || !cJSON_IsObject(rep->json))
        return comfyui_fail(call, rep, e);
    unsigned place = comfyui_place(rep->json, id);
    if (place == 0) { /* a job leaves the queue and enters the history at once */
        YM_AUTOFREE char *safe = ym_url_encode(id, NULL);
        YM_AUTOFREE char *path = ym_asprintf("/history/%s", safe);
        comfyui_ask(call, n, TAG_HISTORY, "GET", YM_SAFE, path)->keep_text = 4096;
        return 0;
    }
    if (!ym_json_get(state, "placed"))
        cJSON_AddTrueToObject(state, "placed");
    if (place == 1)
        snprintf(n->detail, sizeof n->detail, "it runs");
    else
        snprintf(n->detail, sizeof n->detail, "place %u in the server's queue", place - 1);
    return wait_more(call, n);
}

static int file_send(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    const cJSON *got = ym_json_get(state, "got");
    const cJSON *file = cJSON_GetArrayItem(ym_json_get(state, "files"), cJSON_GetArraySize(got));
    YM_AUTOFREE char *name = ym_url_encode(ym_json_str_or(file, "filename", ""), NULL);
    YM_AUTOFREE char *folder = ym_url_encode(ym_json_str_or(file, "subfolder", ""), NULL);
    YM_AUTOFREE char *path =
        ym_asprintf("/view?filename=%s&subfolder=%s&type=%s", name, folder, ym_json_str_or(file, "type", ""));
    comfyui_ask(call, n, TAG_FILE, "GET", YM_SAFE, path)->raw_media = true;
    n->has_handle = true;
    return 0;
}

static int history_heard(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                         struct ym_err *e)
{
    const cJSON *entry = ym_json_get(rep->json, ym_json_str_or(*state, "id", ""));
    cJSON *files = NULL;
    if (rep->status != 200 || !cJSON_IsObject(rep->json))
        return comfyui_fail(call, rep, e);
    if (!entry && !ym_json_get(*state, "placed"))
        return prompt_send(call, state, n, e); /* it had never arrived */
    if (!entry)
        return ym_fail(
            e, YM_LOST, ENOENT,
            "The ComfyUI server does not know the job any more: was it started anew? Save the prompt again.");
    if (strcmp(ym_json_str_or(ym_json_get(entry, "status"), "status_str", "success"), "success") != 0)
        return comfyui_run_fail(call, entry, e);
    int r = comfyui_outputs(call, entry, &files, e);
    if (r < 0)
        return r;
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "files");
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "got");
    cJSON_AddItemToObject(*state, "files", files);
    cJSON_AddArrayToObject(*state, "got");
    return file_send(call, *state, n);
}

static int files_done(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    const cJSON *m, *got = ym_json_get(state, "got");
    const char *model = ym_json_str(state, "model");
    cJSON_ArrayForEach (m, got)
        n->media[n->nmedia++] = (unsigned)m->valuedouble;
    n->what = YM_NEXT_DONE;
    n->cost_known = true;
    n->provider_id = ym_strdup(ym_json_str(state, "id"));
    if (!model && strcmp(call->req->model, COMFYUI_MODEL) != 0)
        model = call->req->model;
    n->model_version = ym_strdup(model);
    return 0;
}

static int file_heard(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    cJSON *got = cJSON_GetObjectItemCaseSensitive(state, "got");
    const cJSON *file = cJSON_GetArrayItem(ym_json_get(state, "files"), cJSON_GetArraySize(got));
    char show[80];
    ym_text_show(ym_json_str_or(file, "filename", "?"), show, sizeof show);
    if (rep->status == 404)
        return ym_fail(e, YM_LOST, ENOENT, "The ComfyUI server made %s and has it no more; save the prompt again.",
                       show);
    if (rep->status != 200)
        return comfyui_fail(call, rep, e);
    if (!got || rep->media_first >= rep->nmedia || !rep->media[rep->media_first].is_media) {
        int r = ym_fail(e, YM_EMPTY, ENODATA, "What the ComfyUI server gives for %s is no media file.", show);
        ym_err_words(e, rep->text);
        return r;
    }
    cJSON_AddItemToArray(got, cJSON_CreateNumber(rep->media_first));
    if (cJSON_GetArraySize(got) < cJSON_GetArraySize(ym_json_get(state, "files")))
        return file_send(call, state, n);
    return files_done(call, state, n);
}

static int comfyui_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e)
{
    if (!rep && ym_json_str(*state, "id"))
        return look(call, n);
    switch (rep ? rep->tag : 0) {
    case TAG_PROMPT:
        return prompt_heard(call, *state, rep, n, e);
    case TAG_QUEUE:
        return queue_heard(call, *state, rep, n, e);
    case TAG_HISTORY:
        return history_heard(call, state, rep, n, e);
    case TAG_FILE:
        return file_heard(call, *state, rep, n, e);
    default:
        return prepare(call, state, rep, n, e);
    }
}

const struct ym_driver ym_driver_comfyui = {
    .name = "comfyui",
    .kinds = KINDS,
    .is_free = true,
    .is_local = true,
    .idempotent = true, /* a job is looked for by its id before it is sent again */
    .base_url = "http://127.0.0.1:8188",
    .concurrency = 4, /* it works on one; the others wait at the server and not here */
    .models = models,
    .params = {[YM_IMAGE] = taken, [YM_VIDEO] = taken, [YM_AUDIO] = taken, [YM_SFX] = taken},
    .default_model = {[YM_IMAGE] = COMFYUI_MODEL},
    .check = comfyui_check,
    .step = comfyui_step,
    .cancel = comfyui_cancel,
    .list = comfyui_list,
};
