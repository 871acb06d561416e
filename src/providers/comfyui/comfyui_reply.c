/* Reading what a ComfyUI server answers: refusals in words, its queue, its history. */
#include <errno.h>
#include <string.h>
#include <ymago/media.h>

#include "comfyui.h"

#define FILES_MAX 16

/* ---- errors ---- */

/* {"error": "text"} or {"error": {"type", "message", "details"}}. */
static const char *error_text(const cJSON *doc)
{
    const cJSON *error = ym_json_get(doc, "error");
    return cJSON_IsString(error) ? error->valuestring : ym_json_str(error, "message");
}

int comfyui_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    const char *words = error_text(rep->json);
    int r;
    if (rep->status == 403 && !call->has_key) {
        r = ym_fail(e, YM_INVALID, EACCES,
                    "ComfyUI refuses this address (status 403); check base_url of [providers.comfyui].");
        ym_err_words(e, words ? words : rep->text);
        return r;
    }
    return ym_reply_fail(call, rep, "ComfyUI", words, e);
}

static void node_words(const cJSON *node, struct ym_buf *out)
{
    const cJSON *one;
    cJSON_ArrayForEach (one, ym_json_get(node, "errors"))
        ym_buf_addf(out, "%snode %s (%s): %s: %s", out->len ? "; " : "", node->string,
                    ym_json_str_or(node, "class_type", "?"), ym_json_str_or(one, "message", "?"),
                    ym_json_str_or(one, "details", ""));
}

/* The first fault as a sentence; all of them as the words. */
static int fail_nodes(const cJSON *errors, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf all;
    const cJSON *node, *first = NULL;
    char class[60], input[60], message[80];
    ym_buf_init(&all, 2000);
    cJSON_ArrayForEach (node, errors) {
        if (!node->string) /* a list says nothing of nodes */
            return 0;
        node_words(node, &all);
        const cJSON *list = ym_json_get(node, "errors");
        if (!first && cJSON_IsArray(list) && list->child)
            first = node;
    }
    if (!first)
        return 0;
    const cJSON *why = ym_json_get(first, "errors")->child;
    const char *name =
        ym_json_str_or(ym_json_get(why, "extra_info"), "input_name", ym_json_str_or(why, "details", ""));
    ym_text_show(ym_json_str_or(first, "class_type", "?"), class, sizeof class);
    ym_text_show(name, input, sizeof input);
    ym_text_show(ym_json_str_or(why, "message", "it is wrong"), message, sizeof message);
    int r = ym_fail(e, YM_INVALID, EINVAL, "ComfyUI does not take node %.20s (%s), input %s: %s.", first->string,
                    class, input, message);
    ym_err_words(e, all.data);
    return r;
}

int comfyui_prompt_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    const cJSON *error = ym_json_get(rep->json, "error");
    const char *message = error_text(rep->json), *details = ym_json_str_or(error, "details", "");
    char show[140];
    int r = rep->status == 400 ? fail_nodes(ym_json_get(rep->json, "node_errors"), e) : 0;
    if (r < 0)
        return r;
    if (rep->status != 400 || !message)
        return comfyui_fail(call, rep, e);
    size_t len = strlen(ym_text_show(message, show, sizeof show));
    r = ym_fail(e, YM_INVALID, EINVAL, "ComfyUI does not take the workflow: %s%s", show,
                len && show[len - 1] == '.' ? "" : ".");
    ym_err_words(e, *details ? details : message);
    return r;
}

static const cJSON *message_find(const cJSON *entry, const char *name)
{
    const cJSON *m;
    cJSON_ArrayForEach (m, ym_json_at(entry, "status.messages")) {
        const cJSON *what = cJSON_GetArrayItem(m, 0);
        if (cJSON_IsString(what) && strcmp(what->valuestring, name) == 0)
            return cJSON_GetArrayItem(m, 1);
    }
    return NULL;
}

int comfyui_run_fail(const struct ym_call *call, const cJSON *entry, struct ym_err *e)
{
    const cJSON *error = message_find(entry, "execution_error");
    const char *type = ym_json_str_or(error, "exception_type", ""),
               *said = ym_json_str_or(error, "exception_message", "");
    char id[24], class[60];
    (void)call;
    if (!error)
        return message_find(entry, "execution_interrupted")
                   ? ym_fail(e, YM_INVALID, EINTR,
                             "It was stopped at the ComfyUI server; save the prompt to start it again.")
                   : ym_fail(e, YM_INVALID, EIO, "ComfyUI failed and does not say why; its own log may.");
    ym_text_show(ym_json_str_or(error, "node_id", "?"), id, sizeof id);
    ym_text_show(ym_json_str_or(error, "node_type", "?"), class, sizeof class);
    bool memory = strstr(type, "OutOfMemory") || strstr(said, "out of memory");
    int r = memory ? ym_fail(e, YM_INVALID, ENOMEM,
                             "ComfyUI ran out of memory in node %s (%s); make it smaller, or use a smaller model.",
                             id, class)
                   : ym_fail(e, YM_INVALID, EINVAL, "ComfyUI failed in node %s (%s).", id, class);
    ym_err_words(e, *said ? said : type);
    return r;
}

