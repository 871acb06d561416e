/* ymago image, video, audio, sfx, text: orders results, waits for them, writes each whole where it is wanted. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli_private.h"
#include "path.h"
#include "save.h"

#define PROMPT_MAX (1 << 20)
#define N_MAX      64
#define CANCEL_MS  3000
#define REFERENCES "references"

struct making {
    struct cli *c;
    enum ym_kind kind;
    struct where w;
    struct session s;
    struct ym_config *cfg;
    char *prompt;
    cJSON *fields, *answer, *results;
    struct save_to to;
    int n;
    bool said_taken;
    bool to_stdout;
};

/* "picture": what one result is called in sentences. */
static const char *noun(const struct making *m)
{
    static const char *const nouns[YM_KIND_COUNT] = {
        [YM_IMAGE] = "picture", [YM_VIDEO] = "video", [YM_AUDIO] = "recording",
        [YM_SFX] = "sound",     [YM_TEXT] = "text",
    };
    return nouns[m->kind];
}

/* ---- what is wanted ---- */
static char *prompt_from_stdin(struct ym_err *e)
{
    struct ym_buf b;
    char part[16384];
    size_t n;
    ym_buf_init(&b, PROMPT_MAX);
    while ((n = fread(part, 1, sizeof(part), stdin)) > 0)
        if (ym_buf_add(&b, part, n) < 0) {
            ym_buf_fini(&b);
            ym_fail(e, YM_INVALID, EFBIG, "The prompt on standard input is longer than 1 MiB.");
            return NULL;
        }
    if (b.len && memchr(b.data, 0, b.len)) {
        ym_buf_fini(&b);
        ym_fail(e, YM_INVALID, EINVAL,
                "The prompt on standard input is no text: it holds a NUL byte.");
        return NULL;
    }
    return ym_buf_steal(&b);
}

static int prompt_read(struct making *m, struct ym_err *e)
{
    const char **pos = m->c->a.pos;
    const char *word = pos[0];
    if (m->c->a.npos == 2 && strcmp(pos[0], "generate") == 0)
        word = pos[1];
    else if (m->c->a.npos == 2)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "Put the whole prompt in quotes: ymago %s \"PROMPT\"", m->c->a.cmd->name);
    YM_AUTOFREE char *text = strcmp(word, "-") == 0 ? prompt_from_stdin(e) : ym_strdup(word);
    if (!text)
        return -EINVAL;
    size_t len = strlen(text);
    if (ym_utf8_valid(text, len) != len)
        return ym_fail(e, YM_INVALID, EILSEQ, "The prompt is not valid UTF-8 text.");
    const char *trimmed = ym_text_trim(text, &len);
    if (!len)
        return ym_fail(e, YM_INVALID, EINVAL, "The prompt is empty: say what you want.");
    m->prompt = ym_strndup(trimmed, len);
    return 0;
}

/* The field that an option sets; NULL when it is no field's, or a file's name. */
static const struct ym_field *field_of(const struct opt *o)
{
    const struct ym_field *f = o->name ? ym_field_find(o->name) : NULL;
    bool apart = f && (strcmp(f->name, "n") == 0 || strcmp(f->name, "from_image") == 0 ||
                       strcmp(f->name, "last_frame") == 0);
    return apart ? NULL : f;
}

/* Options that are fields of a request by the same name. They are checked here too, so that a
 * typing mistake is told before anything is started. */
static int fields_read(struct making *m, struct ym_err *e)
{
    YM_AUTOJSON cJSON *checked = NULL;
    const char *n = arg_get(&m->c->a, "n");
    m->fields = cJSON_CreateObject();
    for (const struct opt *o = m->c->a.cmd->opts; o->name || o->letter; o++) {
        const struct ym_field *f = field_of(o);
        const char *v = f ? arg_get(&m->c->a, o->name) : NULL;
        if (v && !*v)
            return ym_fail(e, YM_INVALID, EINVAL, "--%s needs a value.", o->name);
        if (v && ym_utf8_valid(v, strlen(v)) != strlen(v))
            return ym_fail(e, YM_INVALID, EILSEQ, "The value of --%s is not valid UTF-8 text.",
                           o->name);
        if (v)
            cJSON_AddStringToObject(m->fields, f->name, v);
    }
    m->n = 1;
    if (n) {
        char *end;
        long count = strtol(n, &end, 10);
        if (end == n || *end || count < 1 || count > N_MAX)
            return ym_fail(e, YM_INVALID, EINVAL, "--n is the number of %ss, from 1 to %d.",
                           noun(m), N_MAX);
        m->n = (int)count;
    }
    return ym_fields_check(m->fields, "command line", &checked, e);
}

