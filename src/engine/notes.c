/* Notes beside prompts: error.log and held.log. Texts are made here, files by a worker; what a note
 * says may be over by the time it is written, so it is checked again then. */
#include "engine_private.h"

#define NOTE_RETRY YM_SEC(5)

/* One task at a time for the notes of one prompt: a second writer would take the first one's file for
 * somebody else's, and a removal could pass what it is to remove. */
struct note_busy {
    struct note_busy *next;
    char *prompt;
};

struct note {
    struct note *next;           /* while it waits */
    ym_mono not_before;          /* the disk was full; 0 = not put off */
    struct ym_engine *e;
    char *prompt, *kind, *text;  /* kind NULL = remove `path` */
    char *path;
    struct ym_id job;            /* the failure it tells of; "" = a hold */
    struct ym_hold_row hold;
    bool has_ours;
    struct ym_digest ours, b2;
    struct ym_ident ident;
    struct ym_err err;
    int r;
};

static void note_free(void *ctx)
{
    struct note *n = ctx;
    free(n->prompt);
    free(n->kind);
    free(n->text);
    free(n->path);
    ym_hold_row_fini(&n->hold);
    free(n);
}

/* ---- order ---- */
static struct note_busy **busy_find(struct ym_engine *e, const char *prompt)
{
    struct note_busy **b = &e->notes_busy;
    while (*b && strcmp((*b)->prompt, prompt) != 0)
        b = &(*b)->next;
    return b;
}

static void note_start(struct ym_engine *e, struct note *n);

/* Starts the next of a prompt, if it may be started. */
static void notes_go(struct ym_engine *e, const char *prompt)
{
    struct note **p = &e->notes_waiting;
    while (*p && strcmp((*p)->prompt, prompt) != 0)
        p = &(*p)->next;
    struct note *n = *p;
    if (!n || *busy_find(e, prompt))
        return;
    if (n->not_before.ns > engine_mono(e).ns) {
        engine_at(e, n->not_before);
        return;
    }
    *p = n->next;
    e->notes += n->not_before.ns != 0;
    note_start(e, n);
}

static void busy_end(struct ym_engine *e, const char *prompt)
{
    struct note_busy **b = busy_find(e, prompt), *gone = *b;
    ym_assert(gone);
    *b = gone->next;
    free(gone->prompt);
    free(gone);
}

static bool same_text(const struct note *a, const struct note *b)
{
    return a->kind && b->kind && strcmp(a->kind, b->kind) == 0;
}

/* Behind the others of its prompt; of two texts in a row only the later is written. */
static void note_wait(struct ym_engine *e, struct note *n)
{
    struct note **end = &e->notes_waiting, **last = NULL;
    for (; *end; end = &(*end)->next)
        if (strcmp((*end)->prompt, n->prompt) == 0)
            last = end;
    e->notes += n->not_before.ns == 0; /* nobody waits for space to return */
    if (last && same_text(*last, n)) {
        struct note *old = *last;
        n->next = old->next;
        *last = n;
        e->notes -= old->not_before.ns == 0;
        note_free(old);
    } else {
        *end = n;
    }
}

static void note_queue(struct ym_engine *e, struct note *n)
{
    n->e = e;
    note_wait(e, n);
    notes_go(e, n->prompt);
}

/* There was no space for it: written when there is, unless a newer one is. */
static void note_put_off(struct ym_engine *e, struct note *n)
{
    for (struct note *w = e->notes_waiting; w; w = w->next)
        if (strcmp(w->prompt, n->prompt) == 0 && same_text(w, n))
            return;
    struct note *again = ym_alloc(sizeof(*again));
    *again = (struct note){.e = e, .prompt = ym_strdup(n->prompt), .kind = ym_steal(&n->kind),
                           .text = ym_steal(&n->text), .job = n->job, .hold.id = n->hold.id,
                           .not_before = ym_mono_add(engine_mono(e), NOTE_RETRY)};
    note_wait(e, again);
}

void notes_tick(struct ym_engine *e)
{
    for (struct note *n = e->notes_waiting, *next; n; n = next) {
        next = n->next;
        if (n->not_before.ns)
            notes_go(e, n->prompt);
    }
}

void notes_free(struct ym_engine *e)
{
    while (e->notes_waiting) {
        struct note *n = e->notes_waiting;
        e->notes_waiting = n->next;
        note_free(n);
    }
    while (e->notes_busy) {
        struct note_busy *b = e->notes_busy;
        e->notes_busy = b->next;
        free(b->prompt);
        free(b);
    }
}

