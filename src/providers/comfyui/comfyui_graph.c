/* A workflow as a template. In the inputs of its nodes a string that is exactly "{name}" becomes the value of
 * that name with its type; within a longer string it is put in as text. A node that is titled with such a name
 * is filled too, in the input that this name obviously means: so a workflow needs no editing at all, only
 * titles. The values lie in comfyui_values.c. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "comfyui.h"

#define NAME_MAX_LEN 64
#define TEXT_MAX     (256 << 10)

struct filling {
    const struct ym_call *call;
    const cJSON *state;
    bool dry;
    cJSON *used; /* {name: true} */
    const char *class;
    const char *input; /* of the node at hand */
    struct comfyui_graph *graph;
    struct ym_err *e;
};

void comfyui_graph_fini(struct comfyui_graph *g)
{
    cJSON_Delete(g->nodes);
    memset(g, 0, sizeof *g);
}

static const char *workflow_path(const struct ym_call *call)
{
    int i = ym_call_ref(call, YM_REF_WORKFLOW);
    return i >= 0 ? call->req->refs[i].path : "(built in)";
}

/* ---- names ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of "{name}" at s, 0 when it is none; the name goes to out. */
static size_t placeholder_at(const char *s, char out[static NAME_MAX_LEN])
{
    size_t n = 0;
    if (*s != '{')
        return 0;
    while (is_name_char(s[n + 1]))
        n++;
    if (n == 0 || n >= NAME_MAX_LEN || s[n + 1] != '}')
        return 0;
    memcpy(out, s + 1, n);
    out[n] = '\0';
    return n + 2;
}

static void used_add(struct filling *f, const char *name)
{
    if (!ym_json_get(f->used, name))
        cJSON_AddTrueToObject(f->used, name);
    if (strcmp(name, "model") == 0 && !f->graph->model_class[0]) {
        snprintf(f->graph->model_class, sizeof f->graph->model_class, "%s", f->class);
        snprintf(f->graph->model_input, sizeof f->graph->model_input, "%s", f->input);
    }
}

/* Its value; a failure when it has none. */
static int value_get(struct filling *f, const char *name, cJSON **ret)
{
    *ret = comfyui_value(f->call, f->state, f->dry, name);
    used_add(f, name);
    if (*ret)
        return 0;
    return ym_fail(
        f->e, YM_INVALID, EINVAL,
        "The workflow has a place for {%s}, and this prompt does not say it; add it%s, or take the place out of the "
        "workflow.",
        name, comfyui_name_known(f->call, name) ? "" : " below params");
}

/* ---- placeholders ---- */

static int text_value(struct filling *f, const char *name, struct ym_buf *out)
{
    YM_AUTOJSON cJSON *v = NULL;
    int r = value_get(f, name, &v);
    if (r < 0)
        return r;
    YM_AUTOFREE char *text = cJSON_IsString(v) ? ym_strdup(v->valuestring) : ym_json_print(v, false);
    if (ym_buf_adds(out, text) < 0)
        return ym_fail(f->e, YM_INVALID, E2BIG, "A text of the workflow becomes too long with {%s}.", name);
    return 0;
}

/* Text around placeholders. Braces that are no known name stay: prompts of other tools are full of them. */
static int text_fill(struct filling *f, cJSON *parent, cJSON *item)
{
    YM_AUTOBUF struct ym_buf out;
    char name[NAME_MAX_LEN];
    bool any = false;
    int r = 0;
    ym_buf_init(&out, TEXT_MAX);
    for (const char *s = item->valuestring; *s && r == 0;) {
        size_t n = placeholder_at(s, name);
        if (n && comfyui_name_known(f->call, name)) {
            r = text_value(f, name, &out);
            any = true;
            s += n;
        } else {
            ym_buf_add(&out, s++, 1);
        }
    }
    if (r == 0 && any) {
        cJSON *v = cJSON_CreateString(out.data ? out.data : "");
        if (cJSON_IsArray(parent))
            cJSON_ReplaceItemViaPointer(parent, item, v);
        else
            cJSON_ReplaceItemInObjectCaseSensitive(parent, item->string, v);
    }
    return r;
}