static int target_read(struct making *m, struct ym_err *e)
{
    m->cfg = m->c->h->config_load(&m->c->common, e);
    if (!m->cfg)
        return -EINVAL;
    const char *fallback = ym_config_str(m->cfg, "defaults.output_path");
    const char *path = arg_get(&m->c->a, "output-path");
    m->to_stdout = path && strcmp(path, "-") == 0;
    if (m->to_stdout && (m->c->json || m->n > 1))
        return ym_fail(e, YM_INVALID, EINVAL, "Standard output takes one %s and nothing else: leave out --%s.", noun(m),
                       m->c->json ? "json" : "n");
    if (m->to_stdout)
        return 0;
    return save_to_open(m->c->cwd, arg_get(&m->c->a, "output-path"),
                        fallback ? fallback : m->c->cwd, m->prompt, m->c->umask, &m->to, e);
}

/* ---- references: files of the library; others are copied into it ---- */
static void reference_add(cJSON *refs, const char *path, enum ym_ref_role role)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(refs, o);
    cJSON_AddStringToObject(o, "path", path);
    cJSON_AddStringToObject(o, "role", ym_ref_role_name(role));
}

static int reference(struct making *m, const char *operand, enum ym_ref_role role, cJSON *refs, struct ym_err *e)
{
    YM_AUTOFREE char *rel = NULL;
    struct ym_err ignored;
    if (strncmp(operand, "https://", 8) == 0) {
        reference_add(refs, operand, role);
        return 0;
    }
    bool here = access(operand, F_OK) == 0;
    if (where_target(m->c, &m->w, operand, &rel, &ignored) < 0 || (here && m->w.fallback)) {
        YM_AUTOFREE char *name = NULL;
        YM_AUTOFREE char *dir = path_join(m->w.library, REFERENCES);
        int r = save_copy(operand, dir, m->c->umask, &name, e);
        if (r < 0)
            return r;
        free(rel);
        rel = path_join(REFERENCES, name);
    }
    if (ym_utf8_valid(rel, strlen(rel)) != strlen(rel))
        return ym_fail(e, YM_INVALID, EILSEQ,
                       "The name of the reference image is not valid UTF-8: rename it.");
    reference_add(refs, rel, role);
    return 0;
}

static int order(struct making *m, struct ym_err *e)
{
    YM_AUTOJSON cJSON *q = request_new(ym_kind_name(m->kind), NULL);
    const char *from, *last = arg_get(&m->c->a, "last-frame");
    int r = 0;
    cJSON_AddStringToObject(q, "prompt", m->prompt);
    cJSON_AddItemToObject(q, "fields", ym_steal(&m->fields));
    cJSON_AddNumberToObject(q, "n", m->n);
    cJSON *refs = cJSON_AddArrayToObject(q, "refs");
    for (size_t i = 0; r == 0 && (from = arg_nth(&m->c->a, "from-image", i)); i++)
        r = reference(m, from, i ? YM_REF_REFERENCE : YM_REF_SOURCE, refs, e); /* the first is what it starts from */
    if (r == 0 && last)
        r = reference(m, last, YM_REF_LAST_FRAME, refs, e);
    return r < 0 ? r : session_call(&m->s, ym_steal(&q), -1, &m->answer, NULL, e);
}

/* ---- waiting for one of them ---- */
struct ending {
    char state[16];
    enum ym_class cls;
    char why[512];
};

static void ending_set(struct ending *d, const char *state, enum ym_class cls, const char *why)
{
    snprintf(d->state, sizeof(d->state), "%s", state);
    snprintf(d->why, sizeof(d->why), "%s", why);
    d->cls = cls;
}

