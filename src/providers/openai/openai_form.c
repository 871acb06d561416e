/* multipart/form-data, streamed: the files of references are parts of their own and never in memory. */
#include <string.h>

#include "openai.h"

/* The job's id holds 80 random bits that no text of the job's own can have known. */
static char *boundary(const struct ym_call *call)
{
    return ym_asprintf("ymago-%s-%d", call->job_id, call->attempt);
}

void openai_form_begin(struct ym_http *h, const struct ym_call *call)
{
    YM_AUTOFREE char *mark = boundary(call);
    YM_AUTOFREE char *type = ym_asprintf("multipart/form-data; boundary=%s", mark);
    ym_http_header(h, "Content-Type", type);
}

static void part_begin(struct ym_http *h, const struct ym_call *call, const char *name, const char *more)
{
    YM_AUTOFREE char *mark = boundary(call);
    YM_AUTOFREE char *head =
        ym_asprintf("--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n", mark, name, more);
    ym_http_puts(h, head);
}

void openai_form_fields(struct ym_http *h, const struct ym_call *call, const cJSON *fields)
{
    const cJSON *v;
    cJSON_ArrayForEach (v, fields) { /* the names were checked */
        YM_AUTOFREE char *text = cJSON_IsString(v) ? ym_strdup(v->valuestring) : ym_json_print(v, false);
        part_begin(h, call, v->string, "");
        ym_http_puts(h, text);
        ym_http_puts(h, "\r\n");
    }
}

static const char *extension(const char *mime)
{
    return strcmp(mime, "image/jpeg") == 0 ? "jpg" : strcmp(mime, "image/webp") == 0 ? "webp" : "png";
}

/* The service wants a file name and the true type; what the file is called here is none of its business. */
void openai_form_ref(struct ym_http *h, const struct ym_call *call, const cJSON *state, unsigned i,
                     const char *name)
{
    const char *mime = ym_ref_mime(call, state, i);
    YM_AUTOFREE char *more =
        ym_asprintf("; filename=\"image%u.%s\"\r\nContent-Type: %s", i + 1, extension(mime), mime);
    part_begin(h, call, name, more);
    ym_http_ref(h, call, state, i, false);
    ym_http_puts(h, "\r\n");
}

void openai_form_end(struct ym_http *h, const struct ym_call *call)
{
    YM_AUTOFREE char *mark = boundary(call);
    YM_AUTOFREE char *end = ym_asprintf("--%s--\r\n", mark);
    ym_http_puts(h, end);
}
