/* ElevenLabs: speech and sound effects. One request is one recording: there is no job to look at and
 * nothing to cancel; a voice that is given by its name is looked up first. */
#include <errno.h>
#include <string.h>

#include "elevenlabs.h"

#define TAG_VOICE 1
#define TAG_MAKE  2
#define SPEECH    (1u << YM_AUDIO)
#define EFFECTS   (1u << YM_SFX)
#define SEED_MAX  4294967295.0
/* An answer with the time of every character may take a hundred bytes for each, and must stay below a
 * megabyte to be read. */
#define TIMED_MAX 9000

/* ---- models, and what they take ---- */

static const char *const formats[] = {"mp3",           "wav",           "opus",           "ogg",
                                      "mp3_22050_32",  "mp3_24000_48",  "mp3_44100_32",   "mp3_44100_64",
                                      "mp3_44100_96",  "mp3_44100_128", "mp3_44100_192",  "opus_48000_32",
                                      "opus_48000_64", "opus_48000_96", "opus_48000_128", "opus_48000_192",
                                      "wav_8000",      "wav_16000",     "wav_22050",      "wav_24000",
                                      "wav_32000",     "wav_44100",     "wav_48000",      NULL};

static const struct ym_param speech_params[] = {
    {"voice", 0, 0, NULL},
    {"stability", 0, 1, NULL},
    {"similarity", 0, 1, NULL},
    {"style", 0, 1, NULL},
    {"speed", 0.7, 1.2, NULL},
    {"language", 0, 0, NULL},
    {"seed", 0, SEED_MAX, NULL},
    {"format", 0, 0, formats},
    {"timestamps", 0, 0, NULL},
    {"params", 0, 0, NULL},
    {0},
};
static const struct ym_param effect_params[] = {
    {"duration", 0.5, 30, NULL},
    {"format", 0, 0, formats},
    {"params", 0, 0, NULL},
    {0},
};

#define PER_KCHARS(usd)                                                                                              \
    {                                                                                                                \
        .image = -1, .second = -1, .song = -1, .kchars = (usd), .mtok_in = -1, .mtok_out = -1, .mtok_image_out = -1  \
    }
#define PRICE_NOTE "developer.puter.com quoting the provider's list, June 2026"
#define SPEECH_MODEL(name, usd, most)                                                                                \
    {                                                                                                                \
        .id = (name), .kinds = SPEECH, .prices = PER_KCHARS(usd), .price_note = PRICE_NOTE, .max_prompt = (most)     \
    }

static const struct ym_model models[] = {
    SPEECH_MODEL(ELEVENLABS_SPEECH, 0.10, 10000),
    SPEECH_MODEL("eleven_v3", 0.10, 5000),
    SPEECH_MODEL("eleven_flash_v2_5", 0.05, 40000),
    SPEECH_MODEL("eleven_flash_v2", 0.05, 30000),
    SPEECH_MODEL("eleven_turbo_v2_5", 0.05, 40000),
    SPEECH_MODEL("eleven_turbo_v2", 0.05, 30000),
    SPEECH_MODEL("eleven_multilingual_v1", 0.10, 10000),
    {
        .id = ELEVENLABS_EFFECTS,
        .kinds = EFFECTS,
        .prices = {.image = -1,
                   .second = -1,
                   .song = 0.12,
                   .kchars = -1,
                   .mtok_in = -1,
                   .mtok_out = -1,
                   .mtok_image_out = -1},
        .price_note = PRICE_NOTE,
        .max_prompt = 450,
    },
    {0},
};

/* ---- refusing before anything is spent ---- */

static const struct {
    const char *key, *field; /* what the driver sets itself, and where a user says it */
} own_keys[] = {
    {"text", "the prompt"},
    {"model_id", "model"},
    {"voice_id", "voice"},
    {"output_format", "format"},
    {"language_code", "language"},
    {"seed", "seed"},
    {"duration_seconds", "duration"},
    {"voice_settings", "stability, similarity, style and speed"},
};

static int check_params(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *p;
    char show[60];
    cJSON_ArrayForEach (p, ym_json_get(call->req->params, "params")) {
        for (size_t i = 0; i < YM_COUNT(own_keys); i++)
            if (strcmp(p->string, own_keys[i].key) == 0)
                return ym_fail(e, YM_INVALID, EINVAL, "params cannot set %s; use %s.", p->string, own_keys[i].field);
        if (strspn(p->string, "abcdefghijklmnopqrstuvwxyz_") != strlen(p->string))
            return ym_fail(e, YM_INVALID, EINVAL, "params: ElevenLabs has no setting \"%s\".",
                           ym_text_show(p->string, show, sizeof show));
    }
    return 0;
}

