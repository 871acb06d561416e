/* The walk: sidecars first (so that prompts find them), then prompts, then names whose file is gone.
 * A thread of its own with its own reader of the journal; the engine sees only what differs. */
#include "engine_private.h"

#include <sys/prctl.h>
#include <time.h>

#define SCAN_AHEAD 512 /* names handed over and not settled yet */

struct scan {
    struct ym_engine *e;
    pthread_t thread;
    char *folder;
    unsigned why;
    struct ym_journal *reader;
    enum { PASS_SIDECARS, PASS_PROMPTS } pass;
    int64_t looked;
    struct scan *then; /* asked for meanwhile */
};

struct found { /* handed to the engine */
    char *path;
    unsigned why;
    bool sidecar, gone;
};

static void found_run(struct ym_engine *e, void *ctx)
{
    struct found *f = ctx;
    if (f->sidecar)
        sidecar_index(e, f->path);
    else
        settle_arm(e, f->path, f->gone ? WHY_GONE : f->why, YM_MS(0), -1);
}

static void found_free(void *ctx, bool ok)
{
    struct found *f = ctx;
    (void)ok;
    free(f->path);
    free(f);
}

static bool hand_over(struct scan *s, const char *path, bool sidecar, bool gone)
{
    struct timespec nap = {.tv_nsec = 5000000};
    while (intake_settling_count(s->e) > SCAN_AHEAD && !atomic_load(&s->e->scan_stop))
        nanosleep(&nap, NULL);
    if (atomic_load(&s->e->scan_stop))
        return false;
    struct found *f = ym_alloc(sizeof(*f));
    *f = (struct found){.path = ym_strdup(path), .why = s->why, .sidecar = sidecar, .gone = gone};
    return ym_engine_post(s->e, found_run, found_free, f);
}

