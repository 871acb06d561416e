/* What the mount noticed, sorted by what the name means. */
#include "engine_private.h"

struct touch {
    struct ym_msg msg;
    struct ym_touch t;
    char *path, *path2;
};

static const char *base_of(const char *path)
{
    const char *s = strrchr(path, '/');
    return s ? s + 1 : path;
}

static enum ym_name_class class_of(const char *path, struct ym_name *n)
{
    memset(n, 0, sizeof(*n));
    if (ym_path_hidden(path))
        return YM_NM_PLAIN;
    ym_name_classify(base_of(path), n);
    return n->cls;
}

static bool settles(enum ym_name_class c)
{
    return c == YM_NM_PROMPT || c == YM_NM_DOCUMENT;
}

static ym_dur settle_time(struct ym_engine *e)
{
    return YM_MS(ym_config_int(e->config, "mount.settle_ms"));
}

/* ---- references: the prompts of their stem become due ---- */
static void prompt_arm(struct ym_engine *e, const char *path)
{
    struct ym_name_row r;
    if (ym_name_get(e->p.journal, path, &r) < 0)
        return; /* a prompt that is not known yet settles by itself */
    ym_name_row_fini(&r);
    settle_arm(e, path, WHY_REFS, settle_time(e), -1);
}

static void reference_changed(struct ym_engine *e, const char *path, const struct ym_name *n)
{
    static const char *const exts[] = {"txt", "md", "prompt"};
    int dir = (int)(base_of(path) - path);
    for (size_t i = 0; i < YM_COUNT(exts); i++) {
        for (int x = 1; x <= 64; x++) {
            YM_AUTOFREE char *p = x == 1 ? ym_asprintf("%.*s%s.%s", dir, path, n->stem, exts[i])
                                         : ym_asprintf("%.*s%s.x%d.%s", dir, path, n->stem, x, exts[i]);
            prompt_arm(e, p);
        }
    }
}

/* ---- results ---- */
static void result_is_theirs(struct ym_engine *e, const char *path, int status)
{
    struct ym_slot_row s;
    struct ym_err err;
    if (ym_slot_by_result(e->p.journal, path, &s) < 0)
        return;
    s.status = status;
    str_set(&s.result, NULL);
    engine_must(e, ym_slot_put(e->p.journal, &s, &err), "a result's place", &err);
    ym_slot_row_fini(&s);
}

static void media_touched(struct ym_engine *e, const struct ym_touch *t)
{
    switch (t->what) {
    case YM_TOUCH_CLOSED:
        if (!t->dirty)
            return;
        result_is_theirs(e, t->path, YM_SLOT_KEPT);
        ym_copy_delete(e->p.journal, t->path);
        return;
    case YM_TOUCH_TRUNCATED:
        result_is_theirs(e, t->path, YM_SLOT_KEPT);
        ym_copy_delete(e->p.journal, t->path);
        return;
    case YM_TOUCH_UNLINKED:
        result_is_theirs(e, t->path, YM_SLOT_DELETED);
        ym_copy_delete(e->p.journal, t->path);
        companion_sidecar(e, t->path, NULL);
        return;
    case YM_TOUCH_RENAMED:
        result_is_theirs(e, t->path2, YM_SLOT_KEPT);
        result_is_theirs(e, t->path, ym_path_hidden(t->path2) ? YM_SLOT_DELETED : YM_SLOT_KEPT);
        ym_copy_delete(e->p.journal, t->path2);
        ym_copy_rename(e->p.journal, t->path, t->path2);
        companion_sidecar(e, t->path, ym_path_hidden(t->path2) ? NULL : t->path2);
        return;
    case YM_TOUCH_EXCHANGED:
        result_is_theirs(e, t->path, YM_SLOT_KEPT);
        result_is_theirs(e, t->path2, YM_SLOT_KEPT);
        ym_copy_delete(e->p.journal, t->path);
        ym_copy_delete(e->p.journal, t->path2);
        return;
    case YM_TOUCH_OPENED:
    case YM_TOUCH_CREATED:
    case YM_TOUCH_LINKED:
    case YM_TOUCH_NOW:
    case YM_TOUCH_PRESERVED:
        return;
    }
}

