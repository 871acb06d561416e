/* When is a name finished? After its last writer is gone and a short quiet. */
#include "engine_private.h"

#define TABLE 4096
#define TYPING YM_SEC(10)       /* a second save within this is typing */
#define TYPING_QUIET YM_SEC(4)
#define SETTLE_MAX YM_SEC(30)   /* nothing is put off longer */
#define OTHERS_QUIET YM_SEC(2)  /* a process that creates files is still copying */
#define INSPECT_MAX 64          /* read at the same time */

struct entry {
    struct entry *next;
    char *path;
    int writers;
    pid_t pid;          /* of the last writer */
    bool armed, inspecting;
    unsigned why;
    int again_idx;
    ym_mono due, first; /* first: when this gesture began */
    ym_mono saved;      /* last save, for typing; 0 = none */
    bool would_pay;     /* it was read, and waits only for its writer to finish other files */
};

struct writer { /* what a process did lately */
    pid_t pid;
    int open;           /* files it has open for writing */
    ym_mono created[2];
    char *paths[2];     /* of the two last creations */
};

struct settle {
    struct entry *table[TABLE];
    int entries, armed, inspecting;
    int writing;                 /* files open for writing, of all processes */
    ym_mono next;                /* earliest due */
    struct writer writers[64];
    unsigned writer_at;
};

void intake_init(struct ym_engine *e)
{
    e->settle = ym_alloc(sizeof(*e->settle));
    e->settle->next = (ym_mono){INT64_MAX};
}

static unsigned slot_of(const char *path)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const unsigned char *p = (const unsigned char *)path; *p; p++)
        h = (h ^ *p) * 16777619u;
    return h % TABLE;
}

static struct entry **entry_at(struct ym_engine *e, const char *path)
{
    struct entry **p = &e->settle->table[slot_of(path)];
    while (*p && strcmp((*p)->path, path) != 0)
        p = &(*p)->next;
    return p;
}

static struct entry *entry_get(struct ym_engine *e, const char *path)
{
    struct entry **p = entry_at(e, path);
    if (!*p) {
        *p = ym_alloc(sizeof(**p));
        (*p)->path = ym_strdup(path);
        (*p)->again_idx = -1;
        e->settle->entries++;
    }
    return *p;
}

static void entry_remove(struct ym_engine *e, struct entry **p)
{
    struct entry *x = *p;
    *p = x->next;
    e->settle->entries--;
    free(x->path);
    free(x);
}

static void set_armed(struct ym_engine *e, struct entry *x, bool on)
{
    e->settle->armed += on - x->armed;
    x->armed = on;
}

void intake_fini(struct ym_engine *e)
{
    if (!e->settle)
        return;
    for (int i = 0; i < TABLE; i++)
        while (e->settle->table[i])
            entry_remove(e, &e->settle->table[i]);
    for (size_t i = 0; i < YM_COUNT(e->settle->writers); i++) {
        free(e->settle->writers[i].paths[0]);
        free(e->settle->writers[i].paths[1]);
    }
    free(ym_steal(&e->settle));
}

bool intake_is_settling(struct ym_engine *e, const char *path)
{
    pthread_mutex_lock(&e->look);
    struct entry *x = *entry_at(e, path);
    bool yes = x && (x->armed || x->writers > 0 || x->inspecting);
    pthread_mutex_unlock(&e->look);
    return yes;
}

int intake_settling_count(struct ym_engine *e)
{
    pthread_mutex_lock(&e->look);
    int n = e->settle->armed + e->settle->inspecting;
    pthread_mutex_unlock(&e->look);
    return n;
}

bool intake_busy(struct ym_engine *e)
{
    return intake_settling_count(e) > 0;
}

/* ---- who writes ---- */
static struct writer *writer_get(struct ym_engine *e, pid_t pid, bool make)
{
    struct settle *s = e->settle;
    for (size_t i = 0; i < YM_COUNT(s->writers); i++)
        if (s->writers[i].pid == pid)
            return &s->writers[i];
    if (!make)
        return NULL;
    struct writer *w = &s->writers[s->writer_at++ % YM_COUNT(s->writers)];
    for (size_t i = 0; w->open > 0 && i < YM_COUNT(s->writers); i++)
        w = &s->writers[s->writer_at++ % YM_COUNT(s->writers)];
    free(w->paths[0]);
    free(w->paths[1]);
    *w = (struct writer){.pid = pid};
    return w;
}

void settle_created(struct ym_engine *e, const char *path, pid_t pid)
{
    if (pid <= 0)
        return;
    struct writer *w = writer_get(e, pid, true);
    free(w->paths[1]);
    w->paths[1] = w->paths[0];
    w->created[1] = w->created[0];
    w->paths[0] = ym_strdup(path);
    w->created[0] = engine_mono(e);
}

static bool writes_another(struct ym_engine *e, const struct entry *self)
{
    struct writer *w = writer_get(e, self->pid, false);
    return w && w->open > self->writers;
}