static bool ident_same(const struct ym_row_ident *a, const struct ym_ident *b)
{
    return a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static bool scan_file(void *ctx, const struct ym_scan_file *f)
{
    struct scan *s = ctx;
    struct ym_name_row n;
    struct ym_row_ident id;
    struct ym_digest b2;
    s->looked++;
    if (atomic_load(&s->e->scan_stop))
        return false;
    if (s->pass == PASS_SIDECARS) {
        if (f->name.cls != YM_NM_SIDECAR)
            return true;
        char *media = ym_strndup(f->path, strlen(f->path) - 5); /* without ".json" */
        bool ours = ym_copy_get(s->reader, media, &id, &b2) == 0;
        free(media);
        return ours ? true : hand_over(s, f->path, true, false);
    }
    if (f->name.cls != YM_NM_PROMPT && f->name.cls != YM_NM_DOCUMENT)
        return true;
    int64_t made = f->ident.btime_ns / 1000000;
    if (made > s->e->mounted_at.ms && made <= engine_wall(s->e).ms && s->e->p.mounted)
        return true; /* made since the mount: noticed there (a clock set back makes others look younger) */
    if (ym_name_get(s->reader, f->path, &n) == 0) {
        bool same = ident_same(&n.ident, &f->ident) && !(s->why & WHY_MOVED);
        ym_name_row_fini(&n);
        if (same)
            return true;
    }
    return hand_over(s, f->path, false, false);
}

static void name_look(void *ctx, const struct ym_name_row *n)
{
    struct scan *s = ctx;
    struct ym_ident now;
    if (!atomic_load(&s->e->scan_stop) && ym_store_ident(s->e->p.store->lib_fd, n->path, &now) == -ENOENT)
        hand_over(s, n->path, false, true);
}

static void pass_done(struct ym_engine *e, void *ctx)
{
    (void)ctx;
    e->indexing--; /* the sidecars handed over are counted one by one */
}

static void *scan_main(void *arg);

static void scan_over(struct ym_engine *e, void *ctx)
{
    struct scan *s = ctx, *then = s->then;
    pthread_join(s->thread, NULL);
    e->status.scanning = false;
    e->status.scanned = s->looked;
    e->status_dirty = true;
    if (!*s->folder && !atomic_load(&e->scan_stop))
        engine_must(e, ym_meta_put(e->p.journal, "scanned", "1"), "the scan's mark", NULL);
    free(s->folder);
    free(s);
    e->scan = then;
    if (then) {
        e->indexing++;
        e->status.scanning = true;
        pthread_create(&then->thread, NULL, scan_main, then);
    }
}

static void *scan_main(void *arg)
{
    struct scan *s = arg;
    struct ym_err err = {0};
    prctl(PR_SET_NAME, "ymago-scan");
    if (ym_journal_open(s->e->p.store->state_fd, YM_JOURNAL_READ, &s->reader, &err) == 0) {
        s->pass = PASS_SIDECARS;
        ym_library_scan(s->e->p.store, s->folder, scan_file, s, &err);
        ym_engine_post(s->e, pass_done, NULL, NULL);
        s->pass = PASS_PROMPTS;
        s->looked = 0;
        ym_library_scan(s->e->p.store, s->folder, scan_file, s, &err);
        ym_name_each(s->reader, s->folder, true, name_look, s);
        ym_journal_close(s->reader);
    } else {
        ym_log(YM_WARN, "engine", "the library was not scanned: %s", err.msg);
        ym_engine_post(s->e, pass_done, NULL, NULL);
    }
    ym_engine_post(s->e, scan_over, NULL, s);
    return NULL;
}

void scan_start(struct ym_engine *e, const char *folder, unsigned why)
{
    struct scan *s = ym_alloc(sizeof(*s));
    *s = (struct scan){.e = e, .folder = ym_strdup(folder), .why = why};
    struct scan **end = &e->scan;
    while (*end)
        end = &(*end)->then;
    bool idle = !e->scan;
    *end = s;
    if (!idle)
        return;
    e->indexing++;
    e->status.scanning = true;
    e->status_dirty = true;
    int r = pthread_create(&s->thread, NULL, scan_main, s);
    ym_assert(r == 0);
}

/* After the engine's thread has ended: a walk may still be under way. */
void scan_stop(struct ym_engine *e)
{
    atomic_store(&e->scan_stop, true);
    for (bool first = true; e->scan; first = false) {
        struct scan *s = e->scan;
        e->scan = s->then;
        if (first)
            pthread_join(s->thread, NULL);
        free(s->folder);
        free(s);
    }
}

static void scan_asked(struct ym_engine *e, void *ctx)
{
    char *done = NULL;
    (void)ctx;
    bool known = ym_meta_get(e->p.journal, "scanned", &done) == 0;
    free(done);
    scan_start(e, "", WHY_SCAN | (known || !e->p.mounted ? 0 : WHY_FIRST));
}

void ym_engine_scan(struct ym_engine *e)
{
    ym_engine_post(e, scan_asked, NULL, NULL);
}

/* Prompts whose file is shorter than what was settled (a power cut): written again. */
static void name_mend(void *ctx, const struct ym_name_row *n)
{
    struct ym_engine *e = ctx;
    struct ym_ident now;
    struct ym_err err;
    const char *base;
    if (!n->text || ym_store_ident(e->p.store->lib_fd, n->path, &now) < 0 ||
        now.size >= (int64_t)n->text_len || now.size != 0)
        return;
    YM_AUTOCLOSE int dir = ym_store_parent(e->p.store, n->path, &base);
    if (dir >= 0 && ym_write_whole(dir, base, n->text, n->text_len, 0644, &err) == 0)
        ym_log(YM_INFO, "engine", "%s was found short and written again from the journal", n->path);
}

void intake_recover(struct ym_engine *e)
{
    struct id_list open = {0};
    static const enum ym_state states[] = {YM_JOB_QUEUED, YM_JOB_RESERVED, YM_JOB_HELD};
    for (size_t i = 0; i < YM_COUNT(states); i++)
        ym_job_each_state(e->p.journal, states[i], id_list_add, &open);
    for (size_t i = 0; i < open.n; i++) {
        struct slot_list l;
        slots_of_job(e, open.v[i].s, &l);
        for (size_t k = 0; k < l.n; k++) {
            struct ym_name_row n;
            if (ym_name_get(e->p.journal, l.v[k].path, &n) < 0)
                continue;
            name_mend(e, &n);
            ym_name_row_fini(&n);
        }
        slot_list_fini(&l);
    }
    id_list_fini(&open);
}
