/* What lower rooms will give; weak, so that theirs wins where it is linked. */
#include <errno.h>
#include <sys/stat.h>
#include <ymago/library.h>
#include <ymago/views.h>
#include <fcntl.h>

#define W __attribute__((weak))
W void ym_job_row_fini(struct ym_job_row *r) { free(r->prompt); }
#define V(n, t) W int n(t x, struct ym_buf *o) { (void)x; return ym_buf_adds(o, #n "\n" YM_VIEW_MARK "\n"); }
W int ym_view_readme(struct ym_buf *o) { return ym_buf_adds(o, "readme\n" YM_VIEW_MARK "\n"); }
V(ym_view_status_txt, const struct ym_status *)
V(ym_view_status_json, const struct ym_status *)
V(ym_view_job_request, const struct ym_job_row *)
V(ym_view_job_cost, const struct ym_job_row *)
V(ym_view_job_provider, const struct ym_job_row *)
V(ym_view_attempt, const struct ym_attempt_row *)
V(ym_view_events, struct ym_journal *)
W int ym_view_job_state(const struct ym_job_row *r, const struct ym_live *l, struct ym_buf *o) { (void)r;(void)l; return ym_buf_adds(o, "state\n"); }
#define C(n) W int n(struct ym_journal *j, const char *d, struct ym_buf *o) { (void)j;(void)d; return ym_buf_adds(o, #n "\n"); }
C(ym_view_cost_today) C(ym_view_cost_month) C(ym_view_cost_by_model) C(ym_view_cost_by_folder)
W int ym_view_prices(const struct ym_config *c, const struct ym_driver *const *d, struct ym_buf *o) { (void)c;(void)d; return ym_buf_adds(o, "# prices\n"); }
