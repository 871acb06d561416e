/* Voices: finding one by its name, and the list of all. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "elevenlabs.h"

#define ID_LEN    20
#define TAG_LIST  10 /* models; then + 1: a page of voices */
#define PAGES_MAX 10
#define LIST_MAX  262144 /* bytes of names */

/* ---- one by its name ---- */

static bool is_id(const char *s)
{
    return strlen(s) == ID_LEN &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ID_LEN;
}

const char *elevenlabs_voice_name(const struct ym_call *call, const char **ret_id)
{
    const char *voice = ym_json_str(call->req->params, "voice");
    if (voice && !is_id(voice))
        return voice;
    if (voice)
        *ret_id = voice;
    return NULL;
}

static struct ym_http *voices_send(const struct ym_call *call, const char *query, unsigned tag, struct ym_next *n)
{
    YM_AUTOFREE char *url = ym_asprintf("%s/v2/voices?%s", call->base_url, query);
    struct ym_http *h = ym_next_send(n, tag, "GET", YM_SAFE, url);
    elevenlabs_key(h);
    h->keep_text = 512; /* names and ids; previews and descriptions are not read */
    return h;
}

void elevenlabs_voice_ask(const struct ym_call *call, const char *name, unsigned tag, struct ym_next *n)
{
    YM_AUTOFREE char *safe = ym_url_encode(name, NULL);
    YM_AUTOFREE char *query = ym_asprintf("page_size=100&search=%s", safe);
    voices_send(call, query, tag, n);
}

/* Premade voices are named "George - Warm, Captivating Storyteller": the part before the dash is enough. */
static bool name_fits(const char *full, const char *name, bool whole)
{
    size_t n = strlen(name);
    return strncasecmp(full, name, n) == 0 && (full[n] == '\0' || (!whole && strncmp(full + n, " - ", 3) == 0));
}

static unsigned voices_count(const cJSON *voices, const char *name, bool whole, const char **ret_id)
{
    const cJSON *v;
    unsigned n = 0;
    cJSON_ArrayForEach (v, voices) {
        const char *full = ym_json_str_or(v, "name", ""), *id = ym_json_str_or(v, "voice_id", "");
        if (!*id || !name_fits(full, name, whole))
            continue;
        *ret_id = id;
        n++;
    }
    return n;
}

static int fail_voice(const cJSON *voices, const char *name, unsigned found, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf all;
    const cJSON *v;
    char show[60];
    ym_buf_init(&all, 400);
    cJSON_ArrayForEach (v, voices)
        ym_buf_addf(&all, "%s%s (%s)", all.len ? ", " : "", ym_json_str_or(v, "name", "?"),
                    ym_json_str_or(v, "voice_id", "?"));
    ym_text_show(name, show, sizeof show);
    int r = found ? ym_fail(e, YM_INVALID, EINVAL, "%u voices of this account are called %s; write the id of one.",
                            found, show)
                  : ym_fail(e, YM_INVALID, ENOENT,
                            "This account has no voice %s; use a name or an id of its voices, or add it to them at "
                            "the provider.",
                            show);
    ym_err_words(e, all.len ? all.data : NULL);
    return r;
}

int elevenlabs_voice_take(const struct ym_call *call, const char *name, cJSON **state, const struct ym_reply *rep,
                          struct ym_err *e)
{
    const cJSON *voices = ym_json_get(rep->json, "voices");
    const char *id = NULL;
    if (strcmp(elevenlabs_code(rep->json), "missing_permissions") == 0)
        return ym_fail(e, YM_INVALID, EACCES,
                       "This key may not look up voices by name; write the voice's id, or give it that right.");
    if (rep->status != 200 || !cJSON_IsArray(voices))
        return elevenlabs_fail(call, rep, e);
    unsigned n = voices_count(voices, name, true, &id);
    if (n == 0)
        n = voices_count(voices, name, false, &id);
    if (n != 1)
        return fail_voice(voices, name, n, e);
    cJSON_Delete(*state);
    *state = cJSON_CreateObject();
    cJSON_AddStringToObject(*state, "voice", id);
    return 0;
}

/* ---- all ---- */

static void kinds_add(cJSON *o, const char *kind)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "kinds"), cJSON_CreateString(kind));
}

static void models_take(const cJSON *doc, cJSON *out)
{
    const cJSON *m;
    cJSON_ArrayForEach (m, doc) {
        const char *id = ym_json_str(m, "model_id");
        if (!id || !ym_json_bool(m, "can_do_text_to_speech", false))
            continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "id", id);
        kinds_add(o, ym_kind_name(YM_AUDIO));
        cJSON_AddItemToArray(out, o);
    }
    cJSON *o = cJSON_CreateObject(); /* the service lists speech only */
    cJSON_AddStringToObject(o, "id", ELEVENLABS_EFFECTS);
    kinds_add(o, ym_kind_name(YM_SFX));
    cJSON_AddItemToArray(out, o);
}

static void voices_take(const cJSON *doc, cJSON *list)
{
    cJSON *out = cJSON_GetObjectItemCaseSensitive(list, "voices");
    YM_AUTOFREE char *so_far = ym_json_print(list, false);
    size_t bytes = strlen(so_far);
    const cJSON *v;
    cJSON_ArrayForEach (v, ym_json_get(doc, "voices")) {
        const char *id = ym_json_str(v, "voice_id"), *name = ym_json_str_or(v, "name", "");
        bytes += strlen(name) + 60;
        if (!id || strlen(id) > 64 || bytes > LIST_MAX)
            continue;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "id", id);
        cJSON_AddStringToObject(o, "name", name);
        cJSON_AddItemToArray(out, o);
    }
}

static void page_send(const struct ym_call *call, const char *token, struct ym_next *n)
{
    YM_AUTOFREE char *safe = token ? ym_url_encode(token, NULL) : NULL;
    YM_AUTOFREE char *query = ym_asprintf("page_size=100%s%s", safe ? "&next_page_token=" : "", safe ? safe : "");
    voices_send(call, query, TAG_LIST + 1, n);
}

static int pages_go_on(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(*state, "list");
    cJSON *pages = cJSON_GetObjectItemCaseSensitive(*state, "pages");
    const char *token = ym_json_str(rep->json, "next_page_token");
    voices_take(rep->json, list);
    cJSON_SetNumberValue(pages, pages->valuedouble + 1);
    if (token && ym_json_bool(rep->json, "has_more", false) && pages->valuedouble < PAGES_MAX) {
        page_send(call, token, n);
        return 0;
    }
    n->what = YM_NEXT_DONE;
    n->list = cJSON_DetachItemFromObjectCaseSensitive(*state, "list");
    return 0;
}

int elevenlabs_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(*state, "list");
    if (!rep || !list) {
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        list = cJSON_AddObjectToObject(*state, "list");
        cJSON_AddNumberToObject(*state, "pages", 0);
        cJSON_AddArrayToObject(list, "models");
        cJSON_AddArrayToObject(list, "voices");
        YM_AUTOFREE char *url = ym_asprintf("%s/v1/models", call->base_url);
        elevenlabs_key(ym_next_send(n, TAG_LIST, "GET", YM_SAFE, url));
        return 0;
    }
    if (rep->status != 200 || !(rep->tag == TAG_LIST ? cJSON_IsArray(rep->json) : cJSON_IsObject(rep->json)))
        return elevenlabs_fail(call, rep, e);
    if (rep->tag != TAG_LIST)
        return pages_go_on(call, state, rep, n);
    models_take(rep->json, cJSON_GetObjectItemCaseSensitive(list, "models"));
    page_send(call, NULL, n);
    return 0;
}
