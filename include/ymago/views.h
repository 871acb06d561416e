/* Read-only renderings: pure functions from a snapshot to bytes. Everything that came from outside is
 * escaped. -ENOBUFS when the buffer's maximum is passed. */
#ifndef YMAGO_VIEWS_H
#define YMAGO_VIEWS_H

#include <ymago/engine.h>

int ym_view_readme(struct ym_buf *out);                                   /* README.md of the mount */
int ym_view_status_txt(const struct ym_status *s, struct ym_buf *out);    /* STATUS.txt, .ymago/status, `ymago status` */
int ym_view_status_json(const struct ym_status *s, struct ym_buf *out);
int ym_view_job_request(const struct ym_job_row *r, struct ym_buf *out);  /* jobs/ID/request.json */
int ym_view_job_state(const struct ym_job_row *r, const struct ym_live *l, struct ym_buf *out);
int ym_view_job_cost(const struct ym_job_row *r, struct ym_buf *out);
int ym_view_job_provider(const struct ym_job_row *r, struct ym_buf *out); /* provider.json */
int ym_view_attempt(const struct ym_attempt_row *r, struct ym_buf *out);  /* one line of attempts.jsonl */
int ym_view_working(const struct ym_job_row *r, int64_t position, int64_t eta_s, const struct ym_live *l, struct ym_buf *out);
/* cost/: day "2026-11-20" */
int ym_view_cost_today(struct ym_journal *reader, const char *day, struct ym_buf *out);
int ym_view_cost_month(struct ym_journal *reader, const char *month, struct ym_buf *out); /* CSV */
int ym_view_cost_by_model(struct ym_journal *reader, const char *month, struct ym_buf *out);
int ym_view_cost_by_folder(struct ym_journal *reader, const char *month, struct ym_buf *out);
int ym_view_events(struct ym_journal *reader, struct ym_buf *out);        /* events.log */
int ym_view_prices(const struct ym_config *c, const struct ym_driver *const *drivers, struct ym_buf *out); /* the commented start of prices.toml */

#endif
