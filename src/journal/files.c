/* What is known of other files of the library: copies of results, sidecars, notes, earlier
 * versions. */
#include <errno.h>
#include <string.h>

#include "sql.h"

static int delete_path(struct ym_journal *j, enum query q, const char *path)
{
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, path);
    return cur_run_found(&c);
}

/* ---- copies ---- */

int ym_copy_put(struct ym_journal *j, const char *path, const struct ym_row_ident *id,
                const struct ym_digest *b2)
{
    CUR struct cur c = cur_begin(j, Q_COPY_PUT, NULL);
    bind_text(&c, path);
    bind_ident(&c, id);
    bind_blob(&c, b2->b, sizeof b2->b);
    return cur_run(&c);
}

int ym_copy_get(struct ym_journal *j, const char *path, struct ym_row_ident *ret_id,
                struct ym_digest *ret_b2)
{
    CUR struct cur c = cur_begin(j, Q_COPY_GET, NULL);
    bind_text(&c, path);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    struct ym_row_ident id = col_ident(&c);
    if (ret_id)
        *ret_id = id;
    if (ret_b2)
        *ret_b2 = col_digest(&c);
    return 0;
}

int ym_copy_delete(struct ym_journal *j, const char *path)
{
    return delete_path(j, Q_COPY_DELETE, path);
}

static int copy_move(struct ym_journal *j, const char *from, const char *to)
{
    CUR struct cur c = cur_begin(j, Q_COPY_MOVE, NULL);
    bind_text(&c, to);
    bind_text(&c, from);
    return cur_run_found(&c);
}

int ym_copy_rename(struct ym_journal *j, const char *from, const char *to)
{
    struct tx t = tx_open(j, NULL);
    int r = t.r < 0 ? t.r : ym_copy_get(j, from, NULL, NULL);
    if (r == 0 && strcmp(from, to) != 0) {
        r = ym_copy_delete(j, to);
        if (r == 0 || r == -ENOENT)
            r = copy_move(j, from, to);
    }
    return tx_close(&t, r, NULL);
}

int ym_copy_each(struct ym_journal *j, const struct ym_digest *b2,
                 void (*fn)(void *ctx, const char *path, const struct ym_row_ident *id), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_COPY_EACH, NULL);
    bind_blob(&c, b2->b, sizeof b2->b);
    int r;
    while ((r = cur_step(&c)) > 0) {
        const char *path = col_str(&c);
        struct ym_row_ident id = col_ident(&c);
        fn(ctx, path, &id);
    }
    return r;
}

/* ---- sidecars ---- */

void ym_sidecar_row_fini(struct ym_sidecar_row *r)
{
    free(r->path);
    free(r->media);
    free(r->doc);
    *r = (struct ym_sidecar_row){0};
}

int ym_sidecar_put(struct ym_journal *j, const struct ym_sidecar_row *r, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_SIDECAR_PUT, e);
    bind_text(&c, r->path);
    bind_text(&c, r->media);
    bind_digest(&c, &r->s);
    bind_digest(&c, &r->h);
    bind_i64(&c, r->variation);
    bind_digest(&c, &r->b2);
    bind_text(&c, r->doc);
    return cur_run(&c);
}

int ym_sidecar_delete(struct ym_journal *j, const char *path)
{
    return delete_path(j, Q_SIDECAR_DELETE, path);
}

static int sidecar_move(struct ym_journal *j, const char *from, const char *to,
                        const char *media_to)
{
    CUR struct cur c = cur_begin(j, Q_SIDECAR_MOVE, NULL);
    bind_text(&c, to);
    bind_text(&c, media_to);
    bind_text(&c, from);
    return cur_run_found(&c);
}

static int sidecar_there(struct ym_journal *j, const char *path)
{
    CUR struct cur c = cur_begin(j, Q_SIDECAR_GET, NULL);
    bind_text(&c, path);
    int r = cur_step(&c);
    return r < 0 ? r : r == 0 ? -ENOENT : 0;
}

int ym_sidecar_rename(struct ym_journal *j, const char *from, const char *to, const char *media_to)
{
    struct tx t = tx_open(j, NULL);
    int r = t.r < 0 ? t.r : sidecar_there(j, from);
    if (r == 0 && strcmp(from, to) != 0) {
        r = ym_sidecar_delete(j, to);
        r = r == -ENOENT ? 0 : r;
    }
    if (r == 0)
        r = sidecar_move(j, from, to, media_to);
    return tx_close(&t, r, NULL);
}