/* ---- the queue: [[number, id, graph, extra, outputs], ...] ---- */

static const cJSON *queue_find(const cJSON *list, const char *id)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, list) {
        const cJSON *own = cJSON_GetArrayItem(item, 1);
        if (cJSON_IsString(own) && strcmp(own->valuestring, id) == 0)
            return item;
    }
    return NULL;
}

unsigned comfyui_place(const cJSON *queue, const char *id)
{
    const cJSON *pending = ym_json_get(queue, "queue_pending"), *item;
    if (queue_find(ym_json_get(queue, "queue_running"), id))
        return 1;
    const cJSON *own = queue_find(pending, id);
    unsigned place = 2;
    if (!own)
        return 0;
    const cJSON *mine = cJSON_GetArrayItem(own, 0), *number; /* the list is a heap, in no order */
    cJSON_ArrayForEach (item, pending) {
        number = cJSON_GetArrayItem(item, 0);
        place += cJSON_IsNumber(number) && cJSON_IsNumber(mine) && number->valuedouble < mine->valuedouble;
    }
    return place;
}

/* ---- the history ---- */

static const char *media_prefix(enum ym_kind kind)
{
    return kind == YM_IMAGE ? "image/" : kind == YM_VIDEO ? "video/" : "audio/";
}

/* By its name, to leave out what is not wanted; what is downloaded is judged by its bytes. */
static bool kind_fits(const struct ym_call *call, const char *filename)
{
    const char *dot = strrchr(filename, '.'), *mime = dot ? ym_media_mime_of_ext(dot + 1) : NULL;
    const char *want = media_prefix(call->req->kind);
    return mime && strncmp(mime, want, strlen(want)) == 0;
}

static void file_take(const struct ym_call *call, const cJSON *file, const char *type, cJSON *out,
                      struct ym_buf *others)
{
    const char *name = ym_json_str(file, "filename");
    if (!name)
        return;
    if (!kind_fits(call, name)) {
        ym_buf_addf(others, "%s%s", others->len ? ", " : "", name);
        return;
    }
    if (strcmp(ym_json_str_or(file, "type", "output"), type) != 0 || cJSON_GetArraySize(out) >= FILES_MAX)
        return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "filename", name);
    cJSON_AddStringToObject(o, "subfolder", ym_json_str_or(file, "subfolder", ""));
    cJSON_AddStringToObject(o, "type", type);
    cJSON_AddItemToArray(out, o);
}

/* Nodes name their lists as they like: images, gifs, videos, audio. */
static void files_take(const struct ym_call *call, const cJSON *entry, const char *type, cJSON *out,
                       struct ym_buf *others)
{
    const cJSON *node, *list, *file;
    cJSON_ArrayForEach (node, ym_json_get(entry, "outputs"))
        cJSON_ArrayForEach (list, node)
            if (cJSON_IsArray(list))
                cJSON_ArrayForEach (file, list)
                    file_take(call, file, type, out, others);
}

int comfyui_outputs(const struct ym_call *call, const cJSON *entry, cJSON **ret, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf others;
    YM_AUTOJSON cJSON *out = cJSON_CreateArray();
    ym_buf_init(&others, 400);
    files_take(call, entry, "output", out, &others);
    if (!out->child) { /* previews, where the workflow saves nothing */
        ym_buf_fini(&others);
        ym_buf_init(&others, 400);
        files_take(call, entry, "temp", out, &others);
    }
    if (out->child) {
        *ret = ym_steal(&out);
        return 0;
    }
    int r = ym_fail(e, YM_INVALID, ENODATA, "The workflow ran, but it saved no %s; end it in a node that does.",
                    call->req->kind == YM_SFX ? "sound" : ym_kind_name(call->req->kind));
    ym_err_words(e, others.len ? others.data : NULL);
    return r;
}

/* ---- what a node may be given ---- */

/* [["a", "b"], {..}], or in newer servers ["COMBO", {"options": ["a", "b"]}]. */
const cJSON *comfyui_choices(const cJSON *info, const char *class, const char *input)
{
    static const char *const groups[] = {"required", "optional"};
    const cJSON *inputs = ym_json_get(ym_json_get(info, class), "input");
    for (size_t i = 0; i < YM_COUNT(groups); i++) {
        const cJSON *spec = ym_json_get(ym_json_get(inputs, groups[i]), input);
        const cJSON *first = cJSON_GetArrayItem(spec, 0);
        if (cJSON_IsArray(first))
            return first;
        const cJSON *options = ym_json_get(cJSON_GetArrayItem(spec, 1), "options");
        if (cJSON_IsArray(options))
            return options;
    }
    return NULL;
}
