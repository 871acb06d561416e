/* Plays recorded conversations with a provider: test_replay DRIVER FOLDER [CASE].
 *
 * A case is a text file of sections; a line "[name]" begins one, lines with '#' before the first one
 * say what the case shows:
 *   [job]      JSON: model, prompt, and as needed kind, negative, params, variation, refs [{path, mime,
 *              data, role, size (told, whatever data has)} or {path, url: true, role}], base_url, has_key,
 *              now (ISO 8601), waited (ms), workflow (JSON), prices {image ... from_config}, state (the
 *              stored state to begin from), do: "cancel",
 *              "progress" or "list" in place of the step, members: [{prompt, params, refs ...}] of a
 *              gathered carrier (the first is the job itself)
 *   [estimate] what price() must say: three amounts, or the sentence of its refusal
 *   [request]  what the driver must ask for next: line of method and address, headers, "effect:",
 *              an empty line, the body; {api_key} stands for the credential, files are expanded
 *   [reply]    what the provider answers: status, headers, an empty line, the body; "base64" in
 *              place of a header line: the body is base64 of bytes
 *   [wait]     the driver must ask to wait: "5000 ms", then, if told, "handle", "progress 0.25" and
 *              "detail: words", one a line; the step is taken anew
 *   [restart]  nothing is answered; the step is taken anew from the stored state
 *   [outcome]  what must come of it, exactly; nothing may follow
 * Every reply passes the same sieve as a real one, in small pieces, and every state is written out
 * and read back between two steps. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "registry.h"

#define STAGED_MAX 32
#define MEMBERS_MAX 8
#define REFS_MAX   16
#define NOW        1795168800000 /* 2026-11-20T10:00:00Z */

struct section {
    char name[16];
    const char *text;
    size_t len;
};

struct stage { /* what the engine's staging files are */
    struct ym_buf bytes[STAGED_MAX];
    struct ym_staged seen[STAGED_MAX];
    unsigned n, first; /* first: of the reply in hand */
};

struct play {
    const char *file;
    const struct ym_driver *driver;
    struct section sections[60];
    unsigned nsections, at;
    struct ym_request req;
    struct ym_buf ref_bytes[MEMBERS_MAX][REFS_MAX]; /* a single job's are in the first row */
    struct ym_model model;
    struct ym_call call;
    struct ym_request member_reqs[MEMBERS_MAX];
    struct ym_call members[MEMBERS_MAX];
    unsigned nmembers;
    char *base_url, *workflow, *what;
    cJSON *state;
    struct ym_next next;
    bool asked;     /* next holds unanswered requests */
    bool waiting;   /* next asked to wait */
    unsigned heard; /* of them */
    struct stage stage;
    int failures;
};

