/* Adoption: a sidecar of the library that describes this very request, with its media beside it and
 * whole, is the result. Nothing is bought, even if the journal never heard of it. */
#include "engine_private.h"

#include <fcntl.h>
#include <ymago/media.h>

struct adopted {
    int64_t k;
    struct ym_sidecar_row row;
    struct ym_media_info info;
    struct ym_ident ident;
    int64_t size;
    bool ok;
};

void adopted_free(struct facts *f)
{
    for (size_t i = 0; i < f->nadopted; i++)
        ym_sidecar_row_fini(&f->adopted[i].row);
    free(f->adopted);
    f->adopted = NULL;
    f->nadopted = 0;
}

static void row_copy(struct ym_sidecar_row *to, const struct ym_sidecar_row *from)
{
    *to = *from;
    to->path = ym_strdup(from->path);
    to->media = ym_strdup(from->media);
    to->doc = ym_strdup(from->doc);
}

/* Blocks on disk: reads the media whole. */
static void verify(const struct ym_store *s, struct adopted *a)
{
    struct ym_digest b2;
    struct ym_err err;
    YM_AUTOCLOSE int fd = ym_store_openat(s, a->row.media, O_RDONLY | O_CLOEXEC, 0);
    a->ok = fd >= 0 && ym_digest_fd(fd, &b2, &a->size) == 0 && ym_digest_eq(&b2, &a->row.b2) &&
            ym_media_probe_fd(fd, a->size, &a->info, &err) == 0 && ym_store_ident_fd(fd, &a->ident) == 0;
}

/* ---- for a name that settles ---- */
struct finding {
    struct facts *f;
    int64_t k;
};

static bool candidate_add(void *ctx, const struct ym_sidecar_row *r)
{
    struct finding *x = ctx;
    struct facts *f = x->f;
    f->adopted = ym_realloc(f->adopted, (f->nadopted + 1) * sizeof(*f->adopted));
    struct adopted *a = &f->adopted[f->nadopted++];
    *a = (struct adopted){.k = x->k};
    row_copy(&a->row, r);
    return f->nadopted >= 128;
}

static struct ym_digest request_hash(struct ym_engine *e, const struct facts *f, int64_t k)
{
    const struct ym_driver *d;
    struct ym_request q;
    struct ym_err err;
    struct ym_digest h = {0};
    if (resolve_request(e, f->kind, f->prompt, f->fields, f->refs, f->nrefs, k, &d, &q, &err) < 0)
        return h;
    h = ym_identity_request(&q);
    ym_request_fini(&q);
    return h;
}

static bool known(struct ym_engine *e, const struct facts *f, int64_t k)
{
    struct ym_id id;
    struct ym_job_row r;
    if (ym_source_get(e->p.journal, &f->s, k, &id) < 0 || ym_job_get(e->p.journal, id.s, &r) < 0)
        return false;
    bool yes = r.state == YM_JOB_DONE || r.state == YM_JOB_STORED;
    ym_job_row_fini(&r);
    return yes;
}

struct verifying {
    struct facts *f;
};

static void verify_work(void *ctx)
{
    struct facts *f = ((struct verifying *)ctx)->f;
    for (size_t i = 0; i < f->nadopted; i++)
        verify(f->e->p.store, &f->adopted[i]);
}

static void verify_done(struct ym_engine *e, void *ctx)
{
    struct verifying *v = ctx;
    decide(e, ym_steal(&v->f));
}

static void verify_free(void *ctx)
{
    struct verifying *v = ctx;
    facts_free(v->f);
    free(v);
}

bool adopt_start(struct ym_engine *e, struct facts *f)
{
    static const struct task_ops ops = {verify_work, verify_done, verify_free};
    f->adoption_tried = true;
    if (f->why & WHY_AGAIN)
        return false;
    for (int i = 0; i < f->n; i++) {
        struct finding x = {f, f->variation + i};
        if (known(e, f, x.k))
            continue;
        struct ym_digest h = request_hash(e, f, x.k);
        ym_sidecar_find(e->p.journal, &f->s, x.k, &h, candidate_add, &x);
    }
    if (f->nadopted == 0)
        return false;
    struct verifying *v = ym_alloc(sizeof(*v));
    v->f = f;
    engine_task(e, &ops, v, false);
    return true;
}

