/* What goes along with a file that its user moved or removed: a picture's sidecar, a prompt's notes.
 * Only after a quiet time in that folder, so that `mv a.png a.png.json d/` and `rm -r` find what they
 * are about to move or remove themselves, and only while it is still what we wrote. */
#include "engine_private.h"

#define QUIET YM_SEC(2)

struct companion {
    struct companion *next;
    struct ym_engine *e;
    char *from, *to;            /* to NULL: removed */
    char *prompt;               /* of a note: whose it will be; "" = a sidecar */
    ym_mono due;
    bool has_over;
    struct ym_digest ours, over;
    struct ym_ident ident;      /* where it went */
    struct ym_err err;
    int r;
};

static void companion_free(void *ctx)
{
    struct companion *c = ctx;
    free(c->from);
    free(c->to);
    free(c->prompt);
    free(c);
}

void companions_free(struct ym_engine *e)
{
    while (e->companions) {
        struct companion *c = e->companions;
        e->companions = c->next;
        companion_free(c);
    }
}

/* ---- what waits ---- */
static void companion_add(struct ym_engine *e, const char *from, const char *to, const char *prompt)
{
    struct companion *c = e->companions;
    while (c && strcmp(c->from, from) != 0)
        c = c->next;
    if (!c) {
        c = ym_alloc(sizeof(*c));
        c->e = e;
        c->from = ym_strdup(from);
        c->next = e->companions;
        e->companions = c;
    }
    str_set(&c->to, to);
    str_set(&c->prompt, prompt);
    c->due = ym_mono_add(engine_mono(e), QUIET);
    engine_at(e, c->due);
}

/* The file moved on before its companion came after it. */
static bool redirected(struct ym_engine *e, const char *was_to, const char *to)
{
    for (struct companion *c = e->companions; c; c = c->next)
        if (c->to && strcmp(c->to, was_to) == 0) {
            str_set(&c->to, to);
            c->due = ym_mono_add(engine_mono(e), QUIET);
            return true;
        }
    return false;
}

static bool ours(struct ym_engine *e, const char *path, struct ym_digest *ret)
{
    char *prompt = NULL;
    int r = ym_note_get(e->p.journal, path, &prompt, ret);
    free(prompt);
    return r == 0;
}

void companion_sidecar(struct ym_engine *e, const char *media, const char *to_media)
{
    struct ym_digest b2;
    YM_AUTOFREE char *from = ym_asprintf("%s.json", media);
    YM_AUTOFREE char *to = to_media ? ym_asprintf("%s.json", to_media) : NULL;
    if (!redirected(e, from, to) && ours(e, from, &b2))
        companion_add(e, from, to, "");
}

struct note_list {
    char **v;
    struct ym_digest *b2;
    size_t n;
};

static void note_add(void *ctx, const char *path, const struct ym_digest *b2)
{
    struct note_list *l = ctx;
    l->v = ym_realloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->b2 = ym_realloc(l->b2, (l->n + 1) * sizeof(*l->b2));
    l->v[l->n] = ym_strdup(path);
    l->b2[l->n++] = *b2;
}

/* The notes are the new name's at once; the files follow. */
void companion_notes(struct ym_engine *e, const char *from, const char *to)
{
    struct note_list l = {0};
    struct ym_name n;
    ym_note_each(e->p.journal, from, note_add, &l);
    for (size_t i = 0; i < l.n; i++) {
        const char *base = strrchr(l.v[i], '/');
        ym_name_classify(base ? base + 1 : l.v[i], &n);
        ym_note_put(e->p.journal, l.v[i], to, &l.b2[i]);
        YM_AUTOFREE char *path = n.cls == YM_NM_NOTE ? ym_note_path(to, n.note, false) : NULL;
        if (path && strcmp(path, l.v[i]) != 0)
            companion_add(e, l.v[i], path, to);
        free(l.v[i]);
    }
    free(l.v);
    free(l.b2);
}

/* Something was renamed or unlinked at path: companions that wait in that folder wait on. */
void companion_stir(struct ym_engine *e, const char *path)
{
    const char *base = strrchr(path, '/');
    size_t n = base ? (size_t)(base - path) + 1 : 0;
    for (struct companion *c = e->companions; c; c = c->next)
        if (strncmp(c->from, path, n) == 0 && !strchr(c->from + n, '/'))
            c->due = ym_mono_add(engine_mono(e), QUIET);
}

/* A note or sidecar that the user moved or removed himself. */
void companion_moved(struct ym_engine *e, const char *from, const char *to)
{
    struct ym_hold_row h;
    struct ym_err err;
    struct ym_digest b2;
    char *prompt = NULL;
    if (ym_note_get(e->p.journal, from, &prompt, &b2) < 0)
        return;
    ym_note_delete(e->p.journal, from);
    if (to && !ym_path_hidden(to)) {
        ym_note_put(e->p.journal, to, prompt, &b2);
        if (ym_hold_by_note(e->p.journal, from, &h) == 0) {
            str_set(&h.note, to);
            engine_must(e, ym_hold_put(e->p.journal, &h, &err), "a hold", &err);
            ym_hold_row_fini(&h);
        }
    }
    free(prompt);
}

/* ---- going ---- */
static void companion_work(void *ctx)
{
    struct companion *c = ctx;
    const struct ym_library *l = &c->e->lib;
    c->r = c->to ? ym_move_note(l, c->from, c->to, &c->ours, c->has_over ? &c->over : NULL, &c->ident, &c->err)
                 : ym_remove_note(l, c->from, &c->ours, &c->err);
}

static void hold_follows(struct ym_engine *e, const struct companion *c)
{
    struct ym_hold_row h;
    struct ym_err err;
    if (ym_hold_by_note(e->p.journal, c->from, &h) < 0)
        return;
    str_set(&h.note, c->to);
    h.ident = (struct ym_row_ident){c->ident.ino, c->ident.btime_ns, c->ident.size, c->ident.mtime_ns};
    engine_must(e, ym_hold_put(e->p.journal, &h, &err), "a hold", &err);
    ym_hold_row_fini(&h);
}

static void companion_done(struct ym_engine *e, void *ctx)
{
    struct companion *c = ctx;
    if (c->r < 0)
        ym_log(YM_WARN, "engine", "%s did not follow its file: %s", c->from, c->err.msg);
    if (c->r < 0 || (c->to && c->r == 0))
        return;
    if (c->to) {
        hold_follows(e, c);
        ym_note_put(e->p.journal, c->to, c->prompt, &c->ours);
        if (!*c->prompt) {
            YM_AUTOFREE char *media = ym_strndup(c->to, strlen(c->to) - strlen(".json"));
            ym_sidecar_rename(e->p.journal, c->from, c->to, media);
        }
    } else {
        ym_sidecar_delete(e->p.journal, c->from);
    }
    ym_note_delete(e->p.journal, c->from);
}

void companion_tick(struct ym_engine *e)
{
    static const struct task_ops ops = {companion_work, companion_done, companion_free};
    ym_mono now = engine_mono(e);
    for (struct companion **p = &e->companions; *p;) {
        struct companion *c = *p;
        if (c->due.ns > now.ns) {
            engine_at(e, c->due);
            p = &c->next;
            continue;
        }
        *p = c->next;
        c->has_over = c->to && ours(e, c->to, &c->over);
        if (ours(e, c->from, &c->ours))
            engine_task_after(e, &ops, c, false);
        else
            companion_free(c);
    }
}