__attribute__((format(printf, 2, 3))) static void bad(struct play *p, const char *fmt, ...)
{
    va_list ap;
    p->failures++;
    printf("%s: ", p->file);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void expect_text(struct play *p, const char *what, const char *want, size_t len, const char *got)
{
    size_t n = strlen(got);
    while (n && got[n - 1] == '\n') /* as in the file: the end of a form is a line of its own */
        n--;
    if (n == len && memcmp(want, got, len) == 0)
        return;
    bad(p, "%s differs\n--- wanted\n%.*s\n--- got\n%s\n---", what, (int)len, want, got);
}

/* ---- the file ---- */

static char *file_read(const char *path)
{
    struct ym_buf b;
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    ym_buf_init(&b, 1 << 24);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        ym_buf_add(&b, chunk, n);
    fclose(f);
    return ym_buf_steal(&b);
}

static bool is_head(const char *line, const char *end)
{
    return end - line > 2 && *line == '[' && end[-1] == ']' && line[1] >= 'a' && line[1] <= 'z' &&
           (size_t)(end - line - 2) == strspn(line + 1, "abcdefghijklmnopqrstuvwxyz");
}

static bool sections_find(struct play *p, const char *text)
{
    struct section *s = NULL;
    for (const char *line = text; *line;) {
        const char *end = line + strcspn(line, "\n");
        if (is_head(line, end)) {
            if (p->nsections == YM_COUNT(p->sections) || end - line - 2 >= (long)sizeof s->name)
                return false;
            s = &p->sections[p->nsections++];
            snprintf(s->name, sizeof s->name, "%.*s", (int)(end - line - 2), line + 1);
            s->text = end + (*end == '\n');
        } else if (s) {
            s->len = (size_t)(end - s->text);
        } else if (*line != '#' && line != end) {
            return false;
        }
        line = end + (*end == '\n');
    }
    for (unsigned i = 0; i < p->nsections; i++) /* the file's last lines may be empty */
        while (p->sections[i].len && p->sections[i].text[p->sections[i].len - 1] == '\n')
            p->sections[i].len--;
    return p->nsections > 1 && strcmp(p->sections[0].name, "job") == 0;
}

/* ---- [job] ---- */

static void prices_read(const cJSON *o, struct ym_prices *ret)
{
    ret->image = ym_json_num_or(o, "image", ret->image);
    ret->second = ym_json_num_or(o, "second", ret->second);
    ret->song = ym_json_num_or(o, "song", ret->song);
    ret->kchars = ym_json_num_or(o, "kchars", ret->kchars);
    ret->mtok_in = ym_json_num_or(o, "mtok_in", ret->mtok_in);
    ret->mtok_out = ym_json_num_or(o, "mtok_out", ret->mtok_out);
    ret->mtok_image_out = ym_json_num_or(o, "mtok_image_out", ret->mtok_image_out);
    ret->from_config = ym_json_bool(o, "from_config", ret->from_config);
}

static void refs_read(struct ym_request *req, struct ym_buf bytes[static REFS_MAX], const cJSON *refs)
{
    const cJSON *in;
    req->refs = ym_alloc_array((size_t)cJSON_GetArraySize(refs) + 1, sizeof *req->refs);
    cJSON_ArrayForEach (in, refs) {
        const char *data = ym_json_str_or(in, "data", "");
        struct ym_ref *r = &req->refs[req->nrefs];
        if (req->nrefs == REFS_MAX)
            return;
        r->path = ym_strdup(ym_json_str(in, "path"));
        r->is_url = ym_json_bool(in, "url", false);
        r->b2 = ym_digest_of(data, strlen(data));
        r->size = ym_json_int_or(in, "size", (int64_t)strlen(data));
        snprintf(r->mime, sizeof r->mime, "%s", ym_json_str_or(in, "mime", ""));
        while (strcmp(ym_json_str_or(in, "role", "reference"), ym_ref_role_name(r->role)) != 0)
            r->role++;
        ym_buf_adds(&bytes[req->nrefs++], data);
    }
}

static void req_read(struct play *p, const cJSON *o, struct ym_request *req)
{
    const cJSON *params = ym_json_get(o, "params");
    req->kind = ym_kind_parse(ym_json_str_or(o, "kind", "image"));
    req->provider = ym_strdup(p->driver->name);
    req->model = ym_strdup(ym_json_str_or(o, "model", ""));
    req->prompt = ym_strdup(ym_json_str_or(o, "prompt", ""));
    req->negative = ym_strdup(ym_json_str(o, "negative"));
    req->params = params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
    req->variation = ym_json_int_or(o, "variation", 0);
}

static void members_read(struct play *p, const cJSON *members)
{
    const cJSON *o;
    cJSON_ArrayForEach (o, members) {
        if (p->nmembers == MEMBERS_MAX)
            break;
        struct ym_request *req = &p->member_reqs[p->nmembers];
        req_read(p, o, req);
        refs_read(req, p->ref_bytes[p->nmembers], ym_json_get(o, "refs"));
        free(req->model);
        req->model = ym_strdup(p->req.model);
        p->members[p->nmembers] = p->call;
        p->members[p->nmembers++].req = req;
    }
}

static bool job_read(struct play *p)
{
    YM_AUTOJSON cJSON *o = NULL;
    struct ym_err e;
    const struct section *s = &p->sections[0];
    if (ym_json_parse(s->text, s->len, 1 << 20, &o, &e) < 0 || !ym_json_str(o, "model")) {
        bad(p, "[job]: %s", e.msg);
        return false;
    }
    const char *base = ym_json_str_or(o, "base_url", p->driver->base_url ? p->driver->base_url : "");
    const cJSON *workflow = ym_json_get(o, "workflow"), *state = ym_json_get(o, "state");
    const char *now = ym_json_str(o, "now");
    req_read(p, o, &p->req);
    if (!ym_json_get(o, "members"))
        refs_read(&p->req, p->ref_bytes[0], ym_json_get(o, "refs"));
    p->workflow = workflow ? ym_json_print(workflow, false) : NULL;
    p->state = state ? cJSON_Duplicate(state, true) : NULL;
    p->what = ym_strdup(ym_json_str_or(o, "do", "step"));
    const struct ym_model *m = ym_driver_model(p->driver, p->req.model);
    p->model = m ? *m : (struct ym_model){.id = p->req.model, .max_refs = 16, .prices = {-1, -1, -1, -1, -1, -1, -1, false}};
    p->model.params = ym_driver_params(p->driver, &p->model, p->req.kind);
    p->base_url = ym_strdup(base);
    p->call = (struct ym_call){
        .job_id = "01JD0000000000000000000000",
        .attempt = (int)ym_json_int_or(o, "attempt", 1),
        .req = &p->req,
        .model = &p->model,
        .prices = p->model.prices,
        .base_url = p->base_url,
        .own_base_url = !p->driver->base_url || strcmp(base, p->driver->base_url) != 0,
        .has_key = ym_json_bool(o, "has_key", true),
        .now = {NOW},
        .waited = YM_MS(ym_json_int_or(o, "waited", 0)),
        .timeout = YM_SEC(300),
        .workflow = p->workflow,
        .workflow_len = p->workflow ? strlen(p->workflow) : 0,
    };
    if (now && ym_wall_parse(now, &p->call.now) < 0) {
        bad(p, "[job]: now is no time");
        return false;
    }
    prices_read(ym_json_get(o, "prices"), &p->call.prices);
    members_read(p, ym_json_get(o, "members"));
    return true;
}

/* The slot that is played. */
static int slot_call(struct play *p, const struct ym_reply *rep, struct ym_next *next, struct ym_err *e)
{
    const struct ym_driver *d = p->driver;
    if (strcmp(p->what, "cancel") == 0)
        return p->nmembers ? d->gather->cancel(&p->call, &p->state, rep, next, e) : d->cancel(&p->call, &p->state, rep, next, e);
    if (strcmp(p->what, "progress") == 0)
        return d->progress(&p->call, p->state, rep, next, e);
    if (strcmp(p->what, "list") == 0)
        return d->list(&p->call, &p->state, rep, next, e);
    if (p->nmembers)
        return d->gather->step(&p->call, p->members, p->nmembers, &p->state, rep, next, e);
    return d->step(&p->call, &p->state, rep, next, e);
}

/* ---- [outcome] ---- */

static void outcome_fail(const struct ym_err *e, struct ym_buf *out)
{
    ym_buf_addf(out, "%s: %s", ym_class_name(e->cls), e->msg);
    if (e->words[0])
        ym_buf_addf(out, "\nwords: %s", e->words);
    if (e->retry_after.ms)
        ym_buf_addf(out, "\nretry after: %lld ms", (long long)e->retry_after.ms);
    if (e->until_reset)
        ym_buf_adds(out, "\nuntil reset");
}

static void result_show(const struct play *p, const struct ym_next *n, struct ym_buf *out)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"id", n->provider_id}, {"version", n->model_version}, {"safety", n->safety}, {"text", n->text}};
    char money[32];
    for (unsigned i = 0; i < n->nmedia; i++)
        ym_buf_addf(out, "\nmedia: %u %s %lld bytes", n->media[i], p->stage.seen[n->media[i]].mime,
                    (long long)p->stage.seen[n->media[i]].size);
    ym_buf_addf(out, "\ncost: %s%s", n->cost_known ? ym_money_format(n->cost, money) : "unknown",
                n->cost_is_estimate ? " (estimate)" : "");
    for (size_t i = 0; i < YM_COUNT(texts); i++)
        if (texts[i].value)
            ym_buf_addf(out, "\n%s: %s", texts[i].name, texts[i].value);
    if (n->text_is_json)
        ym_buf_adds(out, "\nit is JSON");
}

