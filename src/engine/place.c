/* From stored bytes to visible files: one task a job at a time, never two for one prompt at once, so
 * that an older result can never end up over a newer one. */
#include "engine_private.h"

#include <fcntl.h>
#include <unistd.h>

#define PLACE_RETRY YM_SEC(5)
#define PLACE_TRIES 6 /* of a place that refuses; then a gesture or the next start tries again */

struct copies {
    char **v;
    size_t n;
};

struct spot { /* one slot to fill */
    struct ym_slot_row slot;
    char *sidecar, *output_filename;
    char *text;                 /* the settled prompt file: says its output_filename */
    size_t text_len;
    struct ym_placement out;
    struct ym_err err;
    int r;
    bool filled;
};

struct placing { /* a task under way, or a job that waits for one of the same prompt */
    struct placing *next;
    struct ym_engine *e;
    struct ym_job_row job;
    struct spot *spots;
    size_t nspots;
    struct copies copies;
    bool running, again;
    bool over;           /* its task has reported; else it is freed with the engine */
    ym_mono not_before;  /* the disk was full, or the place refused */
    int refused;         /* times that a place refused for another reason than space */
    int object_r;        /* bytes put under their digest instead of (or before) a place */
    bool gone;           /* no bytes anywhere */
    struct ym_err err;
};

static void placing_free(struct placing *p)
{
    for (size_t i = 0; i < p->nspots; i++) {
        ym_slot_row_fini(&p->spots[i].slot);
        free(p->spots[i].sidecar);
        free(p->spots[i].output_filename);
        free(p->spots[i].text);
        ym_placement_fini(&p->spots[i].out);
    }
    for (size_t i = 0; i < p->copies.n; i++)
        free(p->copies.v[i]);
    free(p->copies.v);
    free(p->spots);
    ym_job_row_fini(&p->job);
    free(p);
}

static void spots_clear(struct placing *p)
{
    struct placing keep = *p;
    *p = (struct placing){.next = keep.next, .e = keep.e, .job = keep.job, .again = keep.again, .refused = keep.refused,
                          .not_before = keep.not_before};
    keep.job = (struct ym_job_row){0};
    struct placing *old = ym_alloc(sizeof(*old));
    *old = keep;
    placing_free(old);
}

bool place_busy(const struct ym_engine *e, const char *prompt)
{
    for (const struct placing *p = e->placing; p; p = p->next)
        for (size_t i = 0; i < p->nspots && p->running; i++)
            if (strcmp(p->spots[i].slot.path, prompt) == 0)
                return true;
    return false;
}

void place_free(struct ym_engine *e)
{
    while (e->placing) {
        struct placing *p = e->placing;
        e->placing = p->next;
        placing_free(p);
    }
}

/* ---- on a worker ---- */
/* A crash between a rename into place and its record leaves the bytes where they were going. */
static void copies_guess(struct placing *p)
{
    char name[256];
    for (size_t i = 0; i < p->nspots; i++) {
        const char *prompt = p->spots[i].slot.path, *base = strrchr(prompt, '/');
        base = base ? base + 1 : prompt;
        for (int attempt = 0; attempt < 4; attempt++) {
            if (ym_result_name(base, p->spots[i].output_filename, p->spots[i].slot.idx, p->job.ext, attempt, name) < 0)
                continue;
            p->copies.v = ym_realloc(p->copies.v, (p->copies.n + 1) * sizeof(*p->copies.v));
            p->copies.v[p->copies.n++] = ym_asprintf("%.*s%s", (int)(base - prompt), prompt, name);
        }
    }
}

static int bytes_open(struct placing *p)
{
    if (p->job.staged) {
        int fd = openat(p->e->p.store->staging_fd, p->job.staged, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT)
            return fd < 0 ? -errno : fd;
        str_set(&p->job.staged, NULL);
    }
    copies_guess(p);
    return ym_library_find_bytes(p->e->p.store, (const char *const *)p->copies.v, p->copies.n,
                                 &p->job.b2, p->job.ext, p->job.size);
}

