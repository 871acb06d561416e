/* Films: what was asked for, the planes, the sound under them, and ffmpeg to put it together. */
#include <errno.h>
#include <strings.h>
#include <unistd.h>
#include <ymago/media.h>

#include "clip.h"
#include "sketch/kinds.h"
#include "sketch/sound/sound.h"

#define SIDE_MAX 1920

struct wish {
    int w, h;
    double seconds, fps;
    bool sound;
    enum sketch_quality quality;
};

/* ---- what was asked for ---- */
/* The shorter side of a size class. */
static int side_of(const cJSON *params, double *ret, struct ym_err *e)
{
    static const struct {
        const char *name;
        int side;
    } classes[] = {{"360p", 360}, {"480p", 480}, {"540p", 540}, {"720p", 720}, {"1080p", 1080}, {"1K", 720}, {"2K", 1080}};
    static const int by_quality[] = {[SKETCH_DRAFT] = 360, [SKETCH_STANDARD] = 720, [SKETCH_HIGH] = 1080};
    const char *r = ym_json_str(params, "resolution");
    char show[40];
    *ret = by_quality[sketch_quality_of(params)];
    if (!r)
        return 0;
    for (size_t i = 0; i < YM_COUNT(classes); i++)
        if (!strcasecmp(classes[i].name, r)) {
            *ret = classes[i].side;
            return 0;
        }
    return ym_fail(e, YM_INVALID, EINVAL,
                   "The offline sketch makes films in the resolutions 360p, 480p, 540p, 720p and 1080p, not \"%s\".",
                   ym_text_show(r, show, sizeof(show)));
}

static int even(double v)
{
    return (int)lround(v / 2) * 2;
}

static int size_choose(const cJSON *params, double ratio, struct wish *w, struct ym_err *e)
{
    double side, x = ym_json_num_or(params, "width", 0), y = ym_json_num_or(params, "height", 0);
    int rc = side_of(params, &side, e);
    if (rc < 0)
        return rc;
    if (x <= 0 && y <= 0) {
        x = ratio >= 1 ? fmin(side * ratio, SIDE_MAX) : side;
        y = ratio >= 1 ? x / ratio : fmin(side / ratio, SIDE_MAX);
        x = ratio >= 1 ? x : y * ratio;
    } else {
        x = x > 0 ? x : y * ratio;
        y = y > 0 ? y : x / ratio;
    }
    w->w = even(x);
    w->h = even(y);
    if (w->w < 64 || w->h < 64 || w->w > SIDE_MAX || w->h > SIDE_MAX)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes films of 64 to %d pixels a side; %d x %d is outside of that.",
                       SIDE_MAX, w->w, w->h);
    return 0;
}

/* ratio: of the picture it starts with, 0 = none. */
static int wish_read(const struct ym_request *r, double ratio, struct wish *ret, struct ym_err *e)
{
    const cJSON *p = r->params;
    *ret = (struct wish){.seconds = ym_json_num_or(p, "duration", 5), .fps = ym_json_num_or(p, "fps", 30)};
    ret->sound = !cJSON_IsFalse(ym_json_get(p, "audio"));
    ret->quality = sketch_quality_of(p);
    if (ret->seconds < 0.5 || ret->seconds > 60)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes films of 0.5 to 60 seconds, not %g.", ret->seconds);
    if (ret->fps < 1 || ret->fps > 60)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes films of 1 to 60 pictures a second, not %g.", ret->fps);
    int rc = sketch_ratio(p, ratio > 0 ? clampd(ratio, 0.25, 4) : 16.0 / 9, &ratio, e);
    if (rc < 0)
        return rc;
    if (ratio < 0.249 || ratio > 4.01)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes films in an aspect_ratio from 1:4 to 4:1.");
    return size_choose(p, ratio, ret, e);
}

int video_check(const struct ym_call *call, struct ym_err *e)
{
    struct wish w;
    return wish_read(call->req, 0, &w, e);
}

/* ---- planes ---- */
static int ref_fd(const struct ym_call *call, const struct ym_media_out *out, enum ym_ref_role role, const char **ret_mime)
{
    int i = ym_call_ref(call, role);
    if (i < 0 || (size_t)i >= YM_COUNT(out->ref_fds))
        return -1;
    *ret_mime = call->req->refs[i].mime;
    return out->ref_fds[i];
}