static bool created_another(struct ym_engine *e, const struct entry *self)
{
    struct writer *w = writer_get(e, self->pid, false);
    for (int i = 0; w && i < 2; i++)
        if (w->paths[i] && strcmp(w->paths[i], self->path) != 0 &&
            ym_mono_add(w->created[i], OTHERS_QUIET).ns > engine_mono(e).ns)
            return true;
    return false;
}

/* ---- arming ---- */
static void due_at(struct ym_engine *e, struct entry *x, ym_mono t)
{
    ym_mono last = ym_mono_add(x->first, SETTLE_MAX);
    x->due = t.ns < last.ns ? t : last;
    if (x->due.ns < e->settle->next.ns)
        e->settle->next = x->due;
    engine_at(e, x->due);
}

void settle_arm(struct ym_engine *e, const char *path, unsigned why, ym_dur in, int again_idx)
{
    ym_mono now = engine_mono(e);
    pthread_mutex_lock(&e->look);
    struct entry *x = entry_get(e, path);
    if (!x->armed && !x->inspecting)
        x->first = now;
    x->why |= why;
    if (again_idx >= 0)
        x->again_idx = again_idx;
    set_armed(e, x, true);
    due_at(e, x, ym_mono_add(now, in));
    pthread_mutex_unlock(&e->look);
}

void settle_opened(struct ym_engine *e, const char *path, pid_t pid)
{
    pthread_mutex_lock(&e->look);
    struct entry *x = entry_get(e, path);
    x->writers++;
    x->pid = pid;
    e->settle->writing++;
    if (pid > 0)
        writer_get(e, pid, true)->open++;
    pthread_mutex_unlock(&e->look);
}

static ym_dur quiet_after_save(struct ym_engine *e, struct entry *x)
{
    ym_mono now = engine_mono(e);
    bool typing = x->saved.ns && ym_mono_add(x->saved, TYPING).ns > now.ns;
    x->saved = now;
    if (typing)
        return TYPING_QUIET;
    return YM_MS(ym_config_int(e->config, "mount.settle_ms"));
}

/* follow: the name can become a prompt; else the entry only counted writers. */
void settle_closed(struct ym_engine *e, const char *path, bool dirty, bool follow)
{
    pthread_mutex_lock(&e->look);
    struct entry **p = entry_at(e, path), *x = *p;
    if (!x) {
        pthread_mutex_unlock(&e->look);
        if (dirty && follow)
            settle_arm(e, path, WHY_WRITE, YM_MS(ym_config_int(e->config, "mount.settle_ms")), -1);
        return;
    }
    if (x->writers > 0) {
        struct writer *w = writer_get(e, x->pid, false);
        x->writers--;
        e->settle->writing--;
        if (w && w->open > 0)
            w->open--;
    }
    if (dirty && follow) {
        if (!x->armed && !x->inspecting) /* else the reading is void, the patience used up so far not */
            x->first = engine_mono(e);
        x->why |= WHY_WRITE;
        set_armed(e, x, true);
        due_at(e, x, ym_mono_add(engine_mono(e), quiet_after_save(e, x)));
    } else if (x->armed) {
        due_at(e, x, ym_mono_add(engine_mono(e), YM_MS(ym_config_int(e->config, "mount.settle_ms"))));
    } else if (x->writers == 0 && !x->inspecting) {
        entry_remove(e, p);
    }
    pthread_mutex_unlock(&e->look);
}

/* The file that is being written left the name: its close will not name it any more. Under e->look. */
static void writers_forget(struct ym_engine *e, struct entry *x)
{
    struct writer *w = writer_get(e, x->pid, false);
    e->settle->writing -= x->writers;
    if (w)
        w->open = w->open > x->writers ? w->open - x->writers : 0;
    x->writers = 0;
    if (x->armed)
        due_at(e, x, x->due);
}

void settle_unlinked(struct ym_engine *e, const char *path)
{
    pthread_mutex_lock(&e->look);
    struct entry *x = *entry_at(e, path);
    if (x && x->writers > 0)
        writers_forget(e, x);
    pthread_mutex_unlock(&e->look);
}

/* Open writers go along with the file; those of a file that it replaces stay with that one. */
void settle_renamed(struct ym_engine *e, const char *from, const char *to)
{
    settle_unlinked(e, to);
    pthread_mutex_lock(&e->look);
    struct entry *x = *entry_at(e, from);
    if (x && (x->writers > 0 || x->pid)) {
        struct entry *y = entry_get(e, to);
        y->writers += x->writers;
        y->pid = x->pid;
        x->writers = 0;
    }
    pthread_mutex_unlock(&e->look);
}

void settle_exchanged(struct ym_engine *e, const char *a, const char *b)
{
    pthread_mutex_lock(&e->look);
    struct entry *x = entry_get(e, a), *y = entry_get(e, b);
    int writers = x->writers;
    pid_t pid = x->pid;
    x->writers = y->writers;
    x->pid = y->pid;
    y->writers = writers;
    y->pid = pid;
    pthread_mutex_unlock(&e->look);
}

