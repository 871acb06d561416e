/* Renderings of one line each, in the place of those of views/: the tests of src/fs are about where
 * a text is shown, not about what it says. */
#include <errno.h>
#include <string.h>
#include <ymago/views.h>

static int line(struct ym_buf *out, const char *what)
{
    return ym_buf_addf(out, "%s, " YM_VIEW_MARK "\n", what);
}

void ym_job_row_fini(struct ym_job_row *r)
{
    free(r->prompt);
}

int ym_view_readme(struct ym_buf *out)
{
    return line(out, "readme");
}

int ym_view_status_txt(const struct ym_status *s, struct ym_buf *out)
{
    (void)s;
    return line(out, "status");
}

int ym_view_status_json(const struct ym_status *s, struct ym_buf *out)
{
    (void)s;
    return line(out, "status json");
}

int ym_view_job_request(const struct ym_job_row *r, struct ym_buf *out)
{
    return line(out, r->prompt);
}

int ym_view_job_state(const struct ym_job_row *r, const struct ym_live *l, struct ym_buf *out)
{
    (void)r;
    return line(out, l->detail);
}

int ym_view_job_cost(const struct ym_job_row *r, struct ym_buf *out)
{
    (void)r;
    return line(out, "cost");
}

int ym_view_job_provider(const struct ym_job_row *r, struct ym_buf *out)
{
    (void)r;
    return line(out, "provider");
}

int ym_view_attempt(const struct ym_attempt_row *r, struct ym_buf *out)
{
    (void)r;
    return line(out, "attempt");
}

int ym_view_cost_today(struct ym_journal *reader, const char *day, struct ym_buf *out)
{
    (void)reader;
    return line(out, day);
}

int ym_view_cost_month(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    (void)reader;
    return line(out, month);
}

int ym_view_cost_by_model(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    (void)reader;
    return line(out, month);
}

int ym_view_cost_by_folder(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    (void)reader;
    return line(out, month);
}

int ym_models_files(const struct ym_models *m, const char *provider, void (*fn)(void *ctx, const char *file),
                    void *ctx)
{
    if (strcmp(provider, m->drivers[0]->name) != 0)
        return -ENOENT;
    fn(ctx, "one.json");
    fn(ctx, "a+b.json");
    return 0;
}

int ym_view_model(const struct ym_models *m, const char *path, struct ym_buf *out)
{
    (void)m;
    return strcmp(path, "gemini/one.json") == 0 || strcmp(path, "gemini/a+b.json") == 0 ? line(out, path) : -ENOENT;
}

int ym_view_events(struct ym_journal *reader, struct ym_buf *out)
{
    (void)reader;
    return line(out, "events");
}

int ym_view_prices(const struct ym_config *c, const struct ym_driver *const *drivers,
                   struct ym_buf *out)
{
    (void)c, (void)drivers;
    return line(out, "# prices");
}
