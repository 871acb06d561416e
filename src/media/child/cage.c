/* Which cage can be had here, by trying. */
#include <pthread.h>

#include "child.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum cage found; /* under lock */

static bool works(enum cage cage, struct ym_err *e)
{
    static const char *const argv[] = {"true", NULL};
    struct ym_child c = {.argv = argv, .limit = YM_SEC(20)};
    return child_run_in(cage, &c, e) == 0;
}

static enum cage look(void)
{
    struct ym_err e = {.cls = YM_OK};
    bool bubble = ym_child_has("bwrap");
    if (bubble && works(CAGE_BUBBLE, &e))
        return CAGE_BUBBLE;
    if (!works(CAGE_LAND, NULL))
        return CAGE_NONE;
    ym_log(YM_INFO, "media", "ffmpeg and the like run under Landlock: bubblewrap %s %s",
           bubble ? "does not work:" : "is not installed", e.words[0] ? e.words : e.msg);
    return CAGE_LAND;
}

enum cage cage_find(void)
{
    pthread_mutex_lock(&lock);
    if (found == CAGE_NONE)
        found = look();
    enum cage c = found;
    pthread_mutex_unlock(&lock);
    return c;
}

void cage_force(enum cage c)
{
    pthread_mutex_lock(&lock);
    found = c;
    pthread_mutex_unlock(&lock);
}
