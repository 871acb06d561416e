/* A folder that was renamed: every path below it moves. */
#include <errno.h>
#include <string.h>

#include "sql.h"

/* In this order: what lies at a target gives way before anything comes. */
static const enum query moves[] = {
    Q_NAME_CLEAR_BELOW,       Q_SLOT_CLEAR_BELOW,         Q_COPY_CLEAR_BELOW,
    Q_SIDECAR_CLEAR_BELOW,    Q_NOTE_CLEAR_BELOW,         Q_NAME_MOVE_BELOW,
    Q_SLOT_MOVE_BELOW,        Q_RESULT_MOVE_BELOW,        Q_COPY_MOVE_BELOW,
    Q_SIDECAR_MOVE_BELOW,     Q_SIDECAR_MEDIA_MOVE_BELOW, Q_NOTE_MOVE_BELOW,
    Q_NOTE_PROMPT_MOVE_BELOW, Q_HOLD_NOTE_MOVE_BELOW,     Q_HOLD_TARGET_MOVE_BELOW,
};

static int move(struct ym_journal *j, enum query q, const struct below *from, const char *to,
                size_t from_len)
{
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, to);
    bind_i64(&c, (int64_t)from_len + 1);
    bind_text(&c, from->from);
    bind_text(&c, from->to);
    return cur_run(&c);
}

static int version_first(struct ym_journal *j, const struct below *b, char **ret)
{
    CUR struct cur c = cur_begin(j, Q_VERSION_FIRST_BELOW, NULL);
    bind_text(&c, b->from);
    bind_text(&c, b->to);
    int r = cur_step(&c);
    if (r > 0)
        *ret = col_text(&c);
    return r;
}

static int version_last(struct ym_journal *j, const char *path, int64_t *ret)
{
    CUR struct cur c = cur_begin(j, Q_VERSION_LAST, NULL);
    bind_text(&c, path);
    *ret = 0;
    int r = cur_number(&c, ret);
    return r == -ENOENT ? 0 : r;
}

static int version_move(struct ym_journal *j, const char *from, const char *to)
{
    int64_t last;
    int r = version_last(j, to, &last);
    if (r < 0)
        return r;
    CUR struct cur c = cur_begin(j, Q_VERSION_MOVE, NULL);
    bind_text(&c, to);
    bind_i64(&c, last);
    bind_text(&c, from);
    return cur_run(&c);
}

/* History is never replaced: it is numbered on from what the target has. */
static int versions_move(struct ym_journal *j, const struct below *b, const char *to,
                         size_t from_len)
{
    for (;;) {
        YM_AUTOFREE char *path = NULL;
        int r = version_first(j, b, &path);
        if (r <= 0)
            return r;
        YM_AUTOFREE char *target = ym_asprintf("%s%s", to, path + from_len);
        r = version_move(j, path, target);
        if (r < 0)
            return r;
    }
}

int ym_folder_rename(struct ym_journal *j, const char *from, const char *to)
{
    size_t len = strlen(from);
    ym_assert(len > 0 && *to);
    if (strcmp(from, to) == 0)
        return 0;
    /* No rename does this; the loops above would not end. */
    ym_assert(strncmp(to, from, len) != 0 || to[len] != '/');
    BELOW struct below b = below_folder(from);
    struct tx t = tx_open(j, NULL);
    int r = t.r;
    for (size_t i = 0; r == 0 && i < YM_COUNT(moves); i++)
        r = move(j, moves[i], &b, to, len);
    if (r == 0)
        r = versions_move(j, &b, to, len);
    return tx_close(&t, r, NULL);
}