static int string_fill(struct filling *f, cJSON *parent, cJSON *item)
{
    char name[NAME_MAX_LEN];
    cJSON *v = NULL;
    size_t n = placeholder_at(item->valuestring, name);
    if (n == 0 || item->valuestring[n])
        return strchr(item->valuestring, '{') ? text_fill(f, parent, item) : 0;
    int r = value_get(f, name, &v);
    if (r < 0)
        return r;
    if (cJSON_IsArray(parent))
        cJSON_ReplaceItemViaPointer(parent, item, v);
    else
        cJSON_ReplaceItemInObjectCaseSensitive(parent, item->string, v);
    return 0;
}

/* Every string below v. As deep as JSON may be nested here. */
static int strings_fill(struct filling *f, cJSON *v, bool top)
{
    for (cJSON *item = v->child, *next; item; item = next) {
        next = item->next; /* item may be replaced */
        if (top)
            f->input = item->string;
        int r = cJSON_IsString(item) ? string_fill(f, v, item) : item->child ? strings_fill(f, item, false) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- titles ---- */

#define A(...) ((const char *const[]){__VA_ARGS__, NULL})
static const struct {
    const char *name; /* without its number */
    const char *const *inputs;
} obvious[] = {
    {"prompt", A("text", "prompt", "text_g", "text_l", "clip_l", "t5xxl", "value", "string")},
    {"negative_prompt", A("text", "prompt", "text_g", "text_l", "clip_l", "t5xxl", "value", "string")},
    {"seed", A("seed", "noise_seed", "value")},
    {"width", A("width", "value")},
    {"height", A("height", "value")},
    {"steps", A("steps", "value")},
    {"cfg_scale", A("cfg", "guidance", "value")},
    {"sampler", A("sampler_name", "value")},
    {"scheduler", A("scheduler", "value")},
    {"strength", A("denoise", "strength", "value")},
    {"from_image", A("image", "value")},
    {"last_frame", A("image", "value")},
    {"reference", A("image", "value")},
    {"duration", A("duration", "seconds", "value")},
    {"fps", A("fps", "frame_rate", "value")},
    {"model", A("ckpt_name", "unet_name", "model_name", "value")},
};

/* Case, blanks, '-' and '_' do not count: "Negative Prompt" is negative_prompt. */
static bool title_is(const char *title, const char *name)
{
    for (;; title++, name++) {
        while (*title && strchr(" -_", *title))
            title++;
        while (*name == '_')
            name++;
        if (tolower((unsigned char)*title) != tolower((unsigned char)*name))
            return false;
        if (!*title)
            return true;
    }
}

static const char *const *obvious_inputs(const char *name)
{
    static const char *const other[] = {"value", NULL};
    size_t len = strcspn(name, "0123456789");
    for (size_t i = 0; i < YM_COUNT(obvious); i++)
        if (strncmp(obvious[i].name, name, len) == 0 && obvious[i].name[len] == '\0')
            return obvious[i].inputs;
    return other;
}

static int input_fill(struct filling *f, cJSON *inputs, const char *input, const char *name)
{
    cJSON *v = NULL, *old = cJSON_GetObjectItemCaseSensitive(inputs, input);
    if (!old || cJSON_IsArray(old)) /* not there, or comes from another node */
        return 0;
    f->input = input;
    int r = value_get(f, name, &v);
    if (r == 0)
        cJSON_ReplaceItemInObjectCaseSensitive(inputs, input, v);
    return r;
}

/* What was not said stays as the workflow has it, but a seed is always fresh. */
static int title_fill(struct filling *f, const cJSON *given, const char *title, cJSON *inputs)
{
    const cJSON *g;
    int r = 0;
    if (title_is(title, "seed") && !comfyui_name_given(f->call, "seed")) {
        for (const char *const *i = obvious_inputs("seed"); *i && r == 0; i++)
            r = input_fill(f, inputs, *i, "seed");
        return r;
    }
    cJSON_ArrayForEach (g, given) {
        if (!title_is(title, g->valuestring))
            continue;
        r = input_fill(f, inputs, g->valuestring, g->valuestring);
        for (const char *const *i = obvious_inputs(g->valuestring); *i && r == 0; i++)
            r = input_fill(f, inputs, *i, g->valuestring);
    }
    return r;
}

/* ---- the file ---- */

static int nodes_check(const struct ym_call *call, const cJSON *graph, struct ym_err *e)
{
    const cJSON *node;
    char path[80], show[40];
    ym_text_show(workflow_path(call), path, sizeof path);
    if (cJSON_IsArray(ym_json_get(graph, "nodes")) && ym_json_get(graph, "links"))
        return ym_fail(
            e, YM_INVALID, EINVAL,
            "The workflow %s is saved for ComfyUI's editor; export it there with \"Save (API format)\" and use "
            "that file.",
            path);
    if (!cJSON_IsObject(graph) || !graph->child)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The workflow %s holds no nodes; export it in ComfyUI with \"Save (API format)\".", path);
    cJSON_ArrayForEach (node, graph)
        if (!ym_json_str(node, "class_type") || !cJSON_IsObject(ym_json_get(node, "inputs")))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "The workflow %s: %s is no node; export it in ComfyUI with \"Save (API format)\".", path,
                           ym_text_show(node->string, show, sizeof show));
    return 0;
}

