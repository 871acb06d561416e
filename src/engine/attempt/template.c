/* The template that a request names (a workflow) is read before its first step: drivers read no files. */
#include "run.h"

struct template {
    struct run *run;
    char *text;
    size_t len;
    struct ym_err err;
};

static const struct ym_ref *template_ref(const struct run *run)
{
    for (size_t i = 0; i < run->req.nrefs; i++)
        if (run->req.refs[i].role == YM_REF_WORKFLOW)
            return &run->req.refs[i];
    return NULL;
}

static void template_work(void *ctx)
{
    struct template *t = ctx;
    workflow_read(t->run->e->p.store, template_ref(t->run), &t->text, &t->len, &t->err);
}

static void template_done(struct ym_engine *e, void *ctx)
{
    struct template *t = ctx;
    struct run *run = t->run;
    run->inflight--;
    if (run->ended)
        return;
    if (t->err.cls != YM_OK) {
        run_fail(e, run, &t->err);
        return;
    }
    run->workflow = ym_steal(&t->text);
    run->workflow_len = t->len;
    run_step(e, run, NULL);
}

static void template_free(void *ctx)
{
    struct template *t = ctx;
    free(t->text);
    free(t);
}

bool run_template_first(struct ym_engine *e, struct run *run)
{
    static const struct task_ops ops = {template_work, template_done, template_free};
    if (run->workflow || !template_ref(run))
        return false;
    struct template *t = ym_alloc(sizeof(*t));
    t->run = run;
    run->inflight++;
    if (run->row.paying && !run->row.has_handle) { /* nothing was sent yet */
        run->row.paying = false;
        run_row_save(e, run);
    }
    engine_task_after(e, &ops, t, true);
    return true;
}