/* 1 when fn took one. */
static int sidecars_offer(struct cur *c, bool (*fn)(void *ctx, const struct ym_sidecar_row *r),
                          void *ctx)
{
    int r;
    bool taken = false;
    while (!taken && (r = cur_step(c)) > 0) {
        struct ym_sidecar_row row = {.path = col_text(c), .media = col_text(c)};
        row.s = col_digest(c);
        row.h = col_digest(c);
        row.variation = col_i64(c);
        row.b2 = col_digest(c);
        row.doc = col_text(c);
        taken = fn(ctx, &row);
        ym_sidecar_row_fini(&row);
    }
    cur_end(c);
    return taken ? 1 : r;
}

int ym_sidecar_find(struct ym_journal *j, const struct ym_digest *s, int64_t k,
                    const struct ym_digest *h,
                    bool (*fn)(void *ctx, const struct ym_sidecar_row *r), void *ctx)
{
    int r = 0;
    if (s && !ym_digest_is_zero(s)) {
        CUR struct cur c = cur_begin(j, Q_SIDECAR_BY_S, NULL);
        bind_digest(&c, s);
        bind_i64(&c, k);
        r = sidecars_offer(&c, fn, ctx);
    }
    if (r == 0 && h && !ym_digest_is_zero(h)) {
        CUR struct cur c = cur_begin(j, Q_SIDECAR_BY_H, NULL);
        bind_digest(&c, h);
        bind_digest(&c, s);
        bind_i64(&c, k);
        r = sidecars_offer(&c, fn, ctx);
    }
    return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}

/* ---- notes ---- */

int ym_note_put(struct ym_journal *j, const char *path, const char *prompt,
                const struct ym_digest *b2)
{
    CUR struct cur c = cur_begin(j, Q_NOTE_PUT, NULL);
    bind_text(&c, path);
    bind_text(&c, prompt);
    bind_digest(&c, b2);
    return cur_run(&c);
}

int ym_note_get(struct ym_journal *j, const char *path, char **ret_prompt, struct ym_digest *ret_b2)
{
    CUR struct cur c = cur_begin(j, Q_NOTE_GET, NULL);
    bind_text(&c, path);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    const char *prompt = col_str(&c);
    if (ret_prompt)
        *ret_prompt = ym_strdup(prompt);
    if (ret_b2)
        *ret_b2 = col_digest(&c);
    return 0;
}

int ym_note_delete(struct ym_journal *j, const char *path)
{
    return delete_path(j, Q_NOTE_DELETE, path);
}

int ym_note_each(struct ym_journal *j, const char *prompt,
                 void (*fn)(void *ctx, const char *path, const struct ym_digest *b2), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_NOTE_EACH, NULL);
    bind_text(&c, prompt);
    int r;
    while ((r = cur_step(&c)) > 0) {
        const char *path = col_str(&c);
        struct ym_digest b2 = col_digest(&c);
        fn(ctx, path, &b2);
    }
    return r;
}

/* ---- versions ---- */

int ym_version_put(struct ym_journal *j, const char *path, const struct ym_digest *b2,
                   const char *ext, const char *job, const char *sidecar, ym_wall at)
{
    CUR struct cur c = cur_begin(j, Q_VERSION_PUT, NULL);
    bind_text(&c, path);
    bind_digest(&c, b2);
    bind_text(&c, ext);
    bind_text(&c, job);
    bind_text(&c, sidecar);
    bind_i64(&c, at.ms);
    return cur_run(&c);
}

int ym_version_each(struct ym_journal *j, const char *path,
                    void (*fn)(void *ctx, int seq, const struct ym_digest *b2, const char *ext,
                               const char *job, const char *sidecar, ym_wall at),
                    void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_VERSION_EACH, NULL);
    bind_text(&c, path);
    int r;
    while ((r = cur_step(&c)) > 0) {
        int seq = (int)col_i64(&c);
        struct ym_digest b2 = col_digest(&c);
        const char *ext = col_str(&c), *job = col_str(&c), *sidecar = col_str(&c);
        fn(ctx, seq, &b2, ext, job, sidecar, (ym_wall){col_i64(&c)});
    }
    return r;
}
