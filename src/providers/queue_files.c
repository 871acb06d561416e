/* Results of a queue service: addresses, fetched one after the other and never with a key. */
#include <errno.h>
#include <string.h>

#include "queue.h"

#define FILES_MAX 16   /* what one step can give */
#define URL_MAX   2500 /* 16 of them fit into a state */

bool queue_url_sound(const char *url)
{
    if (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
        return false;
    for (const char *s = url; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '"' || *s == '\\')
            return false;
    return strlen(url) <= URL_MAX;
}

void queue_state_str(cJSON *state, const char *key, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(state, key);
    if (value)
        cJSON_AddStringToObject(state, key, value);
}

void queue_files_begin(cJSON *state)
{
    cJSON_DeleteItemFromObjectCaseSensitive(state, "files");
    cJSON_DeleteItemFromObjectCaseSensitive(state, "got");
    cJSON_AddArrayToObject(state, "files");
    cJSON_AddArrayToObject(state, "got");
}

void queue_file_add(cJSON *state, const char *url)
{
    cJSON *files = cJSON_GetObjectItemCaseSensitive(state, "files");
    if (queue_url_sound(url) && cJSON_GetArraySize(files) < FILES_MAX)
        cJSON_AddItemToArray(files, cJSON_CreateString(url));
}

int queue_files_ask(const cJSON *state, struct ym_next *n, unsigned tag)
{
    const cJSON *url =
        cJSON_GetArrayItem(ym_json_get(state, "files"), cJSON_GetArraySize(ym_json_get(state, "got")));
    if (!url)
        return 0;
    struct ym_http *h = ym_next_send(n, tag, "GET", YM_SAFE, url->valuestring);
    h->raw_media = true;
    n->has_handle = true;
    return 1;
}

static bool fits_kind(enum ym_kind kind, const char *mime)
{
    const char *want = kind == YM_IMAGE ? "image/" : kind == YM_VIDEO ? "video/" : "audio/";
    return strncmp(mime, want, strlen(want)) == 0;
}

static int file_failed(const char *label, const struct ym_reply *rep, struct ym_err *e)
{
    int r;
    if (rep->status >= 500 || rep->status == 429 || rep->status == 408)
        r = ym_fail(e, YM_TRANSIENT, EAGAIN, "The result of %s cannot be fetched just now (status %d).", label,
                    rep->status);
    else if (rep->status >= 300)
        r = ym_fail(e, YM_LOST, ENOENT,
                    "%s does not give the result out any more (status %d); `ymago again` makes a new one.",
                    label, rep->status);
    else
        r = ym_fail(e, YM_EMPTY, EBADMSG, "What %s gave as the result is no such media file.", label);
    ym_err_words(e, rep->text);
    return r;
}

int queue_file_take(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    const struct ym_staged *m = rep->media_first < rep->nmedia ? &rep->media[rep->media_first] : NULL;
    bool good = rep->status >= 200 && rep->status < 300 && m && m->is_media && fits_kind(a->req.kind, m->mime);
    if (!good)
        return file_failed(a->service->label, rep, e);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(state, "got"), cJSON_CreateNumber(rep->media_first));
    return 0;
}

void queue_cost_set(struct ym_next *n, double usd)
{
    n->cost_known = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
    n->cost_is_estimate = n->cost_known;
}

void queue_done(const struct queue_asked *a, const cJSON *state, double usd, struct ym_next *n)
{
    const cJSON *i;
    n->what = YM_NEXT_DONE;
    n->has_handle = true;
    cJSON_ArrayForEach (i, ym_json_get(state, "got"))
        if (n->nmedia < YM_COUNT(n->media))
            n->media[n->nmedia++] = (unsigned)i->valuedouble;
    queue_cost_set(n, usd >= 0 ? usd : queue_usd(a));
    n->provider_id = ym_strdup(ym_json_str(state, "id"));
    n->model_version = ym_strdup(ym_json_str(state, "asked"));
}

int queue_step_end(int r, struct ym_next *n, struct ym_next *ret)
{
    if (r < 0) {
        struct ym_next cost = {.progress = -1,
                               .cost = n->cost,
                               .cost_known = n->cost_known,
                               .cost_is_estimate = n->cost_is_estimate};
        ym_next_fini(n);
        *n = cost;
    }
    *ret = *n;
    return r;
}