static int check_seed(const struct ym_call *call, struct ym_err *e)
{
    double seed = (double)ym_call_seed(call);
    if (seed <= SEED_MAX)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes seeds from 0 to %.0f; this one is %.0f.", call->req->model,
                   SEED_MAX, seed);
}

bool elevenlabs_is_timed(const struct ym_call *call)
{
    return call->req->kind == YM_AUDIO && ym_json_bool(call->req->params, "timestamps", false);
}

static int check_timed(const struct ym_call *call, struct ym_err *e)
{
    size_t n = ym_utf8_count(call->req->prompt, strlen(call->req->prompt));
    if (n <= TIMED_MAX || !elevenlabs_is_timed(call))
        return 0;
    return ym_fail(
        e, YM_INVALID, EINVAL,
        "With timestamps a text may have %d characters, this one has %zu; split it, or leave timestamps out.",
        TIMED_MAX, n);
}

static int elevenlabs_check(const struct ym_call *call, struct ym_err *e)
{
    static const char *const none[] = {NULL};
    enum ym_kind kind = call->req->kind;
    if (kind != YM_AUDIO && kind != YM_SFX)
        return ym_fail(e, YM_INVALID, EINVAL, "ElevenLabs makes speech and sound effects; a %s needs another model.",
                       ym_kind_name(kind));
    if (call->model->kinds && !(call->model->kinds & 1u << kind))
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s makes no %s; use %s.", call->req->model, ym_kind_name(kind),
                       kind == YM_SFX ? ELEVENLABS_EFFECTS : ELEVENLABS_SPEECH);
    if (call->req->nrefs)
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes no reference files; leave them out.", call->req->model);
    int r = ym_call_check(call, none, e);
    r = r < 0 ? r : check_params(call, e);
    r = r < 0 ? r : check_seed(call, e);
    return r < 0 ? r : check_timed(call, e);
}

/* ---- price: by the character, or by the effect ---- */

static int elevenlabs_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    const struct ym_prices *p = &call->prices;
    double seconds = ym_json_num_or(call->req->params, "duration", 0), usd = -1;
    ym_money m;
    if (call->req->kind == YM_AUDIO && p->kchars >= 0)
        usd = p->kchars / 1000 * (double)ym_utf8_count(call->req->prompt, strlen(call->req->prompt));
    else if (call->req->kind == YM_SFX && p->second >= 0 && seconds > 0)
        usd = p->second * seconds;
    else if (call->req->kind == YM_SFX)
        usd = p->song;
    if (usd < 0)
        return ym_fail(e, YM_HELD, ENODATA, "Nobody knows the price of %.60s; set %s in prices.toml.",
                       call->req->model, call->req->kind == YM_SFX ? "price_per_song_usd" : "price_per_1k_chars_usd");
    if (ym_money_from_double(usd, &m) < 0)
        return ym_fail(e, YM_INVALID, ERANGE, "The price of %.60s is out of range.", call->req->model);
    *ret = (struct ym_estimate){m, m, m};
    return 0;
}

/* ---- the request ---- */

void elevenlabs_key(struct ym_http *h)
{
    ym_http_credential(h, "xi-api-key", "api_key", NULL);
}

/* The service names a format by codec, sampling rate and bit rate. The plain names mean what every plan
 * may have. */
static const char *output_format(const struct ym_call *call)
{
    const char *f = ym_json_str_or(call->req->params, "format", "mp3");
    if (strcmp(f, "mp3") == 0)
        return "mp3_44100_128";
    if (strcmp(f, "wav") == 0)
        return "wav_24000";
    return strcmp(f, "opus") == 0 || strcmp(f, "ogg") == 0 ? "opus_48000_128" : f;
}

static bool is_query(const char *key)
{
    return strcmp(key, "enable_logging") == 0 || strcmp(key, "optimize_streaming_latency") == 0;
}

/* base + path + "?output_format=...", with those of `params` that belong into the address. */
static char *make_url(const struct ym_call *call, const char *path)
{
    YM_AUTOBUF struct ym_buf b;
    const cJSON *p;
    ym_buf_init(&b, 1 << 16);
    ym_buf_addf(&b, "%s%s?output_format=%s", call->base_url, path, output_format(call));
    cJSON_ArrayForEach (p, ym_json_get(call->req->params, "params")) {
        if (!is_query(p->string))
            continue;
        YM_AUTOFREE char *value = cJSON_IsString(p) ? ym_strdup(p->valuestring) : ym_json_print(p, false);
        YM_AUTOFREE char *safe = ym_url_encode(value, NULL);
        ym_buf_addf(&b, "&%s=%s", p->string, safe);
    }
    return ym_buf_steal(&b);
}