/* ---- the task ---- */
static void note_work(void *ctx)
{
    struct note *n = ctx;
    const struct ym_digest *ours = n->has_ours ? &n->ours : NULL;
    if (!n->kind)
        n->r = ours ? ym_remove_note(&n->e->lib, n->path, ours, &n->err) : 0;
    else
        n->r = ym_place_note(&n->e->lib, n->prompt, n->kind, n->text, strlen(n->text), ours,
                             &n->path, &n->b2, &n->ident, &n->err);
}

/* It may have been renamed between its appearance and this moment, when nothing knew it yet. A hard
 * link is no renaming: then it is still where it was. */
static void renamed_early(struct ym_engine *e, const char *path)
{
    static const char held[] = ".held.log";
    struct ym_ident now;
    size_t len = strlen(path), k = sizeof(held) - 1;
    if (len <= k || strcmp(path + len - k, held) != 0 ||
        ym_store_ident(e->p.store->lib_fd, path, &now) != -ENOENT)
        return;
    YM_AUTOFREE char *to = ym_asprintf("%.*s.approved.log", (int)(len - k), path);
    note_renamed(e, path, to);
}

/* A hold's note is known by its file: renaming that approves. */
static void held_written(struct ym_engine *e, struct note *n)
{
    struct ym_hold_row h;
    struct ym_err err;
    if (ym_hold_get(e->p.journal, n->hold.id.s, &h) < 0)
        return;
    str_set(&h.note, n->path);
    h.ident = (struct ym_row_ident){n->ident.ino, n->ident.btime_ns, n->ident.size, n->ident.mtime_ns};
    engine_must(e, ym_hold_put(e->p.journal, &h, &err), "a hold", &err);
    if (h.status != YM_HOLD_WAITING)
        note_remove(e, n->path);
    else
        renamed_early(e, n->path);
    ym_hold_row_fini(&h);
}

/* The failure it tells of is still what became of this prompt. */
static bool still_true(struct ym_engine *e, const struct note *n)
{
    struct ym_job_row r;
    struct slot_list l;
    if (!n->job.s[0]) /* of cost/budget.toml */
        return e->status.budget_error[0] != 0;
    bool failed = ym_job_get(e->p.journal, n->job.s, &r) == 0, named = false;
    if (failed) {
        failed = r.state != YM_JOB_DONE && r.state != YM_JOB_STORED && r.cls != YM_OK;
        ym_job_row_fini(&r);
    }
    slots_of_job(e, n->job.s, &l);
    for (size_t i = 0; i < l.n; i++)
        named |= strcmp(l.v[i].path, n->prompt) == 0;
    slot_list_fini(&l);
    return failed && named;
}

static void note_written(struct ym_engine *e, struct note *n)
{
    ym_note_put(e->p.journal, n->path, n->prompt, &n->b2);
    if (n->hold.id.s[0])
        held_written(e, n);
    else if (!still_true(e, n))
        note_remove(e, n->path);
}

static void note_done(struct ym_engine *e, void *ctx)
{
    struct note *n = ctx;
    e->notes--;
    if (n->r < 0)
        ym_log(YM_WARN, "engine", "note for %s: %s", n->prompt, n->err.msg);
    if ((n->r == -ENOSPC || n->r == -EDQUOT) && n->kind)
        note_put_off(e, n);
    else if (n->r == 0 && n->kind)
        note_written(e, n);
    busy_end(e, n->prompt);
    notes_go(e, n->prompt);
}

static const struct task_ops note_ops = {note_work, note_done, note_free};

struct ours_find {
    const char *suffix;
    struct note *n;
};

static void ours_found(void *ctx, const char *path, const struct ym_digest *b2)
{
    struct ours_find *f = ctx;
    size_t n = strlen(path), k = strlen(f->suffix);
    if (n > k && strcmp(path + n - k, f->suffix) == 0) {
        f->n->has_ours = true;
        f->n->ours = *b2;
    }
}

static void note_start(struct ym_engine *e, struct note *n)
{
    struct note_busy *b = ym_alloc(sizeof(*b));
    b->prompt = ym_strdup(n->prompt);
    b->next = e->notes_busy;
    e->notes_busy = b;
    if (n->kind) {
        YM_AUTOFREE char *suffix = ym_asprintf(".%s.log", n->kind);
        struct ours_find f = {suffix, n};
        ym_note_each(e->p.journal, n->prompt, ours_found, &f);
    } else {
        n->has_ours = ym_note_get(e->p.journal, n->path, NULL, &n->ours) == 0;
        ym_note_delete(e->p.journal, n->path);
    }
    engine_task_after(e, &note_ops, n, false);
}

struct prompts {
    struct ym_engine *e;
    char **v;
    size_t n;
};