/* What is being written below it closes under its new names, and becomes due there. */
void settle_folder_renamed(struct ym_engine *e, const char *from)
{
    size_t len = strlen(from);
    pthread_mutex_lock(&e->look);
    for (int i = 0; i < TABLE; i++)
        for (struct entry *x = e->settle->table[i]; x; x = x->next)
            if (x->writers > 0 && strncmp(x->path, from, len) == 0 && x->path[len] == '/')
                writers_forget(e, x);
    pthread_mutex_unlock(&e->look);
}

bool settle_postpone(struct ym_engine *e, const char *path)
{
    ym_mono now = engine_mono(e);
    bool put_off = false;
    pthread_mutex_lock(&e->look);
    struct entry *x = *entry_at(e, path);
    if (x && x->pid > 0 && ym_mono_add(x->first, SETTLE_MAX).ns > now.ns)
        put_off = x->would_pay = writes_another(e, x) || created_another(e, x);
    pthread_mutex_unlock(&e->look);
    return put_off;
}

bool settle_open_reference(struct ym_engine *e, const char *prompt)
{
    const char *base = strrchr(prompt, '/');
    size_t dir = base ? (size_t)(base - prompt) + 1 : 0;
    struct ym_name p, n;
    bool open = false;
    if (e->settle->writing == 0)
        return false;
    ym_name_classify(prompt + dir, &p);
    pthread_mutex_lock(&e->look);
    for (int i = 0; i < TABLE && !open; i++)
        for (struct entry *x = e->settle->table[i]; x && !open; x = x->next) {
            if (x->writers == 0 || strncmp(x->path, prompt, dir) != 0 || strchr(x->path + dir, '/'))
                continue;
            ym_name_classify(x->path + dir, &n);
            open = n.cls == YM_NM_REFERENCE && strcmp(n.stem, p.stem) == 0;
        }
    pthread_mutex_unlock(&e->look);
    return open;
}

/* ---- the tick ---- */
static bool entry_due(struct ym_engine *e, struct entry *x, ym_mono now)
{
    if (!x->armed || x->inspecting || x->writers > 0)
        return false;
    if (x->due.ns <= now.ns && x->would_pay && ym_mono_add(x->first, SETTLE_MAX).ns > now.ns &&
        (writes_another(e, x) || created_another(e, x)))
        due_at(e, x, ym_mono_add(now, YM_MS(250))); /* its writer goes on: not read again for that */
    if (x->due.ns > now.ns) {
        if (x->due.ns < e->settle->next.ns)
            e->settle->next = x->due;
        return false;
    }
    x->would_pay = false;
    return true;
}

static void entry_inspect(struct ym_engine *e, struct entry *x)
{
    unsigned why = x->why;
    int idx = x->again_idx;
    set_armed(e, x, false);
    x->why = 0;
    x->again_idx = -1;
    x->inspecting = true;
    e->settle->inspecting++;
    pthread_mutex_unlock(&e->look);
    inspect_start(e, x->path, why, idx);
    pthread_mutex_lock(&e->look);
}

void intake_tick(struct ym_engine *e)
{
    struct settle *s = e->settle;
    ym_mono now = engine_mono(e);
    if (s->next.ns > now.ns) {
        engine_at(e, s->next);
        return;
    }
    pthread_mutex_lock(&e->look);
    s->next = (ym_mono){INT64_MAX};
    for (int i = 0; i < TABLE; i++)
        for (struct entry **p = &s->table[i]; *p;) {
            struct entry *x = *p;
            bool stale = !x->armed && !x->inspecting && x->writers == 0 &&
                         ym_mono_add(x->saved, TYPING).ns <= now.ns;
            if (stale) {
                entry_remove(e, p);
                continue;
            }
            if (entry_due(e, x, now)) {
                if (s->inspecting < INSPECT_MAX)
                    entry_inspect(e, x);
                else
                    s->next = now; /* as soon as a reader is free */
            }
            p = &x->next;
        }
    ym_mono next = s->inspecting >= INSPECT_MAX ? (ym_mono){INT64_MAX} : s->next;
    pthread_mutex_unlock(&e->look);
    engine_at(e, next);
}

/* The reading of a name ended. False: it was touched meanwhile, what was read is void. */
bool settle_inspected(struct ym_engine *e, const char *path, unsigned why)
{
    pthread_mutex_lock(&e->look);
    struct entry **p = entry_at(e, path), *x = *p;
    ym_assert(x && x->inspecting);
    x->inspecting = false;
    e->settle->inspecting--;
    bool valid = !x->armed && x->writers == 0;
    if (!valid) {
        x->why |= why;
        if (!x->armed) { /* open for writing again: its close arms it, but the reasons must not be lost */
            set_armed(e, x, true);
            due_at(e, x, engine_mono(e));
        }
    }
    pthread_mutex_unlock(&e->look);
    return valid;
}

/* Goes on being looked at: a worker verifies something for it. */
void settle_hold(struct ym_engine *e, const char *path)
{
    pthread_mutex_lock(&e->look);
    struct entry *x = entry_get(e, path);
    x->inspecting = true;
    e->settle->inspecting++;
    pthread_mutex_unlock(&e->look);
}
