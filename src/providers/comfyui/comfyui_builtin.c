/* The workflow that is used where a prompt names none: a checkpoint, two texts, a sampler, a picture. It has
 * placeholders like any other. */
#include <string.h>

#include "comfyui.h"

#define SAMPLER "3"
#define LOADER  "4"

/* clang-format off */
static const char text_to_image[] =
    "{\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":\"{seed}\",\"steps\":\"{steps}\",\"cfg\":\"{cfg_scale}\","
    "\"sampler_name\":\"{sampler}\",\"scheduler\":\"{scheduler}\",\"denoise\":1,\"model\":[\"4\",0],"
    "\"positive\":[\"6\",0],\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}},"
    "\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"{model}\"}},"
    "\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":\"{width}\",\"height\":\"{height}\","
    "\"batch_size\":1}},"
    "\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"{prompt}\",\"clip\":[\"4\",1]}},"
    "\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"{negative_prompt}\",\"clip\":[\"4\",1]}},"
    "\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"
    "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"ymago\",\"images\":[\"8\",0]}}}";
/* In place of the empty picture: the source image, scaled where a size is given. */
static const char source[] =
    "{\"10\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":\"{from_image}\"}},"
    "\"12\":{\"class_type\":\"VAEEncode\",\"inputs\":{\"pixels\":[\"10\",0],\"vae\":[\"4\",2]}}}";
static const char scale[] =
    "{\"11\":{\"class_type\":\"ImageScale\",\"inputs\":{\"image\":[\"10\",0],\"upscale_method\":\"lanczos\","
    "\"width\":\"{width}\",\"height\":\"{height}\",\"crop\":\"center\"}}}";
/* clang-format on */

bool comfyui_builtin_takes(const char *field)
{
    static const char *const taken[] = {"seed",      "width",     "height",          "aspect_ratio", "steps",
                                        "cfg_scale", "sampler",   "scheduler",       "strength",     "from_image",
                                        "loras",     "clip_skip", "negative_prompt", "tags",         NULL};
    for (size_t i = 0; taken[i]; i++)
        if (strcmp(taken[i], field) == 0)
            return true;
    return false;
}

static cJSON *parsed(const char *text)
{
    cJSON *o = NULL;
    int r = ym_json_parse(text, strlen(text), 1 << 16, &o, NULL);
    ym_assert(r == 0);
    return o;
}

static cJSON *inputs_of(cJSON *graph, const char *node)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(graph, node), "inputs");
}

static cJSON *link_new(const char *node, int output)
{
    cJSON *a = cJSON_CreateArray();
    cJSON_AddItemToArray(a, cJSON_CreateString(node));
    cJSON_AddItemToArray(a, cJSON_CreateNumber(output));
    return a;
}

static void link_set(cJSON *graph, const char *node, const char *input, const char *from, int output)
{
    cJSON_ReplaceItemInObjectCaseSensitive(inputs_of(graph, node), input, link_new(from, output));
}

/* A node of that class with its inputs, which are taken. */
static void node_add(cJSON *graph, const char *id, const char *class, cJSON *inputs)
{
    cJSON *o = cJSON_AddObjectToObject(graph, id);
    cJSON_AddStringToObject(o, "class_type", class);
    cJSON_AddItemToObject(o, "inputs", inputs);
}

static void nodes_move(cJSON *graph, const char *text)
{
    YM_AUTOJSON cJSON *more = parsed(text);
    while (more->child) {
        cJSON *node = cJSON_DetachItemViaPointer(more, more->child);
        YM_AUTOFREE char *id = ym_strdup(node->string);
        cJSON_AddItemToObject(graph, id, node);
    }
}

/* The names are those of files; an extension that was left out is the usual one. */
static void lora_add(cJSON *graph, const cJSON *lora, const char *id, const char *before)
{
    const char *name = cJSON_IsString(lora) ? lora->valuestring : ym_json_str_or(lora, "id", "");
    double weight = ym_json_num_or(lora, "weight", 1);
    YM_AUTOFREE char *file = ym_asprintf("%s%s", name, strrchr(name, '.') ? "" : ".safetensors");
    cJSON *in = cJSON_CreateObject();
    cJSON_AddStringToObject(in, "lora_name", file);
    cJSON_AddNumberToObject(in, "strength_model", weight);
    cJSON_AddNumberToObject(in, "strength_clip", weight);
    cJSON_AddItemToObject(in, "model", link_new(before, 0));
    cJSON_AddItemToObject(in, "clip", link_new(before, 1));
    node_add(graph, id, "LoraLoader", in);
}

/* Between the loader and what uses it. */
static void loras_add(cJSON *graph, const struct ym_call *call)
{
    const cJSON *lora, *skip = ym_json_get(call->req->params, "clip_skip");
    char last[16] = LOADER, id[16], clip[16];
    int clip_output = 1, number = 20;
    cJSON_ArrayForEach (lora, ym_json_get(call->req->params, "loras")) {
        snprintf(id, sizeof id, "%d", number++);
        lora_add(graph, lora, id, last);
        memcpy(last, id, sizeof last);
    }
    memcpy(clip, last, sizeof clip);
    if (skip) {
        cJSON *in = cJSON_CreateObject();
        cJSON_AddNumberToObject(in, "stop_at_clip_layer", -skip->valuedouble);
        cJSON_AddItemToObject(in, "clip", link_new(last, 1));
        node_add(graph, "13", "CLIPSetLastLayer", in);
        snprintf(clip, sizeof clip, "13");
        clip_output = 0;
    }
    link_set(graph, SAMPLER, "model", last, 0);
    link_set(graph, "6", "clip", clip, clip_output);
    link_set(graph, "7", "clip", clip, clip_output);
}

cJSON *comfyui_builtin(const struct ym_call *call)
{
    const cJSON *params = call->req->params;
    cJSON *graph = parsed(text_to_image);
    loras_add(graph, call);
    if (ym_call_ref(call, YM_REF_SOURCE) < 0)
        return graph;
    cJSON_DeleteItemFromObjectCaseSensitive(graph, "5");
    nodes_move(graph, source);
    if (ym_json_get(params, "width") || ym_json_get(params, "height") || ym_json_get(params, "aspect_ratio")) {
        nodes_move(graph, scale);
        link_set(graph, "12", "pixels", "11", 0);
    }
    link_set(graph, SAMPLER, "latent_image", "12", 0);
    cJSON_ReplaceItemInObjectCaseSensitive(inputs_of(graph, SAMPLER), "denoise", cJSON_CreateString("{strength}"));
    return graph;
}