static void prompt_add(void *ctx, const struct ym_slot_row *r)
{
    struct prompts *p = ctx;
    if (strncmp(r->path, "cli:", 4) == 0)
        return;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i], r->path) == 0)
            return;
    p->v = ym_realloc(p->v, (p->n + 1) * sizeof(*p->v));
    p->v[p->n++] = ym_strdup(r->path);
}

static const char *advice_for(enum ym_class cls)
{
    switch (cls) {
    case YM_INVALID:
        return "Edit the prompt and save it.";
    case YM_REFUSED:
        return "Change the wording and save it.";
    case YM_AUTH:
        return "Set the key, then run `ymago reload`; waiting prompts go on by themselves.";
    case YM_AMBIGUOUS:
    case YM_LOST:
        return "Look at the provider's usage page; `ymago retry` sends it once more.";
    case YM_LOCAL:
        return "Make room on the disk, then run `ymago retry`.";
    case YM_EMPTY:
    case YM_TRANSIENT:
    case YM_THROTTLED:
    case YM_OFFLINE:
    case YM_HELD:
    case YM_CANCELLED:
    case YM_BROKEN:
    case YM_OK:
    case YM_CLASS_COUNT:
        break;
    }
    return "`touch` the prompt, or run `ymago retry`, to try once more; or edit it and save.";
}

void note_error(struct ym_engine *e, const struct ym_job_row *r, const char *billed, const char *next)
{
    struct prompts all = {.e = e};
    ym_slot_each_job(e->p.journal, r->id.s, prompt_add, &all);
    struct ym_error_note t = {.what = r->error, .words = r->words, .billed = billed, .next = next,
                              .advice = advice_for(r->cls)};
    for (size_t i = 0; i < all.n; i++) {
        struct note *n = ym_alloc(sizeof(*n));
        n->prompt = all.v[i];
        n->kind = ym_strdup("error");
        n->text = ym_error_note_text(&t);
        n->job = r->id;
        note_queue(e, n);
    }
    free(all.v);
}

void note_budget(struct ym_engine *e, const struct ym_err *err)
{
    struct note *n = ym_alloc(sizeof(*n));
    n->prompt = ym_strdup(BUDGET_FILE);
    n->kind = ym_strdup("error");
    n->text = ym_asprintf("%s\nThe values that were in force stay in force. Edit cost/budget.toml and save it.\n", err->msg);
    note_queue(e, n);
}

void note_held(struct ym_engine *e, const char *prompt, struct ym_hold_row *h)
{
    char m[32], iso[32];
    ym_money_format(h->amount, m);
    struct note *n = ym_alloc(sizeof(*n));
    if (prompt) {
        n->prompt = ym_strdup(prompt);
    } else { /* a bulk: one note in the library's root; the stem says when */
        ym_wall_iso(h->at, iso);
        for (char *c = iso; *c; c++)
            if (*c == ':' || *c == '.')
                *c = '-';
        n->prompt = ym_asprintf("bulk-%s.txt", iso);
    }
    n->kind = ym_strdup("held");
    n->text = h->amount.micro_usd > 0
                  ? ym_asprintf("Held: %s\n\nAmount: %s (the high estimate)\n\n"
                                "To approve exactly this amount, rename this file from .held.log to .approved.log.\n"
                                "Or run: ymago approve %s [USD]\n",
                                h->why, m, prompt ? prompt : h->target)
                  : ym_asprintf("Held: %s\n\nAmount: not known\n\nTo approve an amount, run: ymago approve %s USD\n",
                                h->why, prompt ? prompt : h->target);
    n->hold.id = h->id;
    note_queue(e, n);
}

void note_remove(struct ym_engine *e, const char *path)
{
    char *prompt = NULL;
    struct ym_digest ours;
    if (ym_note_get(e->p.journal, path, &prompt, &ours) < 0)
        return;
    struct note *n = ym_alloc(sizeof(*n));
    n->path = ym_strdup(path);
    n->prompt = prompt;
    note_queue(e, n);
}

struct paths {
    char **v;
    size_t n;
};

static void error_path_add(void *ctx, const char *path, const struct ym_digest *b2)
{
    struct paths *p = ctx;
    static const char suffix[] = ".error.log";
    size_t n = strlen(path);
    (void)b2;
    if (n < sizeof(suffix) || strcmp(path + n - (sizeof(suffix) - 1), suffix) != 0)
        return;
    p->v = ym_realloc(p->v, (p->n + 1) * sizeof(*p->v));
    p->v[p->n++] = ym_strdup(path);
}

void note_error_clear(struct ym_engine *e, const char *prompt)
{
    struct paths p = {0};
    ym_note_each(e->p.journal, prompt, error_path_add, &p);
    for (size_t i = 0; i < p.n; i++) {
        note_remove(e, p.v[i]);
        free(p.v[i]);
    }
    free(p.v);
}