/* A result's mode is its prompt's, without execute bits; its owner too, where permitted. */
static void prompt_mode(const struct ym_store *s, struct ym_placement *out)
{
    struct stat st;
    YM_AUTOCLOSE int fd = ym_store_openat(s, out->prompt, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) < 0) {
        out->mode = 0644;
        out->uid = geteuid();
        out->gid = getegid();
        return;
    }
    out->mode = st.st_mode & 0666;
    out->uid = st.st_uid;
    out->gid = st.st_gid;
}

static void spot_fill(struct placing *p, struct spot *s, int fd, bool may_move)
{
    s->out = (struct ym_placement){.prompt = s->slot.path, .output_filename = s->output_filename,
                                   .idx = s->slot.idx, .ext = p->job.ext, .from_fd = fd,
                                   .staged = may_move ? p->job.staged : NULL, .b2 = p->job.b2,
                                   .sidecar = s->sidecar, .old = &s->slot};
    prompt_mode(p->e->p.store, &s->out);
    s->r = ym_place_result(&p->e->lib, &s->out, &s->err);
    s->filled = s->r == 0;
}

static void spot_names(struct placing *p, struct spot *s)
{
    bool sidecar = true;
    placement_facts(p->e->p.store, s->slot.path, s->text, s->text_len, &s->output_filename, &sidecar);
    if (!sidecar)
        free(ym_steal(&s->sidecar));
}

static void place_work(void *ctx)
{
    struct placing *p = ctx;
    for (size_t i = 0; i < p->nspots; i++)
        spot_names(p, &p->spots[i]);
    YM_AUTOCLOSE int fd = bytes_open(p);
    size_t files = p->nspots;
    if (fd < 0) {
        p->gone = fd == -ENOENT;
        p->object_r = p->gone ? 0 : fd;
        ym_fail(&p->err, YM_LOCAL, EIO, "The stored result of this job cannot be read.");
        return;
    }
    bool moved = false;
    for (size_t i = 0; i < files; i++) {
        bool last = p->job.staged && i + 1 == files;
        spot_fill(p, &p->spots[i], fd, last);
        moved |= last && p->spots[i].filled;
    }
    if (!p->job.staged || moved)
        return;
    bool any = false;
    for (size_t i = 0; i < files; i++)
        any |= p->spots[i].filled;
    if (any) /* the last place failed, others have the bytes */
        ym_staging_remove(p->e->p.store, p->job.staged);
    else
        p->object_r = ym_object_move(p->e->p.store, p->job.staged, &p->job.b2, p->job.ext, &p->err);
}

/* ---- back on the engine's thread ---- */
/* What lay there before is in objects/, under its own extension. */
static void version_record(struct ym_engine *e, const struct spot *s)
{
    ym_version_put(e->p.journal, s->slot.result, &s->slot.b2, ym_result_ext(s->slot.result), NULL, NULL, engine_wall(e));
    if (strcmp(s->slot.result, s->out.result) != 0)
        ym_copy_delete(e->p.journal, s->slot.result); /* it went with its old extension */
}

static void spot_record(struct ym_engine *e, struct placing *p, struct spot *s)
{
    struct ym_err err;
    struct ym_slot_row now;
    if (!s->filled || ym_slot_get(e->p.journal, s->slot.path, s->slot.idx, &now) < 0)
        return;
    bool still = strcmp(now.job.s, p->job.id.s) == 0;
    if (still)
        now.status = YM_SLOT_PLACED;
    str_set(&now.result, s->out.result);
    now.ident = (struct ym_row_ident){s->out.ident.ino, s->out.ident.btime_ns, s->out.ident.size, s->out.ident.mtime_ns};
    now.b2 = p->job.b2;
    now.version++;
    engine_must(e, ym_slot_put(e->p.journal, &now, &err), "a result's place", &err);
    ym_copy_put(e->p.journal, s->out.result, &now.ident, &p->job.b2);
    if (s->out.described) { /* by its digest we know later that it is still ours */
        YM_AUTOFREE char *path = ym_asprintf("%s.json", s->out.result);
        struct ym_digest d = ym_digest_of(s->sidecar, strlen(s->sidecar));
        ym_note_put(e->p.journal, path, "", &d);
    }
    if (s->out.saved)
        version_record(e, s);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "job", p->job.id.s);
    cJSON_AddStringToObject(o, "path", s->slot.path);
    cJSON_AddStringToObject(o, "result", s->out.result);
    event_emit(e, "result", o);
    if (still)
        note_error_clear(e, s->slot.path);
    ym_slot_row_fini(&now);
}