/* The job's own slot in the journal: it has no file. */
static cJSON *state_of(struct making *m, const char *id)
{
    cJSON *st = NULL;
    struct ym_err ignored;
    YM_AUTOFREE char *path = ym_asprintf("cli:%s", id);
    return session_call(&m->s, request_new("state", path), 5000, &st, NULL, &ignored) < 0 ? NULL
                                                                                          : st;
}

/* Why a queued job does not start, when its provider is the reason. Caller frees; NULL = it is not.
 */
static char *lane_trouble(struct making *m, const char *model)
{
    YM_AUTOJSON cJSON *a = NULL;
    struct ym_err ignored;
    const cJSON *lane;
    if (!*model || session_call(&m->s, request_new("status", NULL), 5000, &a, NULL, &ignored) < 0)
        return NULL;
    cJSON_ArrayForEach(lane, ym_json_at(a, "status.lanes"))
    {
        const char *name = ym_json_str_or(lane, "name", ""), *slash = strchr(name, '/');
        if (strcmp(ym_json_str_or(lane, "tier", "now"), "now") != 0)
            continue; /* the command orders nothing there */
        const char *state = ym_json_str_or(lane, "state", "ok"),
                   *why = ym_json_str_or(lane, "why", "");
        if (slash && strcmp(slash + 1, model) == 0 && strcmp(state, "ok") != 0)
            return ym_asprintf("%s is %s%s%s", name, state, *why ? ": " : "", why);
    }
    return NULL;
}

static void show_progress(struct making *m, const char *id, int at, int total, ym_mono since)
{
    YM_AUTOJSON cJSON *st = m->c->json ? NULL : state_of(m, id);
    if (!st)
        return;
    const char *state = ym_json_str_or(st, "state", "queued");
    const char *detail = ym_json_str_or(st, "detail", "");
    YM_AUTOFREE char *trouble =
        strcmp(state, "queued") == 0 ? lane_trouble(m, ym_json_str_or(st, "model", "")) : NULL;
    YM_AUTOFREE char *count = total > 1 ? ym_asprintf("[%d/%d] ", at, total) : ym_strdup("");
    YM_AUTOFREE char *age = NULL;
    if (m->c->live)
        age = ym_asprintf(", %lld s", (long long)(ym_mono_until(since, ym_mono_now()).ms / 1000));
    const char *more = trouble ? trouble : detail;
    YM_AUTOFREE char *text =
        ym_asprintf("%s%s%s%s%s", count, state, age ? age : "", *more ? ": " : "", more);
    out_progress(m->c, text);
}

/* The engine has nothing to do and this job is still queued: it waits for a person, or for another
 * day. Nothing was sent for it. */
static bool is_stuck(struct making *m, const char *id, struct ending *ret)
{
    YM_AUTOJSON cJSON *st = state_of(m, id);
    if (!st || strcmp(ym_json_str_or(st, "state", ""), "queued") != 0)
        return false;
    const char *why = ym_json_str_or(st, "error", "");
    ending_set(ret, "blocked", YM_AUTH,
               *why ? why : "The provider takes no requests now; `ymago status` says why.");
    return true;
}

static int job_answer(struct call *c, struct ending *ret, struct ym_err *e)
{
    YM_AUTOJSON cJSON *a = NULL;
    int r = call_end(c, &a, NULL, e);
    if (r < 0)
        return r;
    const char *cls = ym_json_str(a, "why_class");
    ending_set(ret, ym_json_str_or(a, "state", "none"), cls ? ym_class_parse(cls) : YM_OK,
               ym_json_str_or(a, "why", ""));
    if (strcmp(ret->state, "none") == 0 && !ret->why[0])
        snprintf(ret->why, sizeof(ret->why),
                 "The job is not known any more; run the command again.");
    return 0;
}

