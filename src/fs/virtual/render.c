#include "render.h"
#include "session.h"

#include <errno.h>

int render_readme(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)f, (void)arg;
    return ym_view_readme(out);
}

static int status(struct ym_fs *f, int (*view)(const struct ym_status *s, struct ym_buf *out),
                  struct ym_buf *out)
{
    YM_AUTOFREE struct ym_status *s = ym_alloc(sizeof(*s));
    ym_engine_status(f->engine, s);
    return view(s, out);
}

int render_status_txt(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    return status(f, ym_view_status_txt, out);
}

int render_status_json(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    return status(f, ym_view_status_json, out);
}

/* ---- from the journal ---- */

struct reading {
    int (*dated)(struct ym_journal *reader, const char *when, struct ym_buf *out);
    int (*whole)(struct ym_journal *reader, struct ym_buf *out);
    char when[16];
    struct ym_buf *out;
    int result;
};

static void read_view(void *ctx, struct ym_journal *reader)
{
    struct reading *r = ctx;
    r->result = r->dated ? r->dated(reader, r->when, r->out) : r->whole(reader, r->out);
}

static int from_journal(struct ym_fs *f, struct reading *r)
{
    r->result = -EIO; /* when there is no reader */
    ym_service_read(f->service, read_view, r);
    return r->result;
}

int render_cost_today(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    struct reading r = {.dated = ym_view_cost_today, .out = out};
    (void)arg;
    ym_wall_day(ym_wall_now(), r.when);
    return from_journal(f, &r);
}

static int month(struct ym_fs *f,
                 int (*view)(struct ym_journal *reader, const char *when, struct ym_buf *out),
                 struct ym_buf *out)
{
    struct reading r = {.dated = view, .out = out};
    ym_wall_month(ym_wall_now(), r.when);
    return from_journal(f, &r);
}

int render_cost_month(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    return month(f, ym_view_cost_month, out);
}

int render_cost_model(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    return month(f, ym_view_cost_by_model, out);
}

int render_cost_folder(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    return month(f, ym_view_cost_by_folder, out);
}

int render_events(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    struct reading r = {.whole = ym_view_events, .out = out};
    (void)arg;
    return from_journal(f, &r);
}

/* ---- settings and verbs ---- */

int render_config(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)arg;
    struct ym_config *c = ym_engine_config(f->engine);
    int r = ym_config_render(c, out);
    ym_config_unref(c);
    return r;
}

int render_ctl(struct ym_fs *f, const char *arg, struct ym_buf *out)
{
    (void)f, (void)arg;
    int r = ym_buf_adds(out, "# One command a line; P is a path in this folder or a job's id.\n");
    const struct ym_verb *v;
    for (size_t i = 0; r == 0 && (v = ym_verb_at(i)); i++)
        if (v->in_ctl)
            r = ym_buf_addf(out, "%s%s%s\t%s\n", v->name, *v->args ? " " : "", v->args, v->help);
    return r;
}

/* ---- models ---- */

static struct ym_models models_take(struct ym_fs *f, struct ym_config **c, struct ym_list ***lists)
{
    *c = ym_engine_config(f->engine);
    *lists = ym_engine_lists(f->engine);
    return (struct ym_models){.config = *c, .drivers = f->drivers, .lists = *lists};
}

int render_model(struct ym_fs *f, const char *path, struct ym_buf *out)
{
    struct ym_config *c;
    struct ym_list **lists;
    struct ym_models m = models_take(f, &c, &lists);
    int r = ym_view_model(&m, path, out);
    ym_config_unref(c);
    ym_lists_free(lists);
    return r;
}

void models_each(struct ym_fs *f, const char *provider, void (*fn)(void *ctx, const char *file), void *ctx)
{
    struct ym_config *c;
    struct ym_list **lists;
    struct ym_models m = models_take(f, &c, &lists);
    ym_models_files(&m, provider, fn, ctx);
    ym_config_unref(c);
    ym_lists_free(lists);
}

/* ---- one job ---- */

static int job(struct ym_fs *f, const char *id,
               int (*view)(const struct ym_job_row *r, struct ym_buf *out), struct ym_buf *out)
{
    struct ym_job_row row = {0};
    int r = ym_service_job(f->service, id, &row);
    if (r < 0)
        return r;
    r = view(&row, out);
    ym_job_row_fini(&row);
    return r;
}

int render_job_request(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    return job(f, id, ym_view_job_request, out);
}

int render_job_provider(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    return job(f, id, ym_view_job_provider, out);
}

int render_job_cost(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    return job(f, id, ym_view_job_cost, out);
}

int render_job_state(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    struct ym_job_row row = {0};
    struct ym_live live;
    int r = ym_service_job(f->service, id, &row);
    if (r < 0)
        return r;
    ym_engine_live(f->engine, id, &live);
    r = ym_view_job_state(&row, &live, out);
    ym_job_row_fini(&row);
    return r;
}

int render_job_progress(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    struct ym_job_row row = {0};
    struct ym_live live;
    int r = ym_service_job(f->service, id, &row);
    if (r < 0)
        return r;
    ym_engine_live(f->engine, id, &live);
    if (row.state == YM_JOB_DONE)
        live.progress = 1;
    const char *detail = *live.detail ? live.detail : ym_state_public(row.state);
    if (live.progress >= 0)
        r = ym_buf_addf(out, "%d%% ", (int)(live.progress * 100));
    if (r == 0) {
        ym_text_escape(out, detail, strlen(detail), 512);
        r = ym_buf_adds(out, "\n");
    }
    ym_job_row_fini(&row);
    return r;
}

int render_job_preview(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    return ym_engine_preview(f->engine, id, out);
}

struct lines {
    struct ym_buf *out;
    int result;
};

static void attempt_line(void *ctx, const struct ym_attempt_row *r)
{
    struct lines *l = ctx;
    if (l->result == 0)
        l->result = ym_view_attempt(r, l->out);
    if (l->result == 0 && l->out->len && l->out->data[l->out->len - 1] != '\n')
        l->result = ym_buf_adds(l->out, "\n");
}

int render_job_attempts(struct ym_fs *f, const char *id, struct ym_buf *out)
{
    struct lines l = {.out = out};
    int r = ym_service_job_attempts(f->service, id, attempt_line, &l);
    return r < 0 ? r : l.result;
}
