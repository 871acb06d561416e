#include "fs_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ymago/fs.h>

struct line {
    struct line *next;
    char text[];
};

struct ym_event_reader {
    struct ym_event_reader *next;
    void (*ready)(void *ctx);
    void *ctx;
    struct line *head, **tail;
};

struct wait {
    struct wait *next;
    uint64_t ticket;
    char *path;
    void (*fn)(void *ctx, const struct ym_wait_result *r);
    void *ctx;
};

struct ym_service {
    pthread_mutex_t lock;
    int sock;
    atomic_int preserve; /* what ym_service_preserve answers */
    char note_folder[128], note_name[128], note_text[128];
    char state_path[256], state[16];
    struct ym_event_reader *readers;
    struct wait *waits;
    uint64_t tickets;
    char job[32], output[256];
    const struct ym_store *store;
};
static struct ym_service service = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct ym_publisher *publisher;

__attribute__((format(printf, 1, 2))) static void tell(const char *fmt, ...)
{
    char text[4500];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (send(service.sock, text, (size_t)n, MSG_NOSIGNAL) < 0)
        _exit(3);
}

/* ---- the engine, as far as the mount knows it ---- */

struct ym_engine *ym_service_engine(struct ym_service *s)
{
    return (struct ym_engine *)s;
}

void ym_engine_touch(struct ym_engine *e, const struct ym_touch *t)
{
    static const char *const names[] = {"OPENED",  "CLOSED",    "CREATED", "TRUNCATED",
                                        "RENAMED", "EXCHANGED", "LINKED",  "UNLINKED",
                                        "NOW",     "PRESERVED"};
    (void)e;
    tell("touch %s %s%s%s%s%s%s", names[t->what], t->path, t->path2 ? " " : "",
         t->path2 ? t->path2 : "", t->dirty ? " dirty" : "", t->over ? " over" : "",
         t->is_dir ? " folder" : "");
    if (t->what == YM_TOUCH_OPENED)
        tell("pid %d", (int)t->pid);
}

void ym_engine_status(struct ym_engine *e, struct ym_status *ret)
{
    (void)e;
    *ret = (struct ym_status){.at = ym_wall_now()};
}

int ym_engine_preview(struct ym_engine *e, const char *job, struct ym_buf *out)
{
    (void)e;
    (void)job;
    (void)out;
    return -ENOENT;
}

void ym_engine_live(struct ym_engine *e, const char *path_or_job, struct ym_live *ret)
{
    (void)e, (void)path_or_job;
    *ret = (struct ym_live){.progress = 0.5, .detail = "painting"};
}

struct ym_config *ym_engine_config(struct ym_engine *e)
{
    struct ym_config_sources none = {0};
    struct ym_config *c = NULL;
    (void)e;
    ym_assert(ym_config_load(&none, &c, NULL) == 0);
    return c;
}

struct ym_list **ym_engine_lists(struct ym_engine *e)
{
    (void)e;
    return NULL;
}

void ym_lists_free(struct ym_list **lists)
{
    (void)lists;
}

void ym_engine_lists_ask(struct ym_engine *e, enum ym_list_who who, ym_dur age, void (*fn)(void *ctx), void *ctx)
{
    (void)e, (void)fn, (void)ctx;
    tell("lists %s %d", who == YM_LIST_LOCAL ? "local" : "all", (int)age.ms);
}

uint64_t ym_engine_wait(struct ym_engine *e, const char *target,
                        void (*fn)(void *ctx, const struct ym_wait_result *r), void *ctx)
{
    struct wait *w = ym_alloc(sizeof(*w));
    (void)e;
    w->path = ym_strdup(target);
    w->fn = fn;
    w->ctx = ctx;
    pthread_mutex_lock(&service.lock);
    w->ticket = ++service.tickets;
    w->next = service.waits;
    service.waits = w;
    uint64_t ticket = w->ticket;
    pthread_mutex_unlock(&service.lock);
    tell("waits %s", target);
    return ticket;
}

