/* References that do not fit into a request: uploaded first by the resumable protocol of the Files API,
 * one by one, then named by their address. Google keeps them for 48 hours.
 *
 * state: {"fetched":[...], "files":[{"uri","mime"} or {"uri","mime","name"} while it is being looked at]},
 * one for every reference of every request, in order. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

/* Bytes of files, in all, that are sent inline. The service takes requests of 100 MB, and took 20 MB before
 * 2026, as gateways in front of it may still do: 12 MiB are 16 MiB in base64 and leave room for the text. */
#define INLINE_MAX (12 << 20)
/* A batch is one request of at most 20 MB with all its texts in it, and of not too many open files. */
#define BATCH_INLINE_MAX  (8 << 20)
#define BATCH_INLINE_REFS 16

/* ---- which reference is the k-th of all ---- */

struct place {
    unsigned member, ref;
};

static unsigned refs_count(const struct ym_call *calls, unsigned ncalls)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ncalls; i++)
        n += (unsigned)calls[i].req->nrefs;
    return n;
}

static struct place place_of(const struct ym_call *calls, unsigned k)
{
    struct place p = {0, k};
    while (p.ref >= calls[p.member].req->nrefs)
        p.ref -= (unsigned)calls[p.member++].req->nrefs;
    return p;
}

static int64_t ref_size(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, unsigned i)
{
    const cJSON *f = cJSON_GetArrayItem(ym_json_get(state, "fetched"), (int)i);
    int64_t media = ym_json_int_or(f, "media", -1);
    if (!call->req->refs[i].is_url)
        return call->req->refs[i].size;
    return rep && media >= 0 && media < (int64_t)rep->nmedia ? rep->media[media].size : 0;
}

static bool too_large(const struct ym_call *calls, unsigned ncalls, const cJSON *state, const struct ym_reply *rep)
{
    int64_t sum = 0;
    for (unsigned m = 0; m < ncalls; m++)
        for (unsigned i = 0; i < calls[m].req->nrefs; i++)
            sum += ref_size(&calls[m], state, rep, i);
    if (gemini_is_vertex(&calls[0])) /* it has no such service: it is the judge of what is too large */
        return false;
    return ncalls == 1 ? sum > INLINE_MAX : sum > BATCH_INLINE_MAX || refs_count(calls, ncalls) > BATCH_INLINE_REFS;
}

const char *gemini_ref_uri(const struct gemini_refs *r, unsigned i)
{
    return ym_json_str(cJSON_GetArrayItem(ym_json_get(r->state, "files"), (int)(r->first + i)), "uri");
}

void gemini_ref_data(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, unsigned i)
{
    ym_http_ref(h, call, r->state, i, true);
    h->parts[h->nparts - 1].member = r->member;
}

/* ---- asking ---- */

static const char *mime_of(const struct ym_call *calls, const cJSON *state, struct place p)
{
    return ym_ref_mime(&calls[p.member], state, p.ref);
}

static void upload_start(const struct ym_call *calls, const cJSON *state, const struct ym_reply *rep, unsigned k,
                         struct ym_next *n)
{
    struct place p = place_of(calls, k);
    const char *mime = mime_of(calls, state, p);
    YM_AUTOFREE char *size = ym_asprintf("%lld", (long long)ref_size(&calls[p.member], state, rep, p.ref));
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    struct ym_http *h = gemini_send(&calls[0], n, TAG_UPLOAD_START, "POST", YM_SAFE, "upload/v1beta/files");
    ym_http_header(h, "X-Goog-Upload-Protocol", "resumable");
    ym_http_header(h, "X-Goog-Upload-Command", "start");
    ym_http_header(h, "X-Goog-Upload-Header-Content-Length", size);
    ym_http_header(h, "X-Goog-Upload-Header-Content-Type", mime);
    cJSON *file = cJSON_AddObjectToObject(body, "file");
    cJSON_AddStringToObject(file, "mimeType", mime);
    cJSON_AddStringToObject(file, "displayName", "reference");
    cJSON_AddStringToObject(file, "sizeBytes", size);
    ym_http_json(h, body);
}

static int upload_send(const struct ym_call *calls, const cJSON *state, const struct ym_reply *rep, unsigned k,
                       struct ym_next *n, struct ym_err *e)
{
    static const char own[] = GEMINI_BASE "/";
    const char *url = ym_header_get(rep->headers, "x-goog-upload-url");
    struct place p = place_of(calls, k);
    if (!url || !*url)
        return ym_fail(e, YM_TRANSIENT, EPROTO, "Gemini gave no address for the upload of a reference.");
    /* Behind a gateway the upload goes through the gateway, as everything does. */
    bool through = strncmp(url, own, sizeof own - 1) == 0 && strncmp(url + sizeof own - 1, "upload/", 7) == 0;
    YM_AUTOFREE char *there = through ? gemini_url(&calls[0], url + sizeof own - 1) : ym_strdup(url);
    struct ym_http *h = ym_next_send(n, TAG_UPLOAD, "POST", YM_SAFE, there);
    ym_http_header(h, "Content-Type", mime_of(calls, state, p));
    ym_http_header(h, "X-Goog-Upload-Command", "upload, finalize");
    ym_http_header(h, "X-Goog-Upload-Offset", "0");
    if (ym_url_is_ours(&calls[0], there))
        gemini_auth(&calls[0], h);
    ym_http_ref(h, &calls[p.member], state, p.ref, false);
    h->parts[h->nparts - 1].member = p.member;
    return 0;
}