static int workflow_parse(const struct ym_call *call, cJSON **ret, struct ym_err *e)
{
    struct ym_err why;
    char path[80];
    if (!call->workflow) {
        *ret = comfyui_builtin(call);
        return 0;
    }
    YM_AUTOJSON cJSON *doc = NULL;
    if (ym_json_parse(call->workflow, call->workflow_len, 1 << 20, &doc, &why) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The workflow %s is no JSON: %.120s",
                       ym_text_show(workflow_path(call), path, sizeof path), why.msg);
    cJSON *inner = cJSON_GetObjectItemCaseSensitive(doc, "prompt"); /* as programs send it */
    if (cJSON_IsObject(inner) && !ym_json_get(inner, "class_type")) {
        inner = cJSON_DetachItemViaPointer(doc, inner);
        cJSON_Delete(doc);
        doc = inner;
    }
    int r = nodes_check(call, doc, e);
    if (r == 0)
        *ret = ym_steal(&doc);
    return r;
}

/* A shape is said by width and height. */
static bool is_placed(const struct filling *f, const char *name)
{
    return ym_json_get(f->used, name) ||
           (strcmp(name, "aspect_ratio") == 0 && (ym_json_get(f->used, "width") || ym_json_get(f->used, "height")));
}

static int places_check(const struct filling *f, const cJSON *given)
{
    const cJSON *g;
    char path[80];
    cJSON_ArrayForEach (g, given)
        if (!is_placed(f, g->valuestring))
            return ym_fail(
                f->e, YM_INVALID, EINVAL,
                "The workflow %s has no place for %.40s; write {%.40s} where it belongs, or title a node so.",
                ym_text_show(workflow_path(f->call), path, sizeof path), g->valuestring, g->valuestring);
    return 0;
}

int comfyui_graph_make(const struct ym_call *call, const cJSON *state, bool dry, struct comfyui_graph *ret,
                       struct ym_err *e)
{
    struct comfyui_graph g = {0};
    cJSON *node;
    int r = workflow_parse(call, &g.nodes, e);
    YM_AUTOJSON cJSON *used = cJSON_CreateObject(), *given = comfyui_given(call);
    struct filling f = {.call = call, .state = state, .dry = dry, .used = used, .graph = &g, .e = e};
    cJSON_ArrayForEach (node, g.nodes) {
        cJSON *inputs = cJSON_GetObjectItemCaseSensitive(node, "inputs");
        const char *title = ym_json_str(ym_json_get(node, "_meta"), "title");
        f.class = ym_json_str_or(node, "class_type", "");
        r = r < 0 ? r : strings_fill(&f, inputs, true);
        if (title)
            r = r < 0 ? r : title_fill(&f, given, title, inputs);
    }
    if (!call->workflow) { /* these became nodes or links of it */
        cJSON_AddTrueToObject(used, "loras");
        cJSON_AddTrueToObject(used, "clip_skip");
        cJSON_AddTrueToObject(used, "aspect_ratio");
    }
    r = r < 0 ? r : places_check(&f, given);
    if (r < 0)
        comfyui_graph_fini(&g);
    else
        *ret = g;
    return r;
}