static struct wait *wait_take(uint64_t ticket, const char *path)
{
    struct wait *found = NULL;
    pthread_mutex_lock(&service.lock);
    for (struct wait **w = &service.waits; *w; w = &(*w)->next) {
        if ((path && strcmp((*w)->path, path) == 0) || (*w)->ticket == ticket) {
            found = *w;
            *w = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&service.lock);
    return found;
}

bool ym_engine_wait_cancel(struct ym_engine *e, uint64_t ticket)
{
    struct wait *w = wait_take(ticket, NULL);
    (void)e;
    if (w) {
        tell("unwaits %s", w->path);
        free(w->path);
        free(w);
    }
    return w != NULL;
}

static int finish(const char *path, const char *word, const char *result)
{
    struct wait *w = wait_take(0, path);
    if (!w)
        return -ENOENT;
    const char *paths[] = {result, NULL};
    struct ym_wait_result r = {.state = strcmp(word, "done") == 0     ? YM_JOB_DONE
                                        : strcmp(word, "failed") == 0 ? YM_JOB_FAILED
                                                                      : YM_JOB_NONE,
                               .paths = paths};
    w->fn(w->ctx, &r);
    free(w->path);
    free(w);
    return 0;
}

/* ---- the service ---- */

const struct ym_verb *ym_verb_at(size_t i)
{
    static const struct ym_verb verbs[] = {{"pause", "", true, "send nothing new"},
                                           {"again", "P", true, "make another"},
                                           {"run", "", false, "no"}};
    return i < YM_COUNT(verbs) ? &verbs[i] : NULL;
}

int ym_service_line(struct ym_service *s, const struct ym_caller *who, const char *line, size_t len,
                    struct ym_err *e)
{
    (void)s, (void)who;
    tell("line %.*s", (int)len, line);
    if (len >= 3 && memcmp(line, "bad", 3) == 0)
        return ym_fail(e, YM_INVALID, EINVAL, "Nothing is called so.");
    return 0;
}

void ym_service_call(struct ym_service *s, const struct ym_caller *who, const cJSON *request,
                     void (*reply)(void *ctx, const cJSON *answer, int fd), void *ctx)
{
    (void)s, (void)who;
    const char *verb = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "verb"));
    tell("call %s %s", verb,
         cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "path")));
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddBoolToObject(answer, "ok", strcmp(verb, "cancel") != 0);
    reply(ctx, answer, -1);
    cJSON_Delete(answer);
}

void ym_service_state(struct ym_service *s, const char *path, struct ym_file_state *ret)
{
    *ret = (struct ym_file_state){.position = -1, .eta_s = -1, .seed = -1, .progress = -1};
    pthread_mutex_lock(&s->lock);
    if (strcmp(path, s->state_path) == 0) {
        ret->known = true;
        snprintf(ret->state, sizeof(ret->state), "%s", s->state);
        ret->cost.micro_usd = 33600;
        ret->seed = 7;
        ret->prompt = ym_strdup("a lighthouse");
        snprintf(ret->mime, sizeof(ret->mime), "image/png");
    }
    pthread_mutex_unlock(&s->lock);
}

