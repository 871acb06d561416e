/* The texts of the table in tree.c: each fetches what a rendering of views/ needs. */
#ifndef FS_RENDER_H
#define FS_RENDER_H

#include <ymago/base.h>

struct ym_fs;

int render_readme(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_status_txt(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_status_json(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_cost_today(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_cost_month(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_cost_model(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_cost_folder(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_model(struct ym_fs *f, const char *path, struct ym_buf *out); /* "PROVIDER/FILE"; -ENOENT */
/* The files of models/PROVIDER. */
void models_each(struct ym_fs *f, const char *provider, void (*fn)(void *ctx, const char *file), void *ctx);
int render_ctl(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_events(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_config(struct ym_fs *f, const char *arg, struct ym_buf *out);
int render_job_request(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_state(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_attempts(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_provider(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_cost(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_progress(struct ym_fs *f, const char *id, struct ym_buf *out);
int render_job_preview(struct ym_fs *f, const char *id, struct ym_buf *out); /* -ENOENT: none was sent */

#endif