/* ---- notes: renaming X.held.log to X.approved.log approves the amount it states ---- */
void note_renamed(struct ym_engine *e, const char *from, const char *to)
{
    struct ym_name a, b;
    struct ym_hold_row h;
    struct ym_ident now;
    struct ym_err err;
    if (class_of(from, &a) != YM_NM_NOTE || class_of(to, &b) != YM_NM_NOTE ||
        strcmp(a.note, "held") != 0 || strcmp(b.note, "approved") != 0 || strcmp(a.stem, b.stem) != 0 ||
        base_of(from) - from != base_of(to) - to || strncmp(from, to, (size_t)(base_of(from) - from)) != 0)
        return;
    if (ym_hold_by_note(e->p.journal, from, &h) < 0)
        return;
    bool ours = ym_store_ident(e->p.store->lib_fd, to, &now) == 0 && now.ino == h.ident.ino &&
                now.btime_ns == h.ident.btime_ns && h.status == YM_HOLD_WAITING;
    if (ours) {
        YM_AUTOFREE char *prompt = NULL;
        struct ym_digest b2;
        if (ym_note_get(e->p.journal, from, &prompt, &b2) == 0) {
            ym_note_delete(e->p.journal, from);
            ym_note_put(e->p.journal, to, prompt, &b2);
        }
        str_set(&h.note, to);
        if (hold_approve(e, &h, (ym_money){-1}, &err) < 0)
            ym_log(YM_WARN, "engine", "%s: %s", to, err.msg);
    }
    ym_hold_row_fini(&h);
}

/* ---- prompts ---- */
static bool same_stem(const char *a, const char *b)
{
    struct ym_name x, y;
    if (base_of(a) - a != base_of(b) - b || strncmp(a, b, (size_t)(base_of(a) - a)) != 0)
        return false;
    ym_name_classify(base_of(a), &x);
    ym_name_classify(base_of(b), &y);
    return strcmp(x.stem, y.stem) == 0;
}

/* The name carries state and job along. Under another stem its results get new names: free clones. */
static void name_carry(struct ym_engine *e, const char *from, const char *to)
{
    struct slot_list l;
    struct ym_err err;
    bool stays = same_stem(from, to);
    ym_name_rename(e->p.journal, from, to);
    hold_target_move(e, from, to);
    companion_notes(e, from, to);
    slots_of_name(e, to, &l);
    for (size_t i = 0; i < l.n && !stays; i++) {
        struct ym_slot_row *s = &l.v[i];
        if (s->status == YM_SLOT_DELETED)
            continue;
        s->status = YM_SLOT_WAITING;
        str_set(&s->result, NULL);
        s->reused = true;
        engine_must(e, ym_slot_put(e->p.journal, s, &err), "a result's place", &err);
    }
    slot_list_fini(&l);
}

static void prompt_renamed(struct ym_engine *e, const struct ym_touch *t, bool from_prompt, bool to_prompt)
{
    struct ym_name_row a, b;
    bool had_a = from_prompt && ym_name_get(e->p.journal, t->path, &a) == 0;
    bool had_b = to_prompt && ym_name_get(e->p.journal, t->path2, &b) == 0;
    bool same_kind = ym_path_kind(t->path) == ym_path_kind(t->path2);
    unsigned why = WHY_NEW;
    if (had_a && to_prompt && !had_b && same_kind) {
        name_carry(e, t->path, t->path2);
        why = WHY_MOVED;
    } else if (had_b || t->over) {
        why = WHY_OVER;
    } else if (from_prompt) {
        why = WHY_MOVED;
    }
    if (had_a)
        ym_name_row_fini(&a);
    if (had_b)
        ym_name_row_fini(&b);
    if (to_prompt)
        settle_arm(e, t->path2, why, settle_time(e), -1);
    if (from_prompt) /* looked at later than the new name, so that a job that moved is never cancelled */
        settle_arm(e, t->path, WHY_GONE, YM_MS(settle_time(e).ms + 1000), -1);
}

static void prompt_touched(struct ym_engine *e, const struct ym_touch *t)
{
    ym_dur quiet = settle_time(e);
    switch (t->what) {
    case YM_TOUCH_TRUNCATED:
        settle_arm(e, t->path, WHY_WRITE, quiet, -1);
        return;
    case YM_TOUCH_LINKED:
        settle_arm(e, t->path, WHY_NEW, quiet, -1);
        return;
    case YM_TOUCH_UNLINKED:
        settle_arm(e, t->path, WHY_GONE, YM_MS(quiet.ms + 1000), -1);
        return;
    case YM_TOUCH_NOW:
        settle_arm(e, t->path, WHY_TOUCH, quiet, -1);
        return;
    case YM_TOUCH_CREATED: /* mknod has no close; an open one waits for its last writer anyway */
        settle_arm(e, t->path, WHY_NEW, quiet, -1);
        return;
    case YM_TOUCH_EXCHANGED:
    case YM_TOUCH_RENAMED:
    case YM_TOUCH_OPENED:
    case YM_TOUCH_CLOSED:
    case YM_TOUCH_PRESERVED:
        return;
    }
}

/* ---- sorting ---- */
static void folder_touched(struct ym_engine *e, const struct ym_touch *t)
{
    if (t->what != YM_TOUCH_RENAMED)
        return;
    settle_folder_renamed(e, t->path);
    ym_folder_rename(e->p.journal, t->path, t->path2);
    scan_start(e, t->path2, WHY_MOVED);
    if (ym_path_hidden(t->path2)) /* trashed with all that is in it */
        scan_start(e, t->path, WHY_SCAN);
}