int ym_service_job(struct ym_service *s, const char *id, struct ym_job_row *ret)
{
    int r = -ENOENT;
    pthread_mutex_lock(&s->lock);
    if (*s->job && strcmp(id, s->job) == 0) {
        *ret = (struct ym_job_row){
            .state = YM_JOB_DONE, .prompt = ym_strdup("a lighthouse"), .size = 5};
        snprintf(ret->id.s, sizeof(ret->id.s), "%s", id);
        r = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

int ym_service_job_attempts(struct ym_service *s, const char *id,
                            void (*fn)(void *ctx, const struct ym_attempt_row *r), void *ctx)
{
    (void)s, (void)id, (void)fn, (void)ctx;
    return 0;
}

int ym_service_job_output(struct ym_service *s, const char *id)
{
    (void)id;
    return ym_store_openat(s->store, s->output, O_RDONLY | O_CLOEXEC, 0);
}

void ym_service_overlay(struct ym_service *s, const char *folder,
                        void (*fn)(void *ctx, const char *name, const char *text, size_t len,
                                   ym_wall mtime),
                        void *ctx)
{
    pthread_mutex_lock(&s->lock);
    if (*s->note_name && strcmp(folder, s->note_folder) == 0)
        fn(ctx, s->note_name, s->note_text, strlen(s->note_text), (ym_wall){1000000});
    pthread_mutex_unlock(&s->lock);
}

int ym_service_preserve(struct ym_service *s, const char *path, bool will_write, struct ym_err *e)
{
    tell("preserve %s %s", path, will_write ? "write" : "remove");
    return s->preserve ? ym_fail(e, YM_LOCAL, s->preserve, "Told to fail.") : 0;
}

void ym_service_read(struct ym_service *s, void (*fn)(void *ctx, struct ym_journal *reader),
                     void *ctx)
{
    (void)s;
    fn(ctx, NULL);
}

/* ---- events ---- */

struct ym_event_reader *ym_service_events_open(struct ym_service *s, void (*ready)(void *ctx),
                                               void *ctx)
{
    struct ym_event_reader *r = ym_alloc(sizeof(*r));
    r->ready = ready;
    r->ctx = ctx;
    r->tail = &r->head;
    pthread_mutex_lock(&s->lock);
    r->next = s->readers;
    s->readers = r;
    pthread_mutex_unlock(&s->lock);
    tell("reader");
    return r;
}

size_t ym_service_events_read(struct ym_event_reader *r, char *buf, size_t size)
{
    size_t used = 0;
    pthread_mutex_lock(&service.lock);
    for (struct line *l; (l = r->head) && used + strlen(l->text) <= size;) {
        memcpy(buf + used, l->text, strlen(l->text));
        used += strlen(l->text);
        r->head = l->next;
        free(l);
    }
    if (!r->head)
        r->tail = &r->head;
    pthread_mutex_unlock(&service.lock);
    return used;
}

void ym_service_events_close(struct ym_event_reader *r)
{
    pthread_mutex_lock(&service.lock);
    struct ym_event_reader **at = &service.readers;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    for (struct line *l = r->head, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    free(r);
    pthread_mutex_unlock(&service.lock);
}

/* With the lock held, as a service may do it. */
static void event(const char *text)
{
    pthread_mutex_lock(&service.lock);
    for (struct ym_event_reader *r = service.readers; r; r = r->next) {
        struct line *l = ym_alloc(sizeof(*l) + strlen(text) + 2);
        snprintf(l->text, strlen(text) + 2, "%s\n", text);
        *r->tail = l;
        r->tail = &l->next;
        r->ready(r->ctx);
    }
    pthread_mutex_unlock(&service.lock);
}

/* ---- what the test tells ---- */

static struct ym_ident remembered;

static int place(char *words[4])
{
    struct ym_placer p = ym_publisher_placer(publisher);
    if (strcmp(words[0], "publish") == 0)
        return p.publish(p.ctx, words[1], words[2], NULL, NULL);
    if (strcmp(words[0], "replace") == 0)
        return p.publish(p.ctx, words[1], words[2], &remembered, NULL);
    if (strcmp(words[0], "remove") == 0)
        return p.remove(p.ctx, words[1], &remembered, NULL);
    return p.touch(p.ctx, words[1], NULL);
}

static int remember(const char *path)
{
    const char *base;
    YM_AUTOCLOSE int dir = ym_store_parent(service.store, path, &base);
    return dir < 0 ? dir : ym_store_ident(dir, base, &remembered);
}

static int obey(char *words[4])
{
    int r = 0;
    if (strcmp(words[0], "remember") == 0)
        return remember(words[1]);
    if (strcmp(words[0], "finish") == 0)
        return finish(words[1], words[2], words[3]);
    if (strcmp(words[0], "event") == 0) {
        event(words[1]);
        return 0;
    }
    pthread_mutex_lock(&service.lock);
    if (strcmp(words[0], "note") == 0) {
        snprintf(service.note_folder, sizeof(service.note_folder), "%s", words[1]);
        snprintf(service.note_name, sizeof(service.note_name), "%s", words[2]);
        snprintf(service.note_text, sizeof(service.note_text), "%s\n", words[3]);
    } else if (strcmp(words[0], "state") == 0) {
        snprintf(service.state_path, sizeof(service.state_path), "%s", words[1]);
        snprintf(service.state, sizeof(service.state), "%s", words[2]);
    } else if (strcmp(words[0], "job") == 0) {
        snprintf(service.job, sizeof(service.job), "%s", words[1]);
        snprintf(service.output, sizeof(service.output), "%s", words[2]);
    } else if (strcmp(words[0], "preserve") == 0) {
        service.preserve = (int)strtol(words[1], NULL, 10);
    } else {
        r = 1;
    }
    pthread_mutex_unlock(&service.lock);
    return r == 1 ? place(words) : 0;
}

static struct ym_fs *mounted;

static void *commands(void *arg)
{
    (void)arg;
    char text[4096];
    for (;;) {
        ssize_t n = recv(service.sock, text, sizeof(text) - 1, 0);
        if (n <= 0)
            break;
        text[n] = '\0';
        if (strcmp(text, "exit") == 0)
            break;
        char none[] = "", *words[4] = {none, none, none, none}, *save = NULL;
        int i = 0;
        for (char *w = strtok_r(text, " ", &save); w && i < 4; w = strtok_r(NULL, " ", &save))
            words[i++] = w;
        tell("result %d", obey(words));
    }
    ym_fs_exit(mounted);
    return NULL;
}

static void ready(void *ctx)
{
    (void)ctx;
    tell("ready");
}

int fs_daemon_main(int argc, char **argv)
{
    struct ym_store store;
    struct ym_err e = {0};
    const char *options[8] = {NULL};
    service.sock = (int)strtol(argv[2], NULL, 10);
    bool in_place = strcmp(argv[3], argv[4]) == 0;
    for (int i = 5; i < argc && i < 12; i++)
        options[i - 5] = argv[i];
    int r = ym_publisher_start(&publisher, &e);
    if (r == 0)
        r = ym_fs_clean_stale(argv[4], &e);
    if (r == 0)
        r = ym_store_open(argv[3], true, &store, &e);
    service.store = &store;
    static const struct ym_driver gemini = {.name = "gemini"};
    static const struct ym_driver *const drivers[] = {&gemini, NULL};
    struct ym_fs_parts parts = {.store = &store,
                                .service = &service,
                                .publisher = publisher,
                                .drivers = drivers,
                                .mountpoint = argv[4],
                                .in_place = in_place,
                                .options = options,
                                .ready = ready};
    if (r == 0)
        r = ym_fs_new(&parts, &mounted, &e);
    if (r < 0) {
        tell("failed %d %s", r, e.msg);
        ym_publisher_stop(publisher);
        return 1;
    }
    pthread_t t;
    ym_assert(pthread_create(&t, NULL, commands, NULL) == 0);
    r = ym_fs_loop(mounted);
    shutdown(service.sock, SHUT_RD);
    pthread_join(t, NULL);
    ym_fs_free(mounted);
    ym_publisher_stop(publisher);
    ym_store_close(&store);
    tell("ended %d", r);
    return 0;
}
