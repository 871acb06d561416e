/* Sound effects by words. */
#include "sketch/kinds.h"
#include "sound.h"

#include <errno.h>
#include <unistd.h>

static double seconds_of(const struct ym_call *call)
{
    return ym_json_num_or(call->req->params, "duration", 4);
}

int sfx_check(const struct ym_call *call, struct ym_err *e)
{
    const char *format;
    double s = seconds_of(call);
    if (s < 0.5 || s > 60)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes sounds of 0.5 to 60 seconds, not %g.", s);
    return sound_format(ym_json_str(call->req->params, "format"), &format, e);
}

int sfx_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    const char *format;
    struct sound s;
    int rc = sound_format(ym_json_str(call->req->params, "format"), &format, e);
    if (rc < 0)
        return rc;
    sound_init(&s, seconds_of(call));
    sound_of_words(&s, call->req->prompt, sketch_seed(call->req));
    sound_level(&s, 0.8, 0.008, fmin(0.25, seconds_of(call) * 0.15));
    YM_AUTOCLOSE int wav = sound_wav(&s, e);
    sound_fini(&s);
    return wav < 0 ? wav : sound_store(wav, format, out, e);
}
