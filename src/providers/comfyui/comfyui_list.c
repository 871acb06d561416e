/* Beside the work itself: what a server has, and calling a job off. */
#include <errno.h>
#include <string.h>

#include "comfyui.h"

#define TAG_LIST  100 /* + the row below */
#define TAG_QUEUE 120
#define TAG_STOP  121
#define TAG_LOOK  122
#define NAMES_MAX 262144 /* bytes of one list */

/* ---- lists ---- */

static const struct {
    const char *class;
    const char *input[2], *list[2];
} rows[] = {
    {"CheckpointLoaderSimple", {"ckpt_name", NULL}, {"models", NULL}},
    {"KSampler", {"sampler_name", "scheduler"}, {"samplers", "schedulers"}},
    {"LoraLoader", {"lora_name", NULL}, {"loras", NULL}},
    {"UpscaleModelLoader", {"model_name", NULL}, {"upscalers", NULL}},
};

static void list_ask(const struct ym_call *call, struct ym_next *n)
{
    for (unsigned i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *path = ym_asprintf("/object_info/%s", rows[i].class);
        comfyui_ask(call, n, TAG_LIST + i, "GET", YM_SAFE, path);
    }
}

static cJSON *model_new(const char *id)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", id);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "kinds"), cJSON_CreateString(ym_kind_name(YM_IMAGE)));
    return o;
}

static void names_take(const cJSON *choices, const char *name, cJSON *list)
{
    cJSON *out = cJSON_AddArrayToObject(list, name);
    bool models = strcmp(name, "models") == 0;
    size_t bytes = 0;
    const cJSON *c;
    cJSON_ArrayForEach (c, choices) {
        if (!cJSON_IsString(c))
            continue;
        bytes += strlen(c->valuestring) + (models ? 32 : 4);
        if (bytes > NAMES_MAX)
            break;
        cJSON_AddItemToArray(out, models ? model_new(c->valuestring) : cJSON_CreateString(c->valuestring));
    }
}

int comfyui_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                 struct ym_err *e)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(*state, "list");
    if (!rep || !list) {
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        cJSON_AddObjectToObject(*state, "list");
        cJSON_AddNumberToObject(*state, "heard", 0);
        list_ask(call, n);
        return 0;
    }
    cJSON *heard = cJSON_GetObjectItemCaseSensitive(*state, "heard");
    unsigned i = rep->tag - TAG_LIST;
    if (i >= YM_COUNT(rows) || !heard)
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    if (rep->status != 200 || !cJSON_IsObject(rep->json))
        return comfyui_fail(call, rep, e);
    for (unsigned k = 0; k < 2 && rows[i].list[k]; k++)
        names_take(comfyui_choices(rep->json, rows[i].class, rows[i].input[k]), rows[i].list[k], list);
    cJSON_SetNumberValue(heard, heard->valuedouble + 1);
    n->what = heard->valuedouble < YM_COUNT(rows) ? YM_NEXT_WAIT : YM_NEXT_DONE;
    if (n->what == YM_NEXT_DONE)
        n->list = cJSON_DetachItemFromObjectCaseSensitive(*state, "list");
    return 0;
}

/* ---- calling off ---- */

static int over(struct ym_next *n, bool runs_on)
{
    n->what = YM_NEXT_DONE;
    n->runs_on = runs_on;
    n->cost_known = true;
    return 0;
}

/* Only what is ours is stopped: older servers would interrupt whatever runs. */
static int queue_heard(const struct ym_call *call, const char *id, const cJSON *queue, struct ym_next *n)
{
    unsigned place = comfyui_place(queue, id);
    YM_AUTOFREE char *look = ym_asprintf("/history/%s", id);
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    if (place == 0) {
        comfyui_ask(call, n, TAG_LOOK, "GET", YM_SAFE, look);
        return 0;
    }
    if (place == 1)
        cJSON_AddStringToObject(body, "prompt_id", id);
    else
        cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "delete"), cJSON_CreateString(id));
    comfyui_tell(call, n, TAG_STOP, YM_SAFE, place == 1 ? "/interrupt" : "/queue", body);
    return 0;
}

int comfyui_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const char *id = ym_json_str(*state, "id");
    if (!id)
        return over(n, false); /* it was never sent */
    if (!rep) {
        comfyui_ask(call, n, TAG_QUEUE, "GET", YM_SAFE, "/queue")->keep_text = 64;
        return 0;
    }
    if (rep->status != 200)
        return comfyui_fail(call, rep, e);
    if (rep->tag == TAG_QUEUE)
        return queue_heard(call, id, rep->json, n);
    return over(n, rep->tag == TAG_LOOK && ym_json_get(rep->json, id));
}