static bool out_of_space(int r)
{
    return r == -ENOSPC || r == -EDQUOT;
}

/* Work that was paid for is done once its bytes are safe: in a place, or under their digest. */
static void job_placed(struct ym_engine *e, struct placing *p)
{
    struct ym_job_row r;
    if (ym_job_get(e->p.journal, p->job.id.s, &r) < 0)
        return;
    if (r.state == YM_JOB_STORED) {
        str_set(&r.staged, NULL);
        job_to(e, &r, JE_PLACED);
        if (r.hold_id)
            hold_used_up(e, r.hold_id);
    }
    ym_job_row_fini(&r);
}

/* Finished work whose bytes are gone everywhere: held, bought again only on a gesture. */
static void job_gone(struct ym_engine *e, struct placing *p)
{
    struct ym_job_row r;
    struct ym_err err;
    if (ym_job_get(e->p.journal, p->job.id.s, &r) < 0)
        return;
    ym_fail(&err, YM_HELD, ENODATA, "The finished result is gone from the folder and from history: touch the prompt to make it again.");
    if (r.state == YM_JOB_STORED)
        job_to(e, &r, JE_PLACED);
    hold_job(e, &r, JE_HOLD, "gone", &err);
    ym_job_row_fini(&r);
}

static void placing_remove(struct ym_engine *e, struct placing *p)
{
    for (struct placing **q = &e->placing; *q; q = &(*q)->next)
        if (*q == p) {
            *q = p->next;
            return;
        }
}

/* Once more later: what is paid for has no place yet. */
static void place_later(struct ym_engine *e, struct placing *p, ym_dur in)
{
    struct placing *q = ym_alloc(sizeof(*q));
    q->e = e;
    q->job.id = p->job.id;
    q->refused = p->refused;
    q->not_before = in.ms ? ym_mono_add(engine_mono(e), in) : (ym_mono){0};
    q->next = e->placing;
    e->placing = q;
}

static void place_done(struct ym_engine *e, void *ctx)
{
    struct placing *p = ctx;
    p->over = true;
    bool full = out_of_space(p->object_r), failed = p->object_r < 0 && !p->gone, refused = false;
    p->running = false;
    for (size_t i = 0; i < p->nspots; i++) {
        full |= out_of_space(p->spots[i].r);
        refused |= p->spots[i].r < 0 && p->spots[i].r != -ENOENT; /* a folder that is gone stays so */
        if (p->spots[i].r < 0)
            ym_log(YM_WARN, "engine", "job=%s %s: not placed: %s", p->job.id.s, p->spots[i].slot.path, p->spots[i].err.msg);
        spot_record(e, p, &p->spots[i]);
    }
    if (!full && !failed) {
        if (p->gone)
            job_gone(e, p);
        else
            job_placed(e, p);
    }
    placing_remove(e, p);
    if (full || failed)
        place_later(e, p, PLACE_RETRY);
    else if (refused && p->refused++ < PLACE_TRIES)
        place_later(e, p, YM_MS(INT64_C(500) << p->refused)); /* 1 s, 2 s, 4 s ... */
    else if (p->again)
        place_later(e, p, YM_MS(0));
    if (full)
        live_set(e, &p->job.id, 1, "storing: the disk is full, the paid result is kept");
}

static void place_task_free(void *ctx)
{
    struct placing *p = ctx;
    if (p->over) /* else the engine ended before it could report: it is in its list still */
        placing_free(p);
}

static const struct task_ops place_ops = {place_work, place_done, place_task_free};

/* ---- preparing ---- */
static void copy_add(void *ctx, const char *path, const struct ym_row_ident *id)
{
    struct copies *c = ctx;
    (void)id;
    c->v = ym_realloc(c->v, (c->n + 1) * sizeof(*c->v));
    c->v[c->n++] = ym_strdup(path);
}