static void number_copy(const struct ym_call *call, const char *field, cJSON *to, const char *key)
{
    const cJSON *v = ym_json_get(call->req->params, field);
    if (v)
        cJSON_AddNumberToObject(to, key, v->valuedouble);
}

/* Absent settings are those that the voice was given at the provider. */
static void settings_add(const struct ym_call *call, cJSON *body)
{
    const cJSON *boost = ym_json_at(call->req->params, "params.use_speaker_boost");
    cJSON *o = cJSON_CreateObject();
    number_copy(call, "stability", o, "stability");
    number_copy(call, "similarity", o, "similarity_boost");
    number_copy(call, "style", o, "style");
    number_copy(call, "speed", o, "speed");
    if (boost)
        cJSON_AddItemToObject(o, "use_speaker_boost", cJSON_Duplicate(boost, true));
    if (o->child)
        cJSON_AddItemToObject(body, "voice_settings", o);
    else
        cJSON_Delete(o);
}

static void params_add(const struct ym_call *call, cJSON *body)
{
    const cJSON *p;
    cJSON_ArrayForEach (p, ym_json_get(call->req->params, "params"))
        if (!is_query(p->string) && strcmp(p->string, "use_speaker_boost") != 0)
            cJSON_AddItemToObject(body, p->string, cJSON_Duplicate(p, true));
}

static cJSON *body_new(const struct ym_call *call)
{
    cJSON *body = cJSON_CreateObject();
    const char *language = ym_json_str(call->req->params, "language");
    int64_t seed = ym_call_seed(call);
    cJSON_AddStringToObject(body, "text", call->req->prompt);
    cJSON_AddStringToObject(body, "model_id", call->req->model);
    if (call->req->kind == YM_SFX) {
        number_copy(call, "duration", body, "duration_seconds");
    } else {
        if (seed >= 0)
            cJSON_AddNumberToObject(body, "seed", (double)seed);
        if (language)
            cJSON_AddStringToObject(body, "language_code", language);
        settings_add(call, body);
    }
    params_add(call, body);
    return body;
}

static void make_send(const struct ym_call *call, const char *voice, struct ym_next *n)
{
    static const char *const media[] = {"audio_base64", NULL};
    bool timed = elevenlabs_is_timed(call);
    YM_AUTOFREE char *safe = ym_url_encode(voice, NULL);
    YM_AUTOFREE char *path = call->req->kind == YM_SFX
                                 ? ym_strdup("/v1/sound-generation")
                                 : ym_asprintf("/v1/text-to-speech/%s%s", safe, timed ? "/with-timestamps" : "");
    YM_AUTOFREE char *url = make_url(call, path);
    YM_AUTOJSON cJSON *body = body_new(call);
    struct ym_http *h = ym_next_send(n, TAG_MAKE, "POST", YM_PAYS, url);
    ym_http_header(h, "Content-Type", "application/json");
    elevenlabs_key(h);
    ym_http_json(h, body);
    if (timed)
        h->media_keys = media;
    else
        h->raw_media = true;
}

static int elevenlabs_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                           struct ym_err *e)
{
    const char *id = ELEVENLABS_VOICE;
    const char *name = call->req->kind == YM_AUDIO ? elevenlabs_voice_name(call, &id) : NULL;
    if (!call->has_key)
        return ym_fail(e, YM_AUTH, EACCES, "ElevenLabs needs a key; set ELEVENLABS_API_KEY or api_key_file.");
    if (rep && rep->tag == TAG_MAKE)
        return elevenlabs_reply(call, rep, n, e);
    if (rep) {
        int r = elevenlabs_voice_take(call, name, state, rep, e);
        if (r < 0)
            return r;
    }
    if (name && !ym_json_str(*state, "voice")) {
        elevenlabs_voice_ask(call, name, TAG_VOICE, n);
        return 0;
    }
    make_send(call, name ? ym_json_str(*state, "voice") : id, n);
    return 0;
}

const struct ym_driver ym_driver_elevenlabs = {
    .name = "elevenlabs",
    .kinds = SPEECH | EFFECTS,
    .needs_key = true,
    .key_env = "ELEVENLABS_API_KEY",
    .base_url = ELEVENLABS_BASE_URL,
    .concurrency = 2, /* the limit is of requests at once, and this is that of the smallest plan */
    .models = models,
    .params = {[YM_AUDIO] = speech_params, [YM_SFX] = effect_params},
    .default_model = {[YM_AUDIO] = ELEVENLABS_SPEECH, [YM_SFX] = ELEVENLABS_EFFECTS},
    .check = elevenlabs_check,
    .price = elevenlabs_price,
    .step = elevenlabs_step,
    .list = elevenlabs_list,
};