/* 0 with how it ended, or -EINTR, or an error of the engine. */
static int job_follow(struct making *m, const char *id, int at, int total, struct ending *ret,
                      struct ym_err *e)
{
    enum { JOB, IDLE, CALLS };
    struct call *c[CALLS] = {call_begin(&m->s, request_new("wait", id)), NULL};
    ym_mono since = ym_mono_now();
    int r = 0;
    for (bool over = false; !over;) {
        int i = calls_wait(c, CALLS, 1000);
        if (i == JOB) {
            r = job_answer(ym_steal(&c[JOB]), ret, e);
            over = true;
        } else if (i == IDLE) {
            YM_AUTOJSON cJSON *a = NULL;
            r = call_end(ym_steal(&c[IDLE]), &a, NULL, e);
            over = r < 0 || is_stuck(m, id, ret);
        } else if (i == -ETIME) {
            show_progress(m, id, at, total, since);
            if (!c[IDLE])
                c[IDLE] = call_begin(&m->s, request_new("wait", ""));
        } else {
            r = ym_fail(e, YM_CANCELLED, EINTR, "Interrupted.");
            over = true;
        }
    }
    out_progress(m->c, "");
    call_leave(c[JOB]);
    call_leave(c[IDLE]);
    return r;
}

/* ---- its bytes ---- */
/* --output-path -: nothing is written anywhere else. */
static int job_print(struct ym_err *e, int fd)
{
    char part[65536];
    ssize_t n;
    off_t at = 0;
    for (; (n = pread(fd, part, sizeof(part), at)) > 0; at += n)
        if (fwrite(part, 1, (size_t)n, stdout) != (size_t)n)
            break;
    if (n != 0 || fflush(stdout) != 0)
        return ym_fail(e, YM_LOCAL, EIO, "The result cannot be written to standard output.");
    return 0;
}

static int job_save(struct making *m, const char *id, int number, cJSON *item, struct ym_err *e)
{
    YM_AUTOJSON cJSON *a = NULL, *q = request_new("fetch", NULL);
    YM_AUTOCLOSE int fd = -1;
    struct saved s;
    cJSON_AddStringToObject(q, "job", id);
    int r = session_call(&m->s, ym_steal(&q), -1, &a, &fd, e);
    if (r == 0 && fd < 0)
        r = ym_fail(e, YM_BROKEN, EBADF, "The engine sent no file with its answer.");
    if (r < 0)
        return r;
    if (m->to_stdout)
        return job_print(e, fd);
    const char *sidecar =
        ym_config_bool(m->cfg, "defaults.enable_metadata") ? ym_json_str(a, "sidecar") : NULL;
    r = save_result(&m->to, number, fd, ym_json_str(a, "ext"), sidecar, 0666 & ~m->c->umask, &s, e);
    if (r < 0)
        return r;
    if (s.other_ext)
        out_note(m->c, "The %s is no .%s: its name ends as its bytes say.", noun(m), m->to.ext);
    if (s.other_name && !m->said_taken)
        out_note(m->c, "The name was taken by another file, which was left alone.");
    m->said_taken |= s.other_name;
    if (!m->c->json)
        out_line(s.path);
    fflush(stdout);
    cJSON_AddStringToObject(item, "path", s.path);
    cJSON_AddNumberToObject(item, "cost_usd", ym_json_num_or(a, "cost_usd", 0));
    cJSON_AddBoolToObject(item, "written", !s.there);
    free(s.path);
    return 0;
}

static void say_ending(struct making *m, const char *id, const struct ending *d)
{
    const char *why = d->why[0] ? d->why : "no reason was given";
    if (strcmp(d->state, "held") == 0)
        out_note(m->c,
                 "Held: %s Approve it with `ymago approve %s [USD]`, then run this command again.",
                 d->why, id);
    else if (strcmp(d->state, "unknown") == 0)
        out_note(m->c, "Unknown: %s It may have been billed; `ymago retry %s` sends it once more.",
                 d->why, id);
    else if (strcmp(d->state, "blocked") == 0)
        out_note(m->c, "Not sent: %s", why);
    else
        out_note(m->c, "%c%s: %s", d->state[0] - 'a' + 'A', d->state + 1, why);
}

static int job_one(struct making *m, const char *id, int at, int total, int *ret_code,
                   struct ym_err *e)
{
    struct ending d = {0};
    int r = job_follow(m, id, at, total, &d, e);
    if (r < 0)
        return r;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(m->results, item);
    cJSON_AddStringToObject(item, "job", id);
    cJSON_AddStringToObject(item, "state", d.state);
    if (strcmp(d.state, "done") == 0) {
        r = job_save(m, id, at, item, e);
    } else {
        cJSON_AddStringToObject(item, "error", d.why);
        cJSON_AddStringToObject(item, "class", ym_class_name(d.cls));
        say_ending(m, id, &d);
    }
    *ret_code = exit_of_state(d.state, d.cls);
    return r;
}

