/* A provider's reply may be any JSON under any status: the driver ends in words, never in harm. */
#include "fuzz.h"

#include <errno.h>
#include <ymago/driver.h>

extern const struct ym_driver ym_driver_gemini;

static int sink_begin(void *ctx, unsigned index)
{
    (void)ctx;
    (void)index;
    return 0;
}

static int sink_data(void *ctx, unsigned index, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)index;
    (void)data;
    (void)len;
    return 0;
}

static void reply_read(const struct ym_call *call, int status, struct ym_sieve *s, const cJSON *doc)
{
    static const struct ym_staged media[] = {{100, "image/png", true}, {7, "", false}, {90, "image/jpeg", true}};
    static const char *const headers[] = {NULL};
    struct ym_next next;
    struct ym_err e = {.cls = YM_OK};
    cJSON *state = NULL;
    struct ym_reply rep = {.tag = 1, .status = status, .headers = headers, .json = doc, .text = "", .sieve = s,
                           .nmedia = YM_COUNT(media), .media = media};
    memset(&next, 0, sizeof(next));
    ym_assert(ym_driver_gemini.step(call, &state, NULL, &next, &e) == 0 && next.nhttp == 1);
    rep.tag = next.http[0].tag;
    ym_next_fini(&next);
    memset(&next, 0, sizeof(next));
    if (ym_driver_gemini.step(call, &state, &rep, &next, &e) < 0) {
        ym_assert(e.cls != YM_OK && e.msg[0] && e.retry_after.ms >= 0);
    } else if (next.what == YM_NEXT_DONE) {
        for (unsigned i = 0; i < next.nmedia; i++)
            ym_assert(next.media[i] < rep.nmedia);
        ym_assert(!next.cost_known || next.cost.micro_usd >= 0);
    }
    ym_next_fini(&next);
    cJSON_Delete(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"data", NULL};
    static const int statuses[] = {200, 400, 403, 404, 429, 503};
    struct ym_sieve_spec spec = {.media_keys = keys};
    struct ym_sieve_sink sink = {sink_begin, sink_data, sink_begin, NULL};
    struct ym_request req = {.kind = YM_IMAGE, .provider = ym_strdup("gemini"),
                             .model = ym_strdup("gemini-nano-banana-2.1"), .prompt = ym_strdup("a fox"),
                             .params = cJSON_CreateObject()};
    const struct ym_model *m = ym_driver_model(&ym_driver_gemini, req.model);
    struct ym_call call = {.job_id = "01M7WERQ9J14596T8D4H0YTZ90", .attempt = 1, .req = &req, .model = m,
                           .prices = m->prices, .base_url = "https://example.invalid", .has_key = true,
                           .timeout = YM_SEC(300)};
    struct ym_sieve *s = ym_sieve_new(&spec, &sink);
    cJSON *doc = NULL;
    if (size > 1 && ym_sieve_feed(s, data + 1, size - 1) == 0 && ym_sieve_end(s, &doc, NULL) == 0)
        reply_read(&call, statuses[data[0] % YM_COUNT(statuses)], s, doc);
    cJSON_Delete(doc);
    ym_sieve_free(s);
    ym_request_fini(&req);
    return 0;
}
