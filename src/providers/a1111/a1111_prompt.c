/* The prompt's text and the LoRAs: a field of ymago's, tags in the text for one server, an array for the
 * other. */
#include <string.h>
#include <strings.h>

#include "a1111.h"

#define LORA_MAX 64

static void lora_add(cJSON *list, const char *id, size_t len, double weight)
{
    cJSON *o = cJSON_CreateObject();
    YM_AUTOFREE char *name = ym_strndup(id, len);
    cJSON_AddStringToObject(o, "id", name);
    cJSON_AddNumberToObject(o, "weight", weight);
    cJSON_AddItemToArray(list, o);
}

/* "<lora:name>" or "<lora:name:0.8>" at s: its length and parts; else 0. */
static size_t tag_parse(const char *s, struct ym_span *ret_name, double *ret_weight)
{
    static const char head[] = "<lora:";
    size_t n = sizeof head - 1;
    const char *end = strncasecmp(s, head, n) == 0 ? strchr(s, '>') : NULL;
    if (!end)
        return 0;
    ret_name->s = s + n;
    ret_name->len = strcspn(s + n, ":>");
    const char *rest = s + n + ret_name->len;
    char *stop = NULL;
    double weight = *rest == ':' ? strtod(rest + 1, &stop) : 1;
    *ret_weight = weight >= -100 && weight <= 100 ? weight : 1;
    return ret_name->len > 0 && !memchr(s, '\n', (size_t)(end - s)) ? (size_t)(end - s) + 1 : 0;
}

cJSON *a1111_loras(const struct ym_call *call, bool with_tags)
{
    cJSON *out = cJSON_CreateArray();
    const cJSON *l;
    struct ym_span name;
    double weight;
    cJSON_ArrayForEach (l, ym_json_get(call->req->params, "loras")) {
        const char *id = a1111_name(l, "id");
        if (id)
            lora_add(out, id, strlen(id), ym_json_num_or(l, "weight", 1));
    }
    for (const char *p = call->req->prompt; with_tags && p && (p = strchr(p, '<')); p++)
        if (tag_parse(p, &name, &weight) > 0 && cJSON_GetArraySize(out) < LORA_MAX)
            lora_add(out, name.s, name.len, weight);
    return out;
}

/* AUTOMATIC1111 reads LoRAs out of the prompt; sd-server would paint their names. */
char *a1111_prompt(const struct ym_call *call, bool tags)
{
    YM_AUTOBUF struct ym_buf b;
    YM_AUTOJSON cJSON *loras = a1111_loras(call, false);
    const cJSON *l, *added = tags ? loras : NULL;
    struct ym_span name;
    double weight;
    ym_buf_init(&b, 1 << 20);
    for (const char *p = call->req->prompt; *p;) {
        size_t n = tags || *p != '<' ? 0 : tag_parse(p, &name, &weight);
        if (n == 0)
            ym_buf_add(&b, p++, 1);
        else if (b.len && b.data[b.len - 1] == ' ' && p[n] == ' ')
            n++;
        p += n;
    }
    cJSON_ArrayForEach (l, added)
        ym_buf_addf(&b, " <lora:%s:%g>", ym_json_str_or(l, "id", ""), ym_json_num_or(l, "weight", 1));
    size_t len = b.len;
    const char *text = ym_text_trim(b.data ? b.data : "", &len);
    return ym_strndup(text, len);
}