static void film_draw_planes(struct film *f, struct layers *l)
{
    if (l->sky) {
        plane_from_surface(&f->back, l->sky);
        plane_cut_out(&f->front, l->picture, l->sky);
    } else {
        plane_from_surface(&f->back, l->picture);
    }
    f->air = air_of(&l->scene, l->night);
    f->glow = mix(l->palette.glow, (struct rgb){1, 0.93, 0.7}, 0.4);
}

/* The prompt's own picture, larger than the film, so that there is room to move in. */
static int paint(const struct ym_call *call, const struct ym_media_out *out, const struct wish *w, double room,
                 struct film *f, struct scene *ret_scene, struct ym_err *e)
{
    int fds[16];
    size_t n = 0;
    struct layers l;
    for (size_t i = 0; i < call->req->nrefs && i < YM_COUNT(out->ref_fds); i++)
        if (call->req->refs[i].role == YM_REF_REFERENCE)
            fds[n++] = out->ref_fds[i];
    struct sketch_wish s = {.prompt = call->req->prompt, .negative = call->req->negative, .seed = sketch_seed(call->req),
                            .width = even(w->w * (1 + room)), .height = even(w->h * (1 + room)), .quality = w->quality,
                            .refs = fds, .nrefs = n};
    int rc = layers_paint(&l, &s, e);
    if (rc < 0)
        return rc;
    film_draw_planes(f, &l);
    film_camera(f, room, l.sun_x, l.sun_y);
    f->horizon = clampd(l.horizon, 0.2, 0.8);
    *ret_scene = l.scene;
    layers_fini(&l);
    return 0;
}

/* A given picture: the film starts with all of it. */
static int start_with(int fd, const char *mime, const struct ym_media_out *out, double room, struct film *f, struct ym_err *e)
{
    film_camera(f, room, 0.5, 0.45);
    f->zoom[0] = 1;
    f->zoom[1] = 1 + room;
    f->cx[0] = f->cy[0] = 0.5;
    return plane_from_file(&f->back, fd, mime, even(f->w * (1 + room)), even(f->h * (1 + room)), out, e);
}

static void scene_of_words(const struct ym_request *r, struct scene *ret)
{
    struct rng chance = {rng_hash(r->prompt, strlen(r->prompt), sketch_seed(r))};
    *ret = (struct scene){0};
    scene_read(ret, r->prompt, r->negative ? r->negative : "", &chance);
}

static int film_make(const struct ym_call *call, const struct ym_media_out *out, const struct wish *w, struct film *f,
                     struct scene *ret_scene, struct ym_err *e)
{
    const char *mime = NULL, *last_mime = NULL;
    double room = clampd(0.03 * w->seconds + 0.02, 0.05, 0.28);
    int first = ref_fd(call, out, YM_REF_SOURCE, &mime), last = ref_fd(call, out, YM_REF_LAST_FRAME, &last_mime), rc;
    *f = (struct film){.w = w->w, .h = w->h, .fps = w->fps, .frames = (int)lround(w->seconds * w->fps), .seed = sketch_seed(call->req)};
    f->seed = rng_hash(call->req->prompt, strlen(call->req->prompt), f->seed);
    f->frames = f->frames < 1 ? 1 : f->frames;
    f->given = first >= 0 || last >= 0;
    if (first >= 0) {
        scene_of_words(call->req, ret_scene);
        rc = start_with(first, mime, out, room, f, e);
    } else {
        rc = paint(call, out, w, room, f, ret_scene, e);
        f->letters = rc < 0 ? NULL : letters_paint(w->w, w->h, call->req->prompt);
    }
    if (rc == 0 && last >= 0)
        rc = plane_from_file(&f->last, last, last_mime, even(f->w * 1.1), even(f->h * 1.1), out, e);
    if (rc == 0)
        film_ready(f);
    return rc;
}

/* ---- sound ---- */
/* Ends before the pictures do: the last block of the codec would make the film longer than was asked for. */
static int ambience(const struct wish *w, const struct film *f, const struct scene *sc, struct ym_err *e)
{
    struct sound s;
    sound_init(&s, fmax(f->frames / w->fps - 0.05, 0.1));
    sound_of_scene(&s, sc, f->seed);
    sound_level_quiet(&s, 0.03, fmin(0.8, w->seconds * 0.2));
    int wav = sound_wav(&s, e);
    sound_fini(&s);
    return wav;
}

