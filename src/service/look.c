/* What files show: states, jobs, outputs, working notes. Any thread; at most a journal read. */
#include "service_private.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* A prompt of several pictures is as far as the one that needs attention most, else the slowest. */
static int attention(enum ym_state s)
{
    static const enum ym_state order[] = {YM_JOB_FAILED, YM_JOB_UNKNOWN, YM_JOB_HELD, YM_JOB_QUEUED, YM_JOB_RESERVED,
                                          YM_JOB_ACCEPTED, YM_JOB_STORED, YM_JOB_CANCELLED, YM_JOB_DONE};
    for (int i = 0; i < (int)YM_COUNT(order); i++)
        if (order[i] == s)
            return i;
    return (int)YM_COUNT(order);
}

struct slots {
    struct ym_id jobs[64];
    int idx[64];
    size_t n;
};

static void slot_add(void *ctx, const struct ym_slot_row *r)
{
    struct slots *s = ctx;
    if (s->n < YM_COUNT(s->jobs)) {
        s->idx[s->n] = r->idx;
        s->jobs[s->n++] = r->job;
    }
}

/* The slot of a prompt that says most about it; 0 when all are done. */
static int telling_slot(struct ym_journal *j, const char *path)
{
    struct slots s = {.n = 0};
    int best = 0, best_rank = INT_MAX;
    ym_slot_each_name(j, path, slot_add, &s);
    for (size_t i = 0; i < s.n && s.n > 1; i++) {
        struct ym_job_row r;
        if (ym_job_get(j, s.jobs[i].s, &r) < 0)
            continue;
        if (attention(r.state) < best_rank) {
            best_rank = attention(r.state);
            best = s.idx[i];
        }
        ym_job_row_fini(&r);
    }
    return best;
}

static bool job_of_path(struct ym_journal *j, const char *path, struct ym_slot_row *slot, struct ym_job_row *job)
{
    bool have = ym_slot_get(j, path, telling_slot(j, path), slot) == 0 || ym_slot_by_result(j, path, slot) == 0;
    if (!have)
        return false;
    if (ym_job_get(j, slot->job.s, job) < 0) {
        ym_slot_row_fini(slot);
        return false;
    }
    return true;
}

/* "sea,evening", from a text or a list. */
static char *tags_of(const cJSON *tags)
{
    struct ym_buf b;
    const cJSON *tag;
    if (cJSON_IsString(tags))
        return ym_strdup(tags->valuestring);
    if (cJSON_GetArraySize(tags) == 0)
        return NULL;
    ym_buf_init(&b, 4096);
    cJSON_ArrayForEach(tag, tags)
        if (!cJSON_IsString(tag) || ym_buf_addf(&b, "%s%s", b.len ? "," : "", tag->valuestring) < 0)
            break;
    return ym_buf_steal(&b);
}

static void state_request(const struct ym_job_row *r, struct ym_file_state *ret)
{
    struct ym_request q = {0};
    struct ym_err err;
    ret->seed = -1;
    if (ym_request_unpack(r->request, &q, &err) < 0)
        return;
    int64_t seed = ym_json_int_or(q.params, "seed", -1);
    ret->seed = seed >= 0 ? seed + r->variation : -1;
    ret->tags = tags_of(ym_json_get(q.params, "tags"));
    ym_request_fini(&q);
}

static void state_fill(struct ym_service *s, struct ym_journal *j, const struct ym_slot_row *slot,
                       const struct ym_job_row *r, struct ym_file_state *ret)
{
    struct ym_live live;
    char hex[65];
    ret->known = true;
    snprintf(ret->state, sizeof(ret->state), "%s", ym_state_public(r->state));
    if (r->state == YM_JOB_DONE && slot->status == YM_SLOT_WAITING)
        snprintf(ret->state, sizeof(ret->state), "running"); /* on its way to its place */
    ym_engine_live(s->p.engine, r->id.s, &live);
    ret->progress = r->state == YM_JOB_DONE ? 1 : live.progress;
    snprintf(ret->detail, sizeof(ret->detail), "%s", live.detail[0] ? live.detail : r->error ? r->error : "");
    snprintf(ret->error, sizeof(ret->error), "%s", r->error ? r->error : "");
    snprintf(ret->model, sizeof(ret->model), "%s", r->model);
    snprintf(ret->job, sizeof(ret->job), "%s", r->id.s);
    snprintf(ret->mime, sizeof(ret->mime), "%s", r->mime ? r->mime : "");
    if (!ym_digest_is_zero(&r->h))
        snprintf(ret->hash, sizeof(ret->hash), "%s", ym_digest_hex(&r->h, hex));
    ret->cost = r->cost;
    ret->version = slot->version;
    ret->position = r->state == YM_JOB_QUEUED ? ym_job_position(j, r->id.s) : -1;
    ret->prompt = ym_strdup(r->prompt);
    state_request(r, ret);
}

