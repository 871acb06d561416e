/* The walk: sidecars first (so that prompts find them), then prompts, then names whose file is gone.
 * A thread of its own with its own reader of the journal; the engine sees only what differs. */
#include "engine_private.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

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
    bool noticed = s->e->p.mounted && !(s->why & WHY_MOVED); /* in a folder that moved all are looked at */
    if (noticed && made > s->e->mounted_at.ms && made <= engine_wall(s->e).ms)
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

/* ---- prompts that a power cut shortened: written again from the journal, before the mount ---- */
#define RUN_META "run"
#define UNWRITTEN YM_SEC(120) /* what was settled longer before the end had reached the disk by itself */

struct mending {
    struct ym_engine *e;
    ym_wall last; /* when a name was settled last */
};

static void last_settled(void *ctx, const struct ym_name_row *n)
{
    struct mending *m = ctx;
    if (n->settled_at.ms > m->last.ms)
        m->last = n->settled_at;
}

/* A file that was changed after it had settled is as its user wants it. */
static bool was_cut(const struct ym_name_row *n, const struct stat *st)
{
    int64_t changed = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    return S_ISREG(st->st_mode) && st->st_size < (int64_t)n->text_len && changed <= n->settled_at.ms;
}

static void name_mend(void *ctx, const struct ym_name_row *n)
{
    struct mending *m = ctx;
    struct ym_err err;
    struct stat st;
    const char *base;
    if (!n->text || n->settled_at.ms + UNWRITTEN.ms < m->last.ms)
        return;
    YM_AUTOCLOSE int dir = ym_store_parent(m->e->p.store, n->path, &base);
    if (dir < 0 || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || !was_cut(n, &st))
        return;
    if (ym_write_whole(dir, base, n->text, n->text_len, st.st_mode & 07777, &err) < 0) {
        ym_log(YM_WARN, "engine", "%s was found short: %s", n->path, err.msg);
        return;
    }
    if (st.st_uid != geteuid() && fchownat(dir, base, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        ym_log(YM_WARN, "engine", "%s now belongs to the program's user", n->path);
    ym_log(YM_INFO, "engine", "%s was found short and written again from the journal", n->path);
}

/* "closed BOOT" when the last engine ended by itself since the machine started: no file can be short. */
static int run_mark(struct ym_engine *e, const char *what)
{
    char text[64], boot[40] = "";
    YM_AUTOCLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, boot, 36) != 36)
        boot[0] = 0;
    snprintf(text, sizeof(text), "%s %s", what, boot);
    return ym_meta_put(e->p.journal, RUN_META, text);
}

static bool ended_well(struct ym_engine *e)
{
    char *before = NULL, *now = NULL;
    bool well = ym_meta_get(e->p.journal, RUN_META, &before) == 0 && run_mark(e, "closed") == 0 &&
                ym_meta_get(e->p.journal, RUN_META, &now) == 0 && strcmp(before, now) == 0 &&
                strlen(now) > strlen("closed ");
    free(before);
    free(now);
    return well;
}

void intake_recover(struct ym_engine *e)
{
    struct mending m = {.e = e};
    bool well = ended_well(e);
    engine_must(e, run_mark(e, "open"), "the mark of this run", NULL);
    if (well)
        return;
    ym_name_each(e->p.journal, "", true, last_settled, &m);
    ym_name_each(e->p.journal, "", true, name_mend, &m);
}

int intake_closed(struct ym_engine *e)
{
    return run_mark(e, "closed");
}
