/* Errors in words, and the one table of what a class is called and how the command line ends. */
#include <string.h>
#include <ymago/base.h>

static const struct {
    const char *name;
    enum ym_exit exit;
} classes[YM_CLASS_COUNT] = {
    // clang-format off
    [YM_OK]        = {"ok",        YM_EXIT_DONE},
    [YM_INVALID]   = {"invalid",   YM_EXIT_USAGE},
    [YM_AUTH]      = {"auth",      YM_EXIT_ERROR},
    [YM_REFUSED]   = {"refused",   YM_EXIT_SOME_FAILED},
    [YM_THROTTLED] = {"throttled", YM_EXIT_ERROR},
    [YM_OFFLINE]   = {"offline",   YM_EXIT_ERROR},
    [YM_TRANSIENT] = {"transient", YM_EXIT_ERROR},
    [YM_EMPTY]     = {"empty",     YM_EXIT_SOME_FAILED},
    [YM_AMBIGUOUS] = {"ambiguous", YM_EXIT_SOME_FAILED},
    [YM_LOST]      = {"lost",      YM_EXIT_SOME_FAILED},
    [YM_HELD]      = {"held",      YM_EXIT_HELD},
    [YM_LOCAL]     = {"local",     YM_EXIT_ERROR},
    [YM_CANCELLED] = {"cancelled", YM_EXIT_INTERRUPTED},
    [YM_BROKEN]    = {"broken",    YM_EXIT_ERROR},
    // clang-format on
};

int ym_fail(struct ym_err *e, enum ym_class cls, int err, const char *fmt, ...)
{
    ym_assert(err > 0);
    if (!e)
        return -err;
    /* Through a second buffer: the arguments may be e's own texts. Four times the room, so that a
     * secret that reaches over the cut is still seen whole and masked. */
    char text[4 * sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        text[0] = '\0';
    ym_secret_mask(text, strlen(text));
    *e = (struct ym_err){.cls = cls, .err = err};
    ym_text_show(text, e->msg, sizeof e->msg);
    return -err;
}

const char *ym_class_name(enum ym_class cls)
{
    ym_assert((unsigned)cls < YM_CLASS_COUNT);
    return classes[cls].name;
}

enum ym_class ym_class_parse(const char *name)
{
    for (unsigned i = 0; name && i < YM_CLASS_COUNT; i++)
        if (strcmp(classes[i].name, name) == 0)
            return (enum ym_class)i;
    return YM_BROKEN;
}

enum ym_exit ym_class_exit(enum ym_class cls)
{
    ym_assert((unsigned)cls < YM_CLASS_COUNT);
    return classes[cls].exit;
}