static void outcome_done(const struct play *p, struct ym_buf *out)
{
    const struct ym_next *n = &p->next;
    ym_buf_adds(out, n->runs_on ? "runs on" : "done");
    if (n->list) {
        YM_AUTOFREE char *list = ym_json_print(n->list, false);
        ym_buf_addf(out, "\nlist: %s", list);
        return;
    }
    if (!n->nitems)
        result_show(p, n, out);
    for (unsigned i = 0; i < n->nitems; i++) {
        ym_buf_addf(out, "\nmember %u: ", n->items[i].member);
        if (n->items[i].err.cls != YM_OK)
            outcome_fail(&n->items[i].err, out);
        else
            result_show(p, &n->items[i].result, out);
    }
}

/* Compares with the section at hand, which must be the last one. */
static void outcome_check(struct play *p, const struct ym_buf *got)
{
    const struct section *s = &p->sections[p->at++];
    if (p->at > p->nsections || strcmp(s->name, "outcome") != 0)
        bad(p, "section %u should be [outcome]:\n%s", p->at, got->data);
    else if (p->at != p->nsections)
        bad(p, "sections follow [outcome]");
    else
        expect_text(p, "the outcome", s->text, s->len, got->data);
}

static void ended(struct play *p, int r, const struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf got;
    ym_buf_init(&got, 1 << 20);
    if (r < 0) {
        if (r != -e->err)
            bad(p, "the error is %d, its number %d", r, e->err);
        outcome_fail(e, &got);
    } else {
        outcome_done(p, &got);
    }
    outcome_check(p, &got);
}