/* ---- what is known of each ---- */

static int file_read(const struct ym_call *call, const struct ym_reply *rep, cJSON **ret, struct ym_err *e)
{
    const cJSON *file = rep->tag == TAG_FILE ? rep->json : ym_json_get(rep->json, "file");
    const char *uri = ym_json_str(file, "uri"), *state = ym_json_str_or(file, "state", "ACTIVE");
    const char *name = ym_json_str(file, "name");
    if (gemini_is_error(rep))
        return gemini_fail(call, rep, e);
    if (!uri || strlen(uri) > 300)
        return ym_fail(e, YM_TRANSIENT, EPROTO, "Gemini took a reference, but gave no address of it.");
    if (strcmp(state, "FAILED") == 0) {
        int r = ym_fail(e, YM_INVALID, EINVAL, "Gemini cannot use a reference; save it as PNG or JPEG.");
        ym_err_words(e, ym_json_str(ym_json_get(file, "error"), "message"));
        return r;
    }
    *ret = cJSON_CreateObject();
    cJSON_AddStringToObject(*ret, "uri", uri);
    if (strcmp(state, "PROCESSING") == 0 && gemini_name_ok(name, "files/"))
        cJSON_AddStringToObject(*ret, "name", name);
    return 0;
}

/* The same bytes were uploaded for an earlier request already. */
static const cJSON *uploaded_before(const struct ym_call *calls, const cJSON *files, unsigned k)
{
    struct place p = place_of(calls, k);
    const struct ym_ref *ref = &calls[p.member].req->refs[p.ref];
    for (unsigned i = 0; i < k && !ref->is_url && !ym_digest_is_zero(&ref->b2); i++) {
        struct place q = place_of(calls, i);
        const struct ym_ref *other = &calls[q.member].req->refs[q.ref];
        if (!other->is_url && ym_digest_eq(&other->b2, &ref->b2))
            return cJSON_GetArrayItem(files, (int)i);
    }
    return NULL;
}

/* The first that Google still looks at, or -1. */
static int unready(const cJSON *files)
{
    const cJSON *f;
    int i = 0;
    cJSON_ArrayForEach (f, files) {
        if (ym_json_str(f, "name"))
            return i;
        i++;
    }
    return -1;
}

static int next_upload(const struct ym_call *calls, unsigned ncalls, cJSON *state, const struct ym_reply *rep,
                       struct ym_next *n)
{
    cJSON *files = cJSON_GetObjectItemCaseSensitive(state, "files");
    unsigned total = refs_count(calls, ncalls), k = (unsigned)cJSON_GetArraySize(files);
    const cJSON *same;
    for (; k < total && (same = uploaded_before(calls, files, k)) != NULL; k++)
        cJSON_AddItemToArray(files, cJSON_Duplicate(same, true));
    if (k < total) {
        upload_start(calls, state, rep, k, n);
        return 1;
    }
    int i = unready(files);
    if (i < 0)
        return 0;
    if (rep) {
        n->what = YM_NEXT_WAIT;
        n->wait = YM_SEC(2);
        snprintf(n->detail, sizeof n->detail, "a reference is being read");
    } else {
        gemini_send(&calls[0], n, TAG_FILE, "GET", YM_SAFE, ym_json_str(cJSON_GetArrayItem(files, i), "name"));
    }
    return 1;
}

static int file_keep(const struct ym_call *calls, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    cJSON *files = cJSON_GetObjectItemCaseSensitive(state, "files"), *file = NULL;
    int r = file_read(&calls[0], rep, &file, e);
    if (r < 0)
        return r;
    if (rep->tag == TAG_UPLOAD)
        cJSON_AddItemToArray(files, file);
    else if (unready(files) >= 0)
        cJSON_ReplaceItemInArray(files, unready(files), file);
    else
        cJSON_Delete(file);
    return 0;
}

int gemini_refs_ready(const struct ym_call *calls, unsigned ncalls, cJSON **state, const struct ym_reply *rep,
                      struct ym_next *n, struct ym_err *e)
{
    const cJSON *files = ym_json_get(*state, "files");
    unsigned total = refs_count(calls, ncalls), have = (unsigned)cJSON_GetArraySize(files);
    if (!rep && files && have == total) /* all are up: nothing of what was fetched is needed any more */
        return next_upload(calls, ncalls, *state, NULL, n);
    if (!rep || rep->tag >= YM_TAG_FETCH) {
        int r = ym_refs_fetch(&calls[0], state, rep, n, e);
        if (r != 0 || !too_large(calls, ncalls, *state, rep))
            return r;
        cJSON_AddArrayToObject(*state, "files");
        return next_upload(calls, ncalls, *state, rep, n);
    }
    if (!files || have > total || (rep->tag != TAG_FILE && have == total))
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    if (rep->tag == TAG_UPLOAD_START)
        return gemini_is_error(rep)                              ? gemini_fail(&calls[0], rep, e)
               : upload_send(calls, *state, rep, have, n, e) < 0 ? -EPROTO
                                                                 : 1;
    int r = file_keep(calls, *state, rep, e);
    return r < 0 ? r : next_upload(calls, ncalls, *state, rep, n);
}