static void media_set(struct ym_engine *e, struct ym_job_row *r, const struct adopted *a)
{
    struct ym_row_ident id = {a->ident.ino, a->ident.btime_ns, a->ident.size, a->ident.mtime_ns};
    r->b2 = a->row.b2;
    r->size = a->size;
    str_set(&r->ext, a->info.type->ext);
    str_set(&r->mime, a->info.type->mime);
    r->width = (int)a->info.width;
    r->height = (int)a->info.height;
    r->duration_ms = a->info.duration_ms;
    r->c2pa = a->info.c2pa;
    r->adopted = true;
    str_set(&r->reused_from, a->row.path);
    struct ym_digest d = ym_digest_of(a->row.doc, strlen(a->row.doc));
    ym_note_put(e->p.journal, a->row.path, "", &d);
    ym_copy_put(e->p.journal, a->row.media, &id, &a->row.b2);
}

static void record(struct ym_engine *e, struct facts *f, const struct adopted *a)
{
    struct ym_job_row r = {.id = ym_id_new(engine_wall(e)), .kind = f->kind, .variation = a->k};
    YM_AUTOJSON cJSON *doc = NULL;
    ym_json_parse(a->row.doc, strlen(a->row.doc), 65536, &doc, NULL);
    const cJSON *mine = ym_json_get(doc, "ymago");
    const struct ym_driver *d;
    struct ym_request q = {.kind = f->kind, .variation = a->k};
    struct ym_err err;
    bool resolved = resolve_request(e, f->kind, f->prompt, f->fields, f->refs, f->nrefs, a->k, &d, &q, &err) == 0;
    r.provider = ym_strdup(ym_json_str_or(mine, "provider", resolved ? q.provider : "none"));
    r.model = ym_strdup(ym_json_str_or(mine, "model", ym_json_str_or(doc, "model_name", "none")));
    r.lane = ym_asprintf("%s/%s", r.provider, r.model);
    r.prompt = ym_strdup(f->prompt);
    r.request = resolved ? ym_request_pack(&q) : ym_strdup("{}");
    r.h = !ym_digest_is_zero(&a->row.h) ? a->row.h : resolved ? ym_identity_request(&q) : f->s;
    r.origin = ym_strdup("file");
    r.folder = ym_strdup("");
    r.queued_at = r.finished_at = r.run_at = engine_wall(e);
    r.max_usd = (ym_money){-1};
    media_set(e, &r, a);
    job_create(e, &r, JE_ADOPTED);
    engine_must(e, ym_source_put(e->p.journal, &f->s, a->k, r.id.s), "a source", NULL);
    ym_request_fini(&q);
    ym_job_row_fini(&r);
}

void adopt_record(struct ym_engine *e, struct facts *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->nadopted; i++) {
        struct adopted *a = &f->adopted[i];
        if (a->ok && !known(e, f, a->k)) {
            record(e, f, a);
            kept++;
        } else if (!a->ok) {
            ym_sidecar_delete(e->p.journal, a->row.path);
        }
    }
    if (kept == 0)
        adopted_free(f);
}

/* ---- right before a claim: a copied library may have brought the result meanwhile ---- */
struct last_look {
    struct ym_engine *e;
    struct ym_id job;
    struct adopted a;
};

static bool first_candidate(void *ctx, const struct ym_sidecar_row *r)
{
    struct last_look *l = ctx;
    row_copy(&l->a.row, r);
    return true;
}

static void last_work(void *ctx)
{
    struct last_look *l = ctx;
    verify(l->e->p.store, &l->a);
}