/* ---- [request] ---- */

static void base64_add(struct ym_buf *out, const struct ym_buf *in)
{
    YM_AUTOFREE char *text = ym_alloc(4 * ((in->len + 2) / 3) + 1);
    ym_b64_encode((const uint8_t *)(in->data ? in->data : ""), in->len, text);
    ym_buf_adds(out, text);
}

static void body_add(struct play *p, const struct ym_http *h, struct ym_buf *out)
{
    for (unsigned i = 0; i < h->nparts; i++) {
        const struct ym_part *part = &h->parts[i];
        bool ref = part->type == YM_PART_REF || part->type == YM_PART_REF_B64;
        unsigned member = ref ? part->member : 0;
        if (part->type == YM_PART_TEXT) {
            ym_buf_add(out, part->text, part->len);
            continue;
        }
        const struct ym_request *req = p->nmembers && member < p->nmembers ? &p->member_reqs[member] : &p->req;
        if (member >= (p->nmembers ? p->nmembers : 1) || part->index >= (ref ? (unsigned)req->nrefs : p->stage.n)) {
            bad(p, "a part names file %u of member %u, which is not there", part->index, member);
            continue;
        }
        const struct ym_buf *bytes = ref ? &p->ref_bytes[member][part->index] : &p->stage.bytes[part->index];
        if (part->type == YM_PART_REF_B64 || part->type == YM_PART_MEDIA_B64)
            base64_add(out, bytes);
        else
            ym_buf_add(out, bytes->data, bytes->len);
    }
}

static void request_show(struct play *p, const struct ym_http *h, struct ym_buf *out)
{
    static const char *const effects[] = {"safe", "idempotent", "pays"};
    ym_buf_addf(out, "%s %s", h->method, h->url);
    for (unsigned i = 0; i < h->nheaders; i++) {
        const struct ym_call_header *c = &h->headers[i];
        ym_buf_addf(out, "\n%s: ", c->name);
        if (c->credential)
            ym_buf_addf(out, "%s{%s}", c->prefix ? c->prefix : "", c->credential);
        else
            ym_buf_adds(out, c->value);
    }
    ym_buf_addf(out, "\neffect: %s", effects[h->effect]);
    if (h->nparts)
        ym_buf_adds(out, "\n\n");
    body_add(p, h, out);
}

/* A slot answered, and well: what it asks for must be what the next sections say. */
static void wait_check(struct play *p)
{
    const struct ym_next *n = &p->next;
    const struct section *s = &p->sections[p->at++];
    YM_AUTOBUF struct ym_buf got;
    ym_buf_init(&got, 4096);
    ym_buf_addf(&got, "%lld ms%s", (long long)n->wait.ms, n->has_handle ? "\nhandle" : "");
    if (n->progress >= 0)
        ym_buf_addf(&got, "\nprogress %g", n->progress);
    if (n->detail[0])
        ym_buf_addf(&got, "\ndetail: %s", n->detail);
    for (unsigned i = 0; i < n->nmedia; i++)
        ym_buf_addf(&got, "\npreview: %s", p->stage.seen[n->media[i]].mime);
    if (p->at > p->nsections || strcmp(s->name, "wait") != 0)
        bad(p, "section %u should be [wait]:\n%s", p->at, got.data);
    else
        expect_text(p, "the wait", s->text, s->len, got.data);
    p->waiting = true;
}