static void settings_touched(struct ym_engine *e, const char *path)
{
    if (strcmp(path, BUDGET_FILE) == 0 || strcmp(path, ".ymago/prices.toml") == 0)
        budget_load(e, false);
}

static void sidecar_touched(struct ym_engine *e, const struct ym_touch *t, const struct ym_name *to)
{
    if (t->what == YM_TOUCH_UNLINKED || t->what == YM_TOUCH_RENAMED) {
        ym_sidecar_delete(e->p.journal, t->path);
        companion_moved(e, t->path, to->cls == YM_NM_SIDECAR ? t->path2 : NULL);
    }
    if (t->what == YM_TOUCH_RENAMED && to->cls == YM_NM_SIDECAR)
        sidecar_index(e, t->path2);
    else if ((t->what == YM_TOUCH_CLOSED && t->dirty) || t->what == YM_TOUCH_LINKED)
        sidecar_index(e, t->path);
}

static void by_class(struct ym_engine *e, const struct ym_touch *t, const struct ym_name *n, const struct ym_name *n2)
{
    bool renamed = t->what == YM_TOUCH_RENAMED;
    if (renamed && (settles(n->cls) || settles(n2->cls)))
        prompt_renamed(e, t, settles(n->cls), settles(n2->cls));
    else if (settles(n->cls))
        prompt_touched(e, t);
    if (n->cls == YM_NM_SIDECAR || (renamed && n2->cls == YM_NM_SIDECAR))
        sidecar_touched(e, t, n2);
    if (n->cls == YM_NM_MEDIA || n->cls == YM_NM_REFERENCE || (renamed && n2->cls == YM_NM_MEDIA))
        media_touched(e, t);
    bool appeared = (t->what == YM_TOUCH_CLOSED && t->dirty) || t->what == YM_TOUCH_LINKED;
    if (n->cls == YM_NM_REFERENCE && appeared)
        reference_changed(e, t->path, n);
    if (renamed && n2->cls == YM_NM_REFERENCE)
        reference_changed(e, t->path2, n2);
    if (n->cls == YM_NM_NOTE && t->what == YM_TOUCH_RENAMED)
        note_renamed(e, t->path, t->path2);
    if (n->cls == YM_NM_NOTE && (t->what == YM_TOUCH_UNLINKED || t->what == YM_TOUCH_RENAMED))
        companion_moved(e, t->path, n2->cls == YM_NM_NOTE ? t->path2 : NULL);
}

static void touch_run(void *owner, struct ym_msg *m)
{
    struct ym_engine *e = owner;
    struct touch *x = (struct touch *)m;
    const struct ym_touch *t = &x->t;
    struct ym_name n, n2 = {.cls = YM_NM_PLAIN};
    class_of(t->path, &n);
    if (t->path2)
        class_of(t->path2, &n2);
    if (t->what == YM_TOUCH_OPENED)
        settle_opened(e, t->path, t->pid);
    else if (t->what == YM_TOUCH_CREATED)
        settle_created(e, t->path, t->pid);
    else if (t->what == YM_TOUCH_CLOSED)
        settle_closed(e, t->path, t->dirty, settles(n.cls));
    else if (t->what == YM_TOUCH_RENAMED && !t->is_dir)
        settle_renamed(e, t->path, t->path2);
    else if (t->what == YM_TOUCH_EXCHANGED && !t->is_dir)
        settle_exchanged(e, t->path, t->path2);
    else if (t->what == YM_TOUCH_UNLINKED)
        settle_unlinked(e, t->path);
    if (t->what == YM_TOUCH_UNLINKED || t->what == YM_TOUCH_RENAMED)
        companion_stir(e, t->path);
    if (t->is_dir)
        folder_touched(e, t);
    else
        by_class(e, t, &n, &n2);
    if (t->what == YM_TOUCH_EXCHANGED && !t->is_dir) {
        if (settles(n.cls))
            settle_arm(e, t->path, WHY_OVER, settle_time(e), -1);
        if (settles(n2.cls))
            settle_arm(e, t->path2, WHY_OVER, settle_time(e), -1);
    }
    if (t->what == YM_TOUCH_CLOSED || t->what == YM_TOUCH_RENAMED)
        settings_touched(e, t->path2 ? t->path2 : t->path);
    free(x->path);
    free(x->path2);
    free(x);
}

static void touch_drop(struct ym_msg *m)
{
    struct touch *x = (struct touch *)m;
    free(x->path);
    free(x->path2);
    free(x);
}

void ym_engine_touch(struct ym_engine *e, const struct ym_touch *t)
{
    struct touch *x = ym_alloc(sizeof(*x));
    x->msg = (struct ym_msg){.run = touch_run, .drop = touch_drop};
    x->t = *t;
    x->t.path = x->path = ym_strdup(t->path);
    x->t.path2 = x->path2 = ym_strdup(t->path2);
    ym_inbox_post(e->in, &x->msg);
}