/* ---- together ---- */
struct feed {
    struct film *film;
    const struct ym_media_out *out;
};

static ssize_t frames_feed(void *ctx, void *buf, size_t size)
{
    struct feed *x = ctx;
    struct film *f = x->film;
    if (f->yuv_at == f->yuv_len) {
        if (f->done == f->frames)
            return 0;
        film_next(f);
        if (x->out->progress)
            x->out->progress(x->out->ctx, 0.98 * f->done / f->frames);
    }
    size_t n = f->yuv_len - f->yuv_at < size ? f->yuv_len - f->yuv_at : size;
    memcpy(buf, f->yuv + f->yuv_at, n);
    f->yuv_at += n;
    return (ssize_t)n;
}

static bool feed_stopped(void *ctx)
{
    const struct feed *x = ctx;
    return x->out->stopped && x->out->stopped(x->out->ctx);
}

struct args {
    const char *v[64];
    size_t n;
};

static void args_add(struct args *a, const char *const *more)
{
    for (; *more; more++) {
        ym_assert(a->n < YM_COUNT(a->v) - 1);
        a->v[a->n++] = *more;
    }
}
#define ADD(a, ...) args_add(a, (const char *const[]){__VA_ARGS__, NULL})

static int encode(const struct wish *w, struct film *f, int wav, const struct ym_media_out *out, struct ym_err *e)
{
    static const char *const preset[] = {[SKETCH_DRAFT] = "ultrafast", [SKETCH_STANDARD] = "veryfast", [SKETCH_HIGH] = "fast"};
    static const char *const crf[] = {[SKETCH_DRAFT] = "25", [SKETCH_STANDARD] = "19", [SKETCH_HIGH] = "17"};
    char size[32], rate[32];
    struct args a = {.n = 0};
    snprintf(size, sizeof(size), "%dx%d", f->w, f->h);
    snprintf(rate, sizeof(rate), "%.6g", w->fps);
    ADD(&a, "ffmpeg", "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "pipe", "-f", "rawvideo", "-pixel_format", "yuv420p",
        "-video_size", size, "-framerate", rate, "-i", "pipe:0");
    if (wav >= 0)
        ADD(&a, "-protocol_whitelist", "file", "-f", "wav", "-i", "/proc/self/fd/4", "-c:a", "aac", "-b:a", "128k");
    ADD(&a, "-c:v", "libx264", "-preset", preset[w->quality], "-crf", crf[w->quality], "-pix_fmt", "yuv420p", "-threads", "4",
        "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709");
    ADD(&a, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart", "-f", "mp4",
        "/proc/self/fd/3");
    struct ym_child_file files[] = {{out->fd(out->ctx, 0), 3}, {wav, 4}};
    struct feed x = {f, out};
    struct ym_child c = {.argv = a.v, .files = files, .nfiles = wav >= 0 ? 2 : 1, .feed = frames_feed, .stopped = feed_stopped,
                         .ctx = &x, .limit = YM_SEC(60 + 60 * (int64_t)w->seconds)};
    return ym_child_run(&c, e);
}

static double ratio_of_start(const struct ym_call *call, const struct ym_media_out *out)
{
    const char *mime;
    struct ym_media_info m;
    int fd = ref_fd(call, out, YM_REF_SOURCE, &mime);
    int i = ym_call_ref(call, YM_REF_SOURCE);
    return fd >= 0 && ym_media_probe_fd(fd, call->req->refs[i].size, &m, NULL) == 0 && m.height > 0 ? (double)m.width / m.height : 0;
}

int video_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    struct wish w;
    struct film f = {0};
    struct scene sc = {0};
    YM_AUTOCLOSE int wav = -1;
    if (!ym_child_has("ffmpeg"))
        return ym_fail(e, YM_LOCAL, ENOENT, "The offline sketch needs ffmpeg for films: install the package ffmpeg, then save the prompt again.");
    int rc = wish_read(call->req, ratio_of_start(call, out), &w, e);
    if (rc == 0)
        rc = film_make(call, out, &w, &f, &sc, e);
    if (rc == 0 && w.sound)
        rc = wav = ambience(&w, &f, &sc, e);
    if (rc >= 0)
        rc = out->begin(out->ctx, 0, -1, e);
    if (rc == 0)
        rc = encode(&w, &f, wav, out, e);
    film_fini(&f);
    return rc < 0 ? rc : out->end(out->ctx, 0, e);
}
