#include "receive.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (256 << 10)
#define TEXT_MOST ((size_t)1 << 20) /* of one string that a driver wants kept */
#define WORDS_MAX 512

/* ---- lists ---- */
void received_add(struct received **list, unsigned *n, unsigned *room, const struct received *m)
{
    if (*n == *room) {
        *room = *room ? 2 * *room : 2;
        *list = ym_realloc(*list, *room * sizeof(**list));
    }
    (*list)[(*n)++] = *m;
}

void receive_keep_fd(struct receive *r, int fd)
{
    r->fds = ym_realloc(r->fds, (r->nfds + 1) * sizeof(*r->fds));
    r->fds[r->nfds++] = fd;
}

/* ---- staging files ---- */
int receive_begin(struct receive *r, unsigned index, int64_t expect, struct ym_err *e)
{
    if (index != r->nmedia || index >= RECEIVE_MEDIA)
        return ym_fail(e, YM_EMPTY, E2BIG, "The answer holds more than %d media files.", RECEIVE_MEDIA);
    struct received m = {.st = NULL};
    snprintf(m.name, sizeof(m.name), "%s.%u", r->prefix, r->base + index);
    int rc = ym_staging_new(r->store, m.name, expect, &m.st, e);
    if (rc == -ENOSPC) { /* already paid for: the reserve is for this */
        *e = (struct ym_err){.cls = YM_OK};
        ym_ballast_drop(r->store);
        rc = ym_staging_new(r->store, m.name, 0, &m.st, e);
    }
    if (rc == 0)
        received_add(&r->media, &r->nmedia, &r->room, &m);
    return rc;
}

int receive_write(struct receive *r, unsigned index, const void *data, size_t len, struct ym_err *e)
{
    ym_assert(index < r->nmedia && r->media[index].st);
    int rc = ym_staging_write(r->media[index].st, data, len, e);
    if (rc == -ENOSPC) {
        *e = (struct ym_err){.cls = YM_OK};
        ym_ballast_drop(r->store);
        rc = ym_staging_write(r->media[index].st, data, len, e);
    }
    return rc;
}

static int sink_begin(void *ctx, unsigned index)
{
    struct receive *r = ctx;
    return receive_begin(r, index, 0, &r->err);
}

static int sink_data(void *ctx, unsigned index, const uint8_t *data, size_t len)
{
    struct receive *r = ctx;
    return receive_write(r, index, data, len, &r->err);
}

static int sink_end(void *ctx, unsigned index)
{
    (void)ctx;
    (void)index;
    return 0; /* completed on a worker, once the whole reply is there */
}

/* ---- the reply, on the net thread ---- */
void receive_init(struct receive *r, const struct ym_store *s, const char *job, int attempt, unsigned base,
                  const struct ym_http *http)
{
    *r = (struct receive){.store = s, .http = http, .base = base};
    /* What a safe request brings (a reference image) is never taken for a result after a crash. */
    bool fetched = http && http->effect != YM_PAYS;
    snprintf(r->prefix, sizeof(r->prefix), "%s.%d%s", job, attempt, fetched ? ".fetched" : "");
    ym_buf_init(&r->text, TEXT_MAX);
}

void receive_fini(struct receive *r)
{
    for (unsigned i = 0; i < r->nmedia; i++)
        ym_staging_drop(r->media[i].st);
    free(r->media);
    for (unsigned i = 0; i < r->nfds; i++)
        close(r->fds[i]);
    free(r->fds);
    for (char **h = r->headers; h && *h; h++)
        free(*h);
    free(r->headers);
    ym_sieve_free(r->sieve);
    cJSON_Delete(r->json);
    ym_buf_fini(&r->text);
}

static void headers_copy(struct receive *r, const struct ym_head *h)
{
    size_t n = 0;
    while (h->headers && h->headers[n])
        n++;
    r->headers = ym_alloc_array(n + 1, sizeof(*r->headers));
    for (size_t i = 0; i < n; i++)
        r->headers[i] = ym_strdup(h->headers[i]);
}

int receive_head(void *ctx, const struct ym_head *h)
{
    struct receive *r = ctx;
    r->status = h->status;
    headers_copy(r, h);
    if (h->status / 100 != 2)
        return 0;
    if (r->http->raw_media)
        return receive_begin(r, 0, h->length > 0 ? h->length : 0, &r->err);
    static const struct ym_sieve_sink sink = {sink_begin, sink_data, sink_end, NULL};
    size_t keep = r->http->keep_text < TEXT_MOST ? r->http->keep_text : TEXT_MOST;
    struct ym_sieve_spec spec = {.media_keys = r->http->media_keys, .long_string = keep, .max_media = RECEIVE_MEDIA,
                                 .max_document = keep ? (4 << 20) : 0};
    struct ym_sieve_sink mine = sink;
    mine.ctx = r;
    static const char *const none[] = {NULL};
    if (!spec.media_keys)
        spec.media_keys = none;
    r->sieve = ym_sieve_new(&spec, &mine);
    return 0;
}