static void last_done(struct ym_engine *e, void *ctx)
{
    struct last_look *l = ctx;
    struct ym_job_row r;
    if (!l->a.ok)
        ym_sidecar_delete(e->p.journal, l->a.row.path);
    if (ym_job_get(e->p.journal, l->job.s, &r) < 0)
        return;
    if (r.state == YM_JOB_QUEUED && l->a.ok) {
        media_set(e, &r, &l->a);
        str_set(&r.bulk, NULL);
        job_to(e, &r, JE_ADOPTED);
        place_job(e, r.id.s);
    } else if (r.state == YM_JOB_QUEUED) {
        r.run_at = engine_wall(e);
        job_save(e, &r);
        lanes_load(e);
    }
    ym_job_row_fini(&r);
}

static void last_free(void *ctx)
{
    struct last_look *l = ctx;
    ym_sidecar_row_fini(&l->a.row);
    free(l);
}

bool adopt_before_claim(struct ym_engine *e, struct ym_job_row *r)
{
    static const struct task_ops ops = {last_work, last_done, last_free};
    struct slot_list slots;
    struct last_look *l = ym_alloc(sizeof(*l));
    l->e = e;
    l->job = r->id;
    slots_of_job(e, r->id.s, &slots);
    for (size_t i = 0; i < slots.n && !l->a.row.path; i++) {
        struct ym_name_row n;
        if (ym_name_get(e->p.journal, slots.v[i].path, &n) < 0)
            continue;
        ym_sidecar_find(e->p.journal, &n.s, slots.v[i].variation, &r->h, first_candidate, l);
        ym_name_row_fini(&n);
    }
    slot_list_fini(&slots);
    if (!l->a.row.path) {
        last_free(l);
        return false;
    }
    r->run_at = (ym_wall){engine_wall(e).ms + 60000}; /* not claimed while it is looked at */
    job_save(e, r);
    engine_task_after(e, &ops, l, true);
    return true;
}

/* ---- the index of sidecars that are not ours ---- */
struct indexing {
    struct ym_engine *e;
    char *path;
    struct ym_sidecar_row row;
    char *id; /* of the job it names */
    int r;
};

static void index_work(void *ctx)
{
    struct indexing *x = ctx;
    YM_AUTOFREE char *text = NULL;
    YM_AUTOJSON cJSON *doc = NULL;
    size_t len;
    struct ym_err err;
    YM_AUTOCLOSE int fd = ym_store_openat(x->e->p.store, x->path, O_RDONLY | O_CLOEXEC, 0);
    x->r = fd < 0 ? fd : ym_read_fd(fd, 65536, &text, &len);
    if (x->r == 0)
        x->r = ym_sidecar_parse(x->path, text, len, &x->row, &err);
    if (x->r == 0 && ym_json_parse(text, len, 65536, &doc, NULL) == 0)
        x->id = ym_strdup(ym_json_str(ym_json_get(doc, "ymago"), "id"));
}

static void index_done(struct ym_engine *e, void *ctx)
{
    struct indexing *x = ctx;
    struct ym_job_row r;
    struct ym_err err;
    e->indexing--;
    if (x->r < 0)
        return;
    if (x->id && ym_id_valid(x->id) && ym_job_get(e->p.journal, x->id, &r) == 0) {
        bool same = r.state == YM_JOB_DONE;
        ym_job_row_fini(&r);
        if (same)
            return; /* our own: the journal knows more than it says */
    }
    engine_must(e, ym_sidecar_put(e->p.journal, &x->row, &err), "a sidecar", &err);
}

static void index_free(void *ctx)
{
    struct indexing *x = ctx;
    ym_sidecar_row_fini(&x->row);
    free(x->path);
    free(x->id);
    free(x);
}

void sidecar_index(struct ym_engine *e, const char *path)
{
    static const struct task_ops ops = {index_work, index_done, index_free};
    struct indexing *x = ym_alloc(sizeof(*x));
    x->e = e;
    x->path = ym_strdup(path);
    e->indexing++;
    engine_task(e, &ops, x, false);
}

bool sidecar_indexing(struct ym_engine *e)
{
    return e->indexing > 0;
}
