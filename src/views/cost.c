/* What was spent: on a day, in a month, by model, by folder; and the event log. */
#include <errno.h>
#include <string.h>

#include "view.h"

struct sum {
    char *name;
    int64_t attempts;
    ym_money usd;
};
struct sums {
    struct sum *v;
    size_t n, cap;
    bool by_folder;
};

static void sums_fini(struct sums *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].name);
    free(s->v);
}

/* Requests of the batch tier wait in a lane of their own, "provider/model#batch". */
static const char *model_shown(const char *lane, char *out, size_t size)
{
    static const char mark[] = "#batch";
    size_t n = lane ? strlen(lane) : 0, len = sizeof(mark) - 1;
    if (n <= len || strcmp(lane + n - len, mark) != 0)
        return lane ? lane : "";
    snprintf(out, size, "%.*s (batch)", (int)(n - len), lane);
    return out;
}

static void sum_add(void *ctx, const char *day, const char *lane, const char *folder,
                    int64_t attempts, ym_money usd)
{
    struct sums *s = ctx;
    char shown[300];
    const char *name = s->by_folder ? folder : model_shown(lane, shown, sizeof(shown));
    size_t i = 0;
    (void)day;
    name = name ? name : "";
    while (i < s->n && strcmp(s->v[i].name, name) != 0)
        i++;
    if (i == s->n) {
        if (s->n == s->cap)
            s->v = ym_realloc(s->v, (s->cap = s->cap ? s->cap * 2 : 16) * sizeof(*s->v));
        s->v[s->n++] = (struct sum){.name = ym_strdup(name)};
    }
    s->v[i].attempts += attempts;
    s->v[i].usd = ym_money_add(s->v[i].usd, usd);
}

/* The dearest first. */
static int compare(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    if (x->usd.micro_usd != y->usd.micro_usd)
        return x->usd.micro_usd < y->usd.micro_usd ? 1 : -1;
    return strcmp(x->name, y->name);
}

static int sums_read(struct ym_journal *reader, const char *day, bool by_folder, struct sums *ret)
{
    struct sums s = {.by_folder = by_folder};
    int r = ym_spend_each(reader, day, sum_add, &s);
    if (r < 0) {
        sums_fini(&s);
        return r;
    }
    if (s.n)
        qsort(s.v, s.n, sizeof(*s.v), compare);
    *ret = s;
    return 0;
}

static int today_by(struct view *v, struct ym_journal *reader, const char *day, bool by_folder)
{
    struct sums s;
    int r = sums_read(reader, day, by_folder, &s);
    if (r < 0)
        return r;
    if (s.n)
        view_add(v, "\nBy %s\n", by_folder ? "folder" : "model");
    for (size_t i = 0; i < s.n; i++) {
        view_add(v, "  ");
        view_text(v, s.v[i].name[0] ? s.v[i].name : "(the library itself)", 200);
        view_add(v, ": ");
        view_money(v, s.v[i].usd);
        view_add(v, ", %lld request%s\n", (long long)s.v[i].attempts,
                 s.v[i].attempts == 1 ? "" : "s");
    }
    sums_fini(&s);
    return 0;
}

int ym_view_cost_today(struct ym_journal *reader, const char *day, struct ym_buf *out)
{
    struct view v = {.out = out};
    ym_money approved = ym_spend(reader, day, NULL, NULL, true);
    view_add(&v, "# " YM_VIEW_MARK "\n%s: ", day);
    view_money(&v, ym_spend(reader, day, NULL, NULL, false));
    if (approved.micro_usd > 0) {
        view_add(&v, ", and ");
        view_money(&v, approved);
        view_add(&v, " that you approved");
    }
    view_add(&v, "\nWhat is under way counts at its highest estimate. Limits: budget.toml\n");
    int r = today_by(&v, reader, day, false);
    if (r == 0)
        r = today_by(&v, reader, day, true);
    return r < 0 ? r : v.r;
}

/* ---- CSV: the mark is the name of a last, empty column ---- */

static void csv_money(struct view *v, ym_money m)
{
    char text[32];
    const char *s = ym_money_format(m, text);
    view_add(v, "%s%s", s[0] == '-' ? "-" : "", s + (s[0] == '-') + 1); /* no currency sign */
}

static void month_row(void *ctx, const char *day, const char *lane, const char *folder,
                      int64_t attempts, ym_money usd)
{
    struct view *v = ctx;
    view_cell(v, day);
    view_add(v, ",");
    char shown[300];
    view_cell(v, model_shown(lane, shown, sizeof(shown)));
    view_add(v, ",");
    view_cell(v, folder);
    view_add(v, ",%lld,", (long long)attempts);
    csv_money(v, usd);
    view_add(v, ",\n");
}

int ym_view_cost_month(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    struct view v = {.out = out};
    view_add(&v, "day,model,folder,requests,usd," YM_VIEW_MARK "\n");
    int r = ym_spend_each(reader, month, month_row, &v);
    return r < 0 ? r : v.r;
}

static int csv_by(struct ym_journal *reader, const char *month, bool by_folder, struct ym_buf *out)
{
    struct view v = {.out = out};
    struct sums s;
    int r = sums_read(reader, month, by_folder, &s);
    if (r < 0)
        return r;
    view_add(&v, "%s,requests,usd," YM_VIEW_MARK "\n", by_folder ? "folder" : "model");
    for (size_t i = 0; i < s.n; i++) {
        view_cell(&v, s.v[i].name);
        view_add(&v, ",%lld,", (long long)s.v[i].attempts);
        csv_money(&v, s.v[i].usd);
        view_add(&v, ",\n");
    }
    sums_fini(&s);
    return v.r;
}

int ym_view_cost_by_model(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    return csv_by(reader, month, false, out);
}

int ym_view_cost_by_folder(struct ym_journal *reader, const char *month, struct ym_buf *out)
{
    return csv_by(reader, month, true, out);
}

/* ---- events ---- */

static void event_line(void *ctx, int64_t seq, const char *json)
{
    (void)seq;
    view_add(ctx, "%s\n", json);
}

int ym_view_events(struct ym_journal *reader, struct ym_buf *out)
{
    struct view v = {.out = out};
    int r = ym_event_each(reader, 0, 10000, event_line, &v);
    return r < 0 ? r : v.r;
}