/* ---- leaving before the end: nothing that was not sent yet is to be bought behind the user's back
 * ---- */
static void cancel_from(struct making *m, const cJSON *jobs, int first)
{
    struct ym_err ignored;
    const cJSON *id;
    int at = 0;
    interrupt_forget();
    cJSON_ArrayForEach(id, jobs)
    {
        YM_AUTOJSON cJSON *a = NULL;
        if (at++ >= first && cJSON_IsString(id) &&
            session_call(&m->s, request_new("cancel", id->valuestring), CANCEL_MS, &a, NULL,
                         &ignored) == -EINTR)
            return;
    }
}

static int jobs_all(struct making *m, struct ym_err *e)
{
    const cJSON *jobs = ym_json_get(m->answer, "jobs"), *id;
    int total = cJSON_GetArraySize(jobs), at = 0, code = YM_EXIT_DONE, one = YM_EXIT_DONE;
    if (!total)
        return ym_fail(e, YM_BROKEN, EPROTO, "The engine answered without a job.");
    cJSON_ArrayForEach(id, jobs)
    {
        const char *name = cJSON_IsString(id) ? id->valuestring : "";
        int r = job_one(m, name, ++at, total, &one, e);
        if (r < 0) {
            cancel_from(m, jobs, at - 1);
            return r;
        }
        code = at == 1 ? one : exit_join(code, one);
        const cJSON *last = cJSON_GetArrayItem(m->results, at - 1);
        if (strcmp(ym_json_str_or(last, "state", ""), "blocked") == 0) {
            cancel_from(m, jobs, at - 1);
            return YM_EXIT_ERROR;
        }
    }
    return code;
}

static int make_all(struct making *m, struct ym_err *e)
{
    int r = prompt_read(m, e);
    if (r == 0)
        r = fields_read(m, e);
    if (r == 0)
        r = target_read(m, e);
    if (r == 0)
        r = where_find(m->c, NULL, NULL, &m->w, e);
    if (r == 0 && m->w.fallback)
        r = folders_make(m->w.library, 0777 & ~m->c->umask, e);
    if (r == 0)
        r = session_open(m->c, &m->w, m->w.fallback ? SESSION_CREATE : 0, &m->s, e);
    if (r == 0)
        r = order(m, e);
    return r < 0 ? r : jobs_all(m, e);
}

static int finish(struct making *m, int r, const struct ym_err *e)
{
    int code = r;
    if (r < 0 && e->cls == YM_CANCELLED) {
        out_note(m->c, "Interrupted: what was not sent yet is cancelled; what was sent is kept and "
                       "costs nothing when "
                       "you run the same command again.");
        code = YM_EXIT_INTERRUPTED;
    } else if (r < 0 && cJSON_GetArraySize(m->results) == 0) {
        return out_fail(m->c, e);
    } else if (r < 0) {
        out_note(m->c, "ymago: %s", e->msg);
        code = ym_class_exit(e->cls);
    }
    cJSON *o = cJSON_CreateObject();
    if (r < 0)
        cJSON_AddStringToObject(o, "error", e->msg);
    cJSON_AddItemToObject(o, "results", ym_steal(&m->results));
    return out_json(m->c, o, code);
}

int cmd_make(struct cli *c)
{
    struct making m = {.c = c, .kind = ym_kind_parse(c->a.cmd->name), .results = cJSON_CreateArray()};
    struct ym_err err = {0};
    ym_assert(m.kind != YM_KIND_NONE); /* the commands are called as the kinds are */
    int r = make_all(&m, &err);
    int code = finish(&m, r, &err);
    session_close(&m.s);
    where_fini(&m.w);
    save_to_fini(&m.to);
    ym_config_unref(m.cfg);
    cJSON_Delete(m.fields);
    cJSON_Delete(m.answer);
    cJSON_Delete(m.results);
    free(m.prompt);
    return code;
}