static int sifted(struct receive *r, int rc, struct ym_err *e)
{
    if (rc == 0)
        return 0;
    if (rc == -EBADMSG)
        ym_fail(e, YM_EMPTY, EBADMSG, "The provider's answer holds a media file that is not valid base64.");
    else if (rc == -E2BIG && r->err.cls == YM_OK)
        ym_fail(e, YM_EMPTY, E2BIG, "The provider's answer is larger than any real one.");
    else
        *e = r->err;
    r->err = *e;
    return rc;
}

int receive_body(void *ctx, const void *data, size_t len, struct ym_err *e)
{
    struct receive *r = ctx;
    if (r->sieve)
        return sifted(r, ym_sieve_feed(r->sieve, data, len), e);
    if (r->nmedia) {
        size_t first = WORDS_MAX - 1 > r->text.len ? WORDS_MAX - 1 - r->text.len : 0;
        ym_buf_add(&r->text, data, len < first ? len : first); /* for the words, should it be no media */
        int rc = receive_write(r, 0, data, len, e);
        if (rc < 0)
            r->err = *e;
        return rc;
    }
    size_t room = TEXT_MAX - 1 > r->text.len ? TEXT_MAX - 1 - r->text.len : 0;
    return ym_buf_add(&r->text, data, len < room ? len : room); /* an error page: its beginning is enough */
}

/* ---- afterwards, on a worker ---- */
static void media_finish(struct received *m, struct ym_err *e)
{
    int64_t size = ym_staging_size(m->st);
    struct ym_err why;
    int fd = ym_staging_fd(m->st);
    if (ym_media_probe_fd(fd, size, &m->info, &why) == 0 && ym_media_check_fd(fd, &m->info, &why) == 0) {
        m->is_media = true;
        snprintf(m->mime, sizeof(m->mime), "%s", m->info.type->mime);
        snprintf(m->ext, sizeof(m->ext), "%s", m->info.type->ext);
    }
    if (!m->is_media) { /* never shown, never kept */
        ym_log(YM_INFO, "engine", "%s: %s %s", m->name, why.msg, why.words);
        ym_staging_drop(ym_steal(&m->st));
        return;
    }
    int rc = ym_staging_finish(ym_steal(&m->st), -1, true, &m->whole, e);
    if (rc == -ENOSPC || rc == -EDQUOT)
        e->cls = YM_LOCAL;
    if (rc < 0)
        m->is_media = false;
}

/* Providers echo keys back, also escaped, so that only the parsed text shows them. As deep as JSON may
 * be nested here. */
static void strings_mask(cJSON *v)
{
    for (; v; v = v->next) {
        if (cJSON_IsString(v))
            ym_secret_mask(v->valuestring, strlen(v->valuestring));
        strings_mask(v->child);
    }
}

static void document_finish(struct receive *r)
{
    if (r->sieve) {
        size_t len;
        const char *text = ym_sieve_text(r->sieve, &len);
        size_t keep = len < 16384 ? len : 16384;
        ym_buf_add(&r->text, text, keep);
        bool empty = len == 0 && r->nmedia == 0 && r->http->effect != YM_PAYS;
        if (empty) /* and whole: some services answer so to an upload; the driver judges */
            r->err.cls = YM_OK;
        else if (ym_sieve_end(r->sieve, &r->json, &r->err) < 0)
            r->err.cls = r->http->effect == YM_PAYS ? YM_AMBIGUOUS : YM_TRANSIENT;
        else
            r->err.cls = YM_OK;
    } else if (r->text.len && !r->nmedia) {
        ym_json_parse(r->text.data, r->text.len, TEXT_MAX, &r->json, NULL); /* an error page may be anything */
    }
    strings_mask(r->json);
    if (r->text.len)
        ym_secret_mask(r->text.data, r->text.len);
}

void receive_finish(struct receive *r)
{
    if (r->result.err.cls != YM_OK || r->err.cls != YM_OK)
        return;
    document_finish(r);
    for (unsigned i = r->nmedia; i-- > 0 && r->err.cls == YM_OK;)
        media_finish(&r->media[i], &r->err);
    if (r->http && r->http->raw_media && r->nmedia == 1 && r->media[0].is_media)
        ym_buf_fini(&r->text); /* its first bytes say nothing to anybody */
}

void receive_discard(struct receive *r)
{
    for (unsigned i = 0; i < r->nmedia; i++) {
        ym_staging_drop(ym_steal(&r->media[i].st));
        if (r->media[i].whole.name[0])
            ym_staging_remove(r->store, r->media[i].whole.name);
    }
}
