/* What several tables share: folders of paths, ranges of paths, words of states. */
#include <string.h>

#include "sql.h"

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strncmp(path, "cli:", 4) == 0 ? NULL : ym_strdup("");
    return ym_strndup(path, (size_t)(slash - path));
}

/* Not LIKE: a folder may be called 100%_a, and an index is only used for constant patterns. */
struct below below_folder(const char *folder)
{
    return (struct below){.from = ym_asprintf("%s/", folder),
                          .to = ym_asprintf("%s%c", folder, '/' + 1)};
}

struct below below_prefix(const char *prefix)
{
    if (!prefix)
        prefix = "";
    /* No byte of UTF-8 is 0xff. */
    return (struct below){.from = ym_strdup(prefix), .to = ym_asprintf("%s\xff", prefix)};
}

void below_end(struct below *b)
{
    free(b->from);
    free(b->to);
}

// clang-format off
const char *const name_statuses[] = {
    [YM_NAME_SEEN]  = "seen",
    [YM_NAME_BOUND] = "bound",
    NULL
};
const char *const slot_statuses[] = {
    [YM_SLOT_WAITING] = "waiting",
    [YM_SLOT_PLACED]  = "placed",
    [YM_SLOT_DELETED] = "deleted",
    [YM_SLOT_KEPT]    = "kept",
    NULL
};
const char *const attempt_statuses[] = {
    [YM_ATT_OPEN]     = "open",
    [YM_ATT_SETTLED]  = "settled",
    [YM_ATT_RELEASED] = "released",
    [YM_ATT_KEPT]     = "kept",
    NULL
};
const char *const hold_statuses[] = {
    [YM_HOLD_WAITING]  = "waiting",
    [YM_HOLD_APPROVED] = "approved",
    [YM_HOLD_CLOSED]   = "closed",
    NULL
};
// clang-format on

void bind_word(struct cur *c, const char *const *list, int v)
{
    int n = 0;
    while (list[n])
        n++;
    ym_assert(v >= 0 && v < n);
    bind_text(c, list[v]);
}

int col_word(struct cur *c, const char *const *list)
{
    const char *s = col_str(c);
    for (int i = 0; s && list[i]; i++)
        if (strcmp(list[i], s) == 0)
            return i;
    return 0;
}
