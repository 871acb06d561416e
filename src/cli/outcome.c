/* What the end of jobs means for the exit code. */
#include <string.h>

#include "cli_private.h"

/* state: "done", "held" ... as verbs answer it; cls: of the error, when there is one. */
int exit_of_state(const char *state, enum ym_class cls)
{
    if (strcmp(state, "done") == 0)
        return YM_EXIT_DONE;
    if (strcmp(state, "held") == 0)
        return YM_EXIT_HELD;
    if (strcmp(state, "failed") == 0 || strcmp(state, "unknown") == 0 ||
        strcmp(state, "cancelled") == 0) {
        int code = ym_class_exit(cls);
        return code == YM_EXIT_DONE || code == YM_EXIT_INTERRUPTED ? YM_EXIT_SOME_FAILED : code;
    }
    return YM_EXIT_ERROR;
}

/* Of two jobs: what both agree on; else an interruption, else "some failed", else "held". */
int exit_join(int a, int b)
{
    if (a == b)
        return a;
    if (a == YM_EXIT_INTERRUPTED || b == YM_EXIT_INTERRUPTED)
        return YM_EXIT_INTERRUPTED;
    bool harmless =
        (a == YM_EXIT_DONE || a == YM_EXIT_HELD) && (b == YM_EXIT_DONE || b == YM_EXIT_HELD);
    return harmless ? YM_EXIT_HELD : YM_EXIT_SOME_FAILED;
}