static void spot_sidecar(struct ym_engine *e, struct placing *p, struct spot *s, const struct ym_request *req)
{
    struct ym_name_row name;
    if (ym_name_get(e->p.journal, s->slot.path, &name) < 0)
        return;
    const char *base = strrchr(s->slot.path, '/');
    struct ym_sidecar_in in = {.job = &p->job, .request = req, .s = &name.s,
                               .prompt_file = base ? base + 1 : s->slot.path,
                               .version = s->slot.version + 1, .reused = s->slot.reused || p->job.adopted,
                               .metadata = ym_config_bool(e->config, "defaults.enable_metadata")};
    s->sidecar = ym_sidecar_build(&in);
    s->text = ym_steal(&name.text);
    s->text_len = name.text_len;
    ym_name_row_fini(&name);
}

static bool spot_wanted(const struct ym_slot_row *r)
{
    return r->status == YM_SLOT_WAITING && strncmp(r->path, "cli:", 4) != 0;
}

static void spots_make(struct ym_engine *e, struct placing *p, struct slot_list *l)
{
    struct ym_request req = {0};
    struct ym_err err;
    engine_must(e, ym_request_unpack(p->job.request, &req, &err), "a job's request", &err);
    req.kind = p->job.kind;
    str_set(&req.prompt, p->job.prompt);
    str_set(&req.model, p->job.model);
    str_set(&req.provider, p->job.provider);
    req.variation = p->job.variation;
    p->spots = ym_alloc_array(l->n + 1, sizeof(*p->spots));
    for (size_t i = 0; i < l->n; i++) {
        if (!spot_wanted(&l->v[i]))
            continue;
        struct spot *s = &p->spots[p->nspots++];
        s->slot = l->v[i];
        l->v[i].path = l->v[i].result = NULL; /* taken */
        spot_sidecar(e, p, s, &req);
    }
    ym_request_fini(&req);
}

static bool prompts_busy(const struct ym_engine *e, const struct slot_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (spot_wanted(&l->v[i]) && place_busy(e, l->v[i].path))
            return true;
    return false;
}

/* Starts p if nothing of its prompts is being placed. True when it was started or is not needed. */
static bool place_try(struct ym_engine *e, struct placing *p)
{
    struct slot_list l;
    slots_of_job(e, p->job.id.s, &l);
    if (prompts_busy(e, &l)) {
        slot_list_fini(&l);
        return false;
    }
    struct ym_id id = p->job.id;
    spots_clear(p);
    if (ym_job_get(e->p.journal, id.s, &p->job) < 0 ||
        (p->job.state != YM_JOB_STORED && p->job.state != YM_JOB_DONE)) {
        slot_list_fini(&l);
        placing_remove(e, p);
        placing_free(p);
        return true;
    }
    spots_make(e, p, &l);
    slot_list_fini(&l);
    if (p->job.state == YM_JOB_DONE && p->nspots == 0) {
        placing_remove(e, p);
        placing_free(p);
        return true;
    }
    ym_copy_each(e->p.journal, &p->job.b2, copy_add, &p->copies);
    p->running = true;
    p->again = false;
    engine_task_after(e, &place_ops, p, true);
    return true;
}

void place_job(struct ym_engine *e, const char *job)
{
    for (struct placing *p = e->placing; p; p = p->next)
        if (strcmp(p->job.id.s, job) == 0) {
            p->again = p->running;
            p->not_before = (ym_mono){0}; /* asked for: not put off any longer */
            if (!p->running)
                place_try(e, p);
            return;
        }
    struct placing *p = ym_alloc(sizeof(*p));
    p->e = e;
    memcpy(p->job.id.s, job, YM_ID_LEN);
    p->next = e->placing;
    e->placing = p;
    place_try(e, p);
}

/* Those that waited for another task of the same prompt, or for space. */
void place_tick(struct ym_engine *e)
{
    ym_mono now = engine_mono(e);
    for (struct placing *p = e->placing, *next; p; p = next) {
        next = p->next;
        if (p->running)
            continue;
        if (p->not_before.ns > now.ns)
            engine_at(e, p->not_before);
        else
            place_try(e, p);
    }
}