static void requests_check(struct play *p)
{
    if (p->next.what == YM_NEXT_WAIT) {
        wait_check(p);
        return;
    }
    p->asked = true;
    p->heard = 0;
    for (unsigned i = 0; i < p->next.nhttp; i++) {
        YM_AUTOBUF struct ym_buf got;
        const struct section *s = &p->sections[p->at++];
        ym_buf_init(&got, 1 << 24);
        request_show(p, &p->next.http[i], &got);
        if (p->at > p->nsections || strcmp(s->name, "request") != 0)
            bad(p, "section %u should be [request]:\n%s", p->at, got.data);
        else
            expect_text(p, "the request", s->text, s->len, got.data);
    }
}

static void slot_done(struct play *p, int r, struct ym_next *next, const struct ym_err *e)
{
    bool more_out = r == 0 && next->what == YM_NEXT_WAIT && next->wait.ms == 0 && p->heard < p->next.nhttp;
    if (more_out) { /* replies of the same step are still to come */
        ym_next_fini(next);
        return;
    }
    ym_next_fini(&p->next);
    p->next = *next;
    p->asked = p->waiting = false;
    if (r < 0 || p->next.what == YM_NEXT_DONE)
        ended(p, r, e);
    else
        requests_check(p);
}

/* ---- [reply]: staging and sieve as in the engine ---- */

static const char *sniff(const struct ym_buf *b)
{
    static const struct {
        const char *magic;
        size_t at, len;
        const char *mime;
    } rows[] = {{"\x89PNG\r\n\x1a\n", 0, 8, "image/png"},
                {"\xff\xd8\xff", 0, 3, "image/jpeg"},
                {"WEBP", 8, 4, "image/webp"},
                {"\x1a\x45\xdf\xa3", 0, 4, "video/webm"},
                {"ID3", 0, 3, "audio/mpeg"},
                {"WAVE", 8, 4, "audio/wav"},
                {"OggS", 0, 4, "audio/ogg"},
                {"ftyp", 4, 4, "video/mp4"}};
    for (size_t i = 0; i < YM_COUNT(rows); i++)
        if (b->len >= rows[i].at + rows[i].len && memcmp(b->data + rows[i].at, rows[i].magic, rows[i].len) == 0)
            return rows[i].mime;
    return "";
}

static int stage_begin(void *ctx, unsigned index)
{
    struct stage *st = ctx;
    if (st->first + index != st->n || st->n == STAGED_MAX)
        return -E2BIG;
    st->n++;
    return 0;
}

static int stage_data(void *ctx, unsigned index, const uint8_t *data, size_t len)
{
    struct stage *st = ctx;
    return ym_buf_add(&st->bytes[st->first + index], data, len);
}

static int stage_end(void *ctx, unsigned index)
{
    struct stage *st = ctx;
    struct ym_buf *b = &st->bytes[st->first + index];
    struct ym_staged *s = &st->seen[st->first + index];
    s->size = (int64_t)b->len;
    s->mime = sniff(b);
    s->is_media = *s->mime != '\0';
    return 0;
}

struct heard { /* one reply, read */
    struct ym_reply rep;
    char *headers[24];
    unsigned nheaders;
    struct ym_buf body;
    struct ym_sieve *sieve;
    cJSON *json;
    char *text;
    int error; /* of the sieve */
};

static void heard_fini(struct heard *h)
{
    for (unsigned i = 0; i < h->nheaders; i++)
        free(h->headers[i]);
    ym_buf_fini(&h->body);
    ym_sieve_free(h->sieve);
    cJSON_Delete(h->json);
    free(h->text);
}

