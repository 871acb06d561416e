/* The small tables: named texts, sources, events. */
#include <errno.h>

#include "sql.h"

enum { EVENTS_KEPT = 10000 };

int ym_meta_get(struct ym_journal *j, const char *key, char **ret)
{
    CUR struct cur c = cur_begin(j, Q_META_GET, NULL);
    bind_text(&c, key);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret = col_text(&c);
    return 0;
}

int ym_meta_put(struct ym_journal *j, const char *key, const char *value)
{
    CUR struct cur c = cur_begin(j, Q_META_PUT, NULL);
    bind_text(&c, key);
    bind_text(&c, value);
    return cur_run(&c);
}

int ym_source_put(struct ym_journal *j, const struct ym_digest *s, int64_t k, const char *job)
{
    CUR struct cur c = cur_begin(j, Q_SOURCE_PUT, NULL);
    bind_blob(&c, s->b, sizeof s->b);
    bind_i64(&c, k);
    bind_text(&c, job);
    return cur_run(&c);
}

int ym_source_get(struct ym_journal *j, const struct ym_digest *s, int64_t k, struct ym_id *ret_job)
{
    CUR struct cur c = cur_begin(j, Q_SOURCE_GET, NULL);
    bind_blob(&c, s->b, sizeof s->b);
    bind_i64(&c, k);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_job = col_id(&c);
    return 0;
}

int64_t ym_source_max(struct ym_journal *j, const struct ym_digest *s)
{
    int64_t k;
    CUR struct cur c = cur_begin(j, Q_SOURCE_MAX, NULL);
    bind_blob(&c, s->b, sizeof s->b);
    int r = cur_number(&c, &k);
    return r < 0 ? -1 : k;
}

static int event_insert(struct ym_journal *j, ym_wall at, const char *json, int64_t *ret)
{
    CUR struct cur c = cur_begin(j, Q_EVENT_PUT, NULL);
    bind_i64(&c, at.ms);
    bind_text(&c, json);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -EIO;
    *ret = col_i64(&c);
    return cur_run(&c);
}

static int event_trim(struct ym_journal *j, int64_t seq)
{
    CUR struct cur c = cur_begin(j, Q_EVENT_TRIM, NULL);
    bind_i64(&c, seq - EVENTS_KEPT);
    return cur_run(&c);
}

int ym_event_put(struct ym_journal *j, ym_wall at, const char *json, int64_t *ret_seq)
{
    int64_t seq = 0;
    struct tx t = tx_open(j, NULL);
    int r = t.r < 0 ? t.r : event_insert(j, at, json, &seq);
    if (r == 0 && seq > EVENTS_KEPT)
        r = event_trim(j, seq);
    r = tx_close(&t, r, NULL);
    if (r == 0 && ret_seq)
        *ret_seq = seq;
    return r;
}

int ym_event_each(struct ym_journal *j, int64_t after, int limit,
                  void (*fn)(void *ctx, int64_t seq, const char *json), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_EVENT_EACH, NULL);
    bind_i64(&c, after);
    bind_i64(&c, limit);
    int r;
    while ((r = cur_step(&c)) > 0) {
        int64_t seq = col_i64(&c);
        fn(ctx, seq, col_str(&c));
    }
    return r;
}
