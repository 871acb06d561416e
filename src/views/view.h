/* Writing a rendering: the first failure sticks, so that each view looks once, at its end. */
#ifndef YM_VIEWS_VIEW_H
#define YM_VIEWS_VIEW_H

#include <ymago/views.h>

struct view {
    struct ym_buf *out;
    int r; /* 0, or -ENOBUFS from the first piece that did not fit on */
};
__attribute__((format(printf, 2, 3))) void view_add(struct view *v, const char *fmt, ...);
/* Text from outside, on one line and harmless to a terminal; at most max bytes of it. NULL = "". */
void view_text(struct view *v, const char *s, size_t max);
/* A cell of a CSV file: quoted where needed, and never a formula to a spreadsheet. */
void view_cell(struct view *v, const char *s);
/* "$0.039", or "none" for a negative one (no limit). */
void view_money(struct view *v, ym_money m);
void view_clock(struct view *v, ym_wall t);        /* local "10:15" */
void view_length(struct view *v, int64_t seconds); /* "2 h 5 min", "40 s" */
/* The value as one line or pretty, with a newline; o is taken. */
void view_json(struct view *v, cJSON *o, bool pretty);

void view_json_money(cJSON *o, const char *key, ym_money m); /* null when negative */
void view_json_time(cJSON *o, const char *key, ym_wall t);   /* null when 0 */
void view_json_text(cJSON *o, const char *key, const char *s);

#endif