static void reply_split(struct play *p, const struct section *s, struct heard *h)
{
    const char *stop = s->text + s->len, *line = s->text;
    bool base64 = false;
    h->rep.status = (int)strtol(line, NULL, 10);
    line += strcspn(line, "\n");
    while (line < stop && line[1] != '\n') {
        line++;
        int n = (int)strcspn(line, "\n");
        if (strncmp(line, "base64", 6) == 0)
            base64 = true;
        else if (h->nheaders + 1 < YM_COUNT(h->headers))
            h->headers[h->nheaders++] = ym_asprintf("%.*s", n, line);
        line += n;
    }
    line = line + 2 < stop ? line + 2 : stop;
    size_t len = (size_t)(stop - line);
    if (!base64) {
        ym_buf_add(&h->body, line, len);
        return;
    }
    struct ym_b64_dec dec = {0};
    YM_AUTOFREE uint8_t *out = ym_alloc((len / 4 + 1) * 3);
    ssize_t n = ym_b64_decode(&dec, line, len, out);
    if (n < 0 || ym_b64_decode_end(&dec) < 0)
        bad(p, "the base64 of a [reply] is wrong");
    else
        ym_buf_add(&h->body, out, (size_t)n);
}

static void reply_raw(struct play *p, struct heard *h)
{
    stage_begin(&p->stage, 0);
    stage_data(&p->stage, 0, (const uint8_t *)h->body.data, h->body.len);
    stage_end(&p->stage, 0);
    bool media = p->stage.seen[p->stage.n - 1].is_media;
    h->text = media ? ym_strdup("") : ym_strndup(h->body.data ? h->body.data : "", h->body.len < 512 ? h->body.len : 512);
}

static void reply_sift(struct play *p, const struct ym_http *http, struct heard *h)
{
    static const char *const none[] = {NULL};
    const struct ym_sieve_spec spec = {.media_keys = http->media_keys ? http->media_keys : none, .long_string = http->keep_text};
    const struct ym_sieve_sink sink = {stage_begin, stage_data, stage_end, &p->stage};
    struct ym_err e;
    size_t len;
    h->sieve = ym_sieve_new(&spec, &sink);
    for (size_t at = 0; at < h->body.len && h->error == 0; at += 7) /* small pieces cross every token */
        h->error = ym_sieve_feed(h->sieve, h->body.data + at, h->body.len - at < 7 ? h->body.len - at : 7);
    if (h->error == 0)
        ym_sieve_end(h->sieve, &h->json, &e);
    const char *text = ym_sieve_text(h->sieve, &len);
    h->text = ym_strndup(text ? text : "", len < 16384 ? len : 16384);
}

/* Like the engine: base64 that is none is an empty answer, and the driver never sees it. */
static void reply_give(struct play *p, const struct section *s)
{
    const struct ym_http *http = &p->next.http[p->heard++];
    struct heard h = {.rep = {.tag = http->tag}};
    struct ym_err e = {0};
    ym_buf_init(&h.body, 1 << 24);
    p->stage.first = p->stage.n;
    reply_split(p, s, &h);
    if (http->raw_media && h.rep.status >= 200 && h.rep.status < 300)
        reply_raw(p, &h);
    else
        reply_sift(p, http, &h);
    h.rep.headers = (const char *const *)h.headers;
    h.rep.json = h.json;
    h.rep.text = h.text;
    h.rep.sieve = h.sieve;
    h.rep.media = p->stage.seen;
    h.rep.media_first = p->stage.first;
    h.rep.nmedia = p->stage.n;
    struct ym_next next = {0};
    next.progress = -1;
    int r = h.error == -EBADMSG ? ym_fail(&e, YM_EMPTY, EBADMSG, "The answer holds media that is not base64.")
            : h.error < 0       ? ym_fail(&e, YM_EMPTY, -h.error, "The answer is too large.")
                                : slot_call(p, &h.rep, &next, &e);
    heard_fini(&h);
    slot_done(p, r, &next, &e);
}

/* ---- the whole play ---- */

/* As a crash and a restart would find it. */
static void state_store(struct play *p)
{
    if (!p->state)
        return;
    struct ym_err e;
    YM_AUTOFREE char *text = ym_json_print(p->state, false);
    cJSON_Delete(p->state);
    p->state = NULL;
    if (strlen(text) > 65536 || ym_json_parse(text, strlen(text), 65536, &p->state, &e) < 0)
        bad(p, "the state cannot be stored: %.200s", text);
}

static void step_alone(struct play *p)
{
    struct ym_err e = {0};
    struct ym_next next = {.progress = -1};
    int r = slot_call(p, NULL, &next, &e);
    ym_next_fini(&p->next); /* nothing that was asked for will be answered */
    p->heard = 0;
    slot_done(p, r, &next, &e);
}