void ym_service_state(struct ym_service *s, const char *path, struct ym_file_state *ret)
{
    struct ym_slot_row slot;
    struct ym_job_row job;
    struct ym_name_row name;
    struct ym_live live;
    *ret = (struct ym_file_state){.progress = -1, .position = -1, .eta_s = -1, .seed = -1};
    struct ym_journal *j = reader_take(s);
    if (!j)
        return;
    if (job_of_path(j, path, &slot, &job)) {
        state_fill(s, j, &slot, &job, ret);
        ym_slot_row_fini(&slot);
        ym_job_row_fini(&job);
    } else if (ym_name_get(j, path, &name) == 0) {
        ret->known = true;
        snprintf(ret->state, sizeof(ret->state), "seen");
        ym_name_row_fini(&name);
    }
    reader_give(s, j);
    ym_engine_live(s->p.engine, path, &live);
    if (live.settling) {
        struct ym_name n;
        const char *base = strrchr(path, '/');
        ym_name_classify(base ? base + 1 : path, &n);
        if (n.cls == YM_NM_PROMPT || n.cls == YM_NM_DOCUMENT) {
            ret->known = true;
            snprintf(ret->state, sizeof(ret->state), "settling");
        }
    }
}

int ym_service_job(struct ym_service *s, const char *id, struct ym_job_row *ret)
{
    struct ym_journal *j = reader_take(s);
    int r = j ? ym_job_get(j, id, ret) : -EIO;
    if (j)
        reader_give(s, j);
    return r;
}

int ym_service_job_attempts(struct ym_service *s, const char *id,
                            void (*fn)(void *ctx, const struct ym_attempt_row *r), void *ctx)
{
    struct ym_journal *j = reader_take(s);
    int r = j ? ym_attempt_each(j, id, fn, ctx) : -EIO;
    if (j)
        reader_give(s, j);
    return r;
}

/* ---- outputs ---- */
struct copies {
    char **v;
    size_t n;
};

static void copy_add(void *ctx, const char *path, const struct ym_row_ident *id)
{
    struct copies *c = ctx;
    (void)id;
    c->v = ym_realloc(c->v, (c->n + 1) * sizeof(*c->v));
    c->v[c->n++] = ym_strdup(path);
}

int ym_service_job_output(struct ym_service *s, const char *id)
{
    struct ym_job_row r;
    struct copies c = {0};
    struct ym_journal *j = reader_take(s);
    if (!j)
        return -EIO;
    int rc = ym_job_get(j, id, &r);
    if (rc == 0 && !ym_digest_is_zero(&r.b2))
        ym_copy_each(j, &r.b2, copy_add, &c);
    reader_give(s, j);
    if (rc < 0)
        return rc;
    int fd = -ENOENT;
    if (r.state == YM_JOB_STORED && r.staged)
        fd = openat(s->p.store->staging_fd, r.staged, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && !ym_digest_is_zero(&r.b2))
        fd = ym_library_find_bytes(s->p.store, (const char *const *)c.v, c.n, &r.b2, r.ext, r.size);
    for (size_t i = 0; i < c.n; i++)
        free(c.v[i]);
    free(c.v);
    ym_job_row_fini(&r);
    return fd;
}

/* ---- working notes ---- */
struct overlay {
    struct ym_service *s;
    struct ym_journal *j;
    void (*fn)(void *ctx, const char *name, const char *text, size_t len, ym_wall mtime);
    void *ctx;
    char *last; /* the prompt that was shown: one with several results has one note */
};

static void overlay_one(void *ctx, const char *prompt, const struct ym_job_row *job)
{
    struct overlay *o = ctx;
    struct ym_live live;
    struct ym_buf text;
    if (o->last && strcmp(o->last, prompt) == 0)
        return;
    free(o->last);
    o->last = ym_strdup(prompt);
    YM_AUTOFREE char *path = ym_note_path(prompt, "working", false);
    const char *base = strrchr(path, '/');
    int64_t position = job->state == YM_JOB_QUEUED ? ym_job_position(o->j, job->id.s) : 0;
    ym_engine_live(o->s->p.engine, job->id.s, &live);
    ym_buf_init(&text, 16384);
    if (o->s->p.working(job, position, -1, &live, &text) == 0)
        o->fn(o->ctx, base ? base + 1 : path, text.data ? text.data : "", text.len, job->queued_at);
    ym_buf_fini(&text);
}

void ym_service_overlay(struct ym_service *s, const char *folder,
                        void (*fn)(void *ctx, const char *name, const char *text, size_t len, ym_wall mtime), void *ctx)
{
    struct ym_config *cfg = ym_engine_config(s->p.engine);
    bool on = s->p.working && ym_config_bool(cfg, "mount.notes");
    ym_config_unref(cfg);
    struct ym_journal *j = on ? reader_take(s) : NULL;
    if (!j)
        return;
    struct overlay o = {s, j, fn, ctx, NULL};
    ym_slot_each_waiting(j, folder, (ym_wall){ym_wall_now().ms - 2000}, overlay_one, &o);
    free(o.last);
    reader_give(s, j);
}

/* ---- before a user's destructive operation ---- */
int ym_service_preserve(struct ym_service *s, const char *path, bool will_write, struct ym_err *e)
{
    bool ours = false;
    struct ym_digest b2;
    struct ym_journal *j = reader_take(s);
    if (!j)
        return ym_fail(e, YM_LOCAL, EIO, "The journal cannot be read.");
    int r = ym_library_preserve(s->p.store, j, path, will_write, &ours, &b2, e);
    reader_give(s, j);
    if (r == 0 && ours) {
        struct ym_touch t = {.what = YM_TOUCH_PRESERVED, .path = path};
        ym_engine_touch(s->p.engine, &t);
    }
    return r;
}