static void estimate_check(struct play *p, const struct section *s)
{
    struct ym_estimate est;
    struct ym_err e = {0};
    char low[32], expected[32], high[32];
    YM_AUTOBUF struct ym_buf got;
    ym_buf_init(&got, 4096);
    if (p->driver->price(&p->call, &est, &e) < 0)
        outcome_fail(&e, &got);
    else
        ym_buf_addf(&got, "%s %s %s", ym_money_format(est.low, low), ym_money_format(est.expected, expected),
                    ym_money_format(est.high, high));
    expect_text(p, "the estimate", s->text, s->len, got.data);
}

static void play_run(struct play *p)
{
    struct ym_err e = {0};
    p->at = 1;
    bool step = strcmp(p->what, "step") == 0;
    int r = step ? p->driver->check(&p->call, &e) : 0;
    if (r == 0 && strcmp(p->sections[1].name, "estimate") == 0)
        estimate_check(p, &p->sections[p->at++]);
    if (r < 0)
        ended(p, r, &e);
    else
        step_alone(p);
    while (p->failures == 0 && p->at < p->nsections) {
        const struct section *s = &p->sections[p->at++];
        state_store(p);
        if (p->waiting) { /* the time has passed */
            p->waiting = false;
            p->at--;
            step_alone(p);
        } else if (strcmp(s->name, "restart") == 0)
            step_alone(p);
        else if (strcmp(s->name, "reply") == 0 && p->asked)
            reply_give(p, s);
        else
            bad(p, "[%s] is not expected here", s->name);
    }
    if (p->failures == 0 && strcmp(p->sections[p->nsections - 1].name, "outcome") != 0)
        bad(p, "the last section must be [outcome]");
}

static void play_init(struct play *p)
{
    for (size_t i = 0; i < STAGED_MAX; i++)
        ym_buf_init(&p->stage.bytes[i], 1 << 24);
    for (size_t i = 0; i < MEMBERS_MAX * REFS_MAX; i++)
        ym_buf_init(&p->ref_bytes[i / REFS_MAX][i % REFS_MAX], 1 << 20);
}

static void play_fini(struct play *p)
{
    for (size_t i = 0; i < STAGED_MAX; i++)
        ym_buf_fini(&p->stage.bytes[i]);
    for (size_t i = 0; i < MEMBERS_MAX * REFS_MAX; i++)
        ym_buf_fini(&p->ref_bytes[i / REFS_MAX][i % REFS_MAX]);
    ym_request_fini(&p->req);
    ym_next_fini(&p->next);
    cJSON_Delete(p->state);
    for (unsigned i = 0; i < p->nmembers; i++)
        ym_request_fini(&p->member_reqs[i]);
    free(p->base_url);
    free(p->workflow);
    free(p->what);
}

static int case_play(const struct ym_driver *d, const char *dir, const char *name)
{
    YM_AUTOFREE char *path = ym_asprintf("%s/%s", dir, name);
    YM_AUTOFREE char *text = file_read(path);
    struct play p = {.file = name, .driver = d};
    play_init(&p);
    if (!text || !sections_find(&p, text))
        bad(&p, "cannot be read as a case");
    else if (job_read(&p))
        play_run(&p);
    printf("%s %s\n", p.failures ? "FAILED" : "ok    ", name);
    play_fini(&p);
    return p.failures;
}

static int is_case(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return dot && dot != d->d_name && strcmp(dot, ".txt") == 0;
}

int main(int argc, char **argv)
{
    const struct ym_driver *d = NULL;
    struct dirent **list;
    int failures = 0;
    for (size_t i = 0; argc > 2 && drivers[i]; i++)
        if (strcmp(drivers[i]->name, argv[1]) == 0)
            d = drivers[i];
    if (!d) {
        fprintf(stderr, "usage: test_replay DRIVER FOLDER [CASE.txt]\n");
        return 2;
    }
    ym_driver_check(d);
    int n = scandir(argv[2], &list, is_case, alphasort);
    int played = 0;
    for (int i = 0; i < n; i++) {
        if (argc < 4 || strcmp(argv[3], list[i]->d_name) == 0) {
            failures += case_play(d, argv[2], list[i]->d_name);
            played++;
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    printf("%d cases, %d failures\n", played, failures);
    return played == 0 || failures ? 1 : 0;
}
