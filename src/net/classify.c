/* The tables that say which HTTP status and which curl code is worth a retry. */
#include "classify.h"
#include <ctype.h>
#include <errno.h>

#define RETRY_AFTER_MAX_MS (24LL * 3600 * 1000)

/* The first row that holds the status counts. */
static const struct {
    int from, to;
    enum ym_class cls;
    int err;
} by_status[] = {
    {200, 299, YM_OK, 0},
    {401, 401, YM_AUTH, EACCES},
    {403, 403, YM_AUTH, EACCES},
    {404, 404, YM_INVALID, ENOENT},
    {408, 408, YM_THROTTLED, EAGAIN},
    {429, 429, YM_THROTTLED, EAGAIN},
    {500, 599, YM_TRANSIENT, EIO},
};

static size_t status_row(int status)
{
    size_t i = 0;
    while (i < YM_COUNT(by_status) && (status < by_status[i].from || status > by_status[i].to))
        i++;
    return i;
}

enum ym_class ym_http_class(int status)
{
    size_t i = status_row(status);
    return i < YM_COUNT(by_status) ? by_status[i].cls : YM_INVALID;
}

void classify_status(int status, const char *host, ym_dur retry_after, struct ym_err *e)
{
    size_t i = status_row(status);
    ym_fail(e, ym_http_class(status), i < YM_COUNT(by_status) ? by_status[i].err : EINVAL,
            "%s refused the request with status %d, and its explanation did not arrive whole.",
            host, status);
    e->retry_after = retry_after;
}

/* Codes that end a transfer before anything was sent; those not listed are transient. Once the
 * request is out, its effect decides and not the code. */
static const struct {
    CURLcode code;
    enum ym_class cls;
    int err;
    const char *why;
} by_code[] = {
    {CURLE_COULDNT_RESOLVE_HOST, YM_OFFLINE, EHOSTUNREACH, "its name was not found"},
    {CURLE_COULDNT_RESOLVE_PROXY, YM_OFFLINE, EHOSTUNREACH, "the proxy's name was not found"},
    {CURLE_COULDNT_CONNECT, YM_OFFLINE, ECONNREFUSED, "no connection could be made"},
    {CURLE_OPERATION_TIMEDOUT, YM_OFFLINE, ETIMEDOUT, "no connection could be made in time"},
    {CURLE_INTERFACE_FAILED, YM_OFFLINE, ENETUNREACH, "there is no network"},
    /* Also what a captive portal looks like: waiting is right, trying a few times is not. */
    {CURLE_PEER_FAILED_VERIFICATION, YM_OFFLINE, EPROTO, "its certificate is not valid"},
    {CURLE_PROXY, YM_OFFLINE, ECONNREFUSED, "the proxy refused"},
    {CURLE_UNSUPPORTED_PROTOCOL, YM_INVALID, EPROTONOSUPPORT, "only https is spoken"},
    {CURLE_URL_MALFORMAT, YM_INVALID, EINVAL, "the address is not valid"},
};

static void classify_unsent(CURLcode code, const char *host, const char *detail, struct ym_err *e)
{
    size_t i = 0;
    while (i < YM_COUNT(by_code) && by_code[i].code != code)
        i++;
    if (i == YM_COUNT(by_code))
        ym_fail(e, YM_TRANSIENT, EIO, "Nothing could be sent to %s, which may pass by itself (%s).",
                host, detail);
    else if (by_code[i].cls == YM_OFFLINE)
        ym_fail(e, YM_OFFLINE, by_code[i].err, "%s cannot be reached: %s; check the network (%s).",
                host, by_code[i].why, detail);
    else
        ym_fail(e, by_code[i].cls, by_code[i].err, "%s cannot be asked: %s; correct it (%s).", host,
                by_code[i].why, detail);
}

void classify_curl(CURLcode code, bool sent, enum ym_effect effect, const char *host,
                   const char *detail, struct ym_err *e)
{
    char words[112];
    ym_text_show(detail[0] ? detail : curl_easy_strerror(code), words, sizeof(words));
    int err = code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : ECONNRESET;
    if (!sent)
        classify_unsent(code, host, words, e);
    else if (effect == YM_PAYS)
        ym_fail(e, YM_AMBIGUOUS, err,
                "%s got the request but gave no whole answer; it may have billed it (%s).", host,
                words);
    else
        ym_fail(e, YM_TRANSIENT, err, "%s gave no whole answer, which may pass by itself (%s).",
                host, words);
}

static ym_dur clamp(int64_t ms)
{
    return YM_MS(ms < 0 ? 0 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms);
}

/* Whole seconds, or (against the standard, but seen) decimal ones. */
static ym_dur seconds_read(const char *v)
{
    char *end;
    errno = 0;
    long long s = strtoll(v, &end, 10);
    if (errno || s > INT64_MAX / 1000 - 1)
        return YM_MS(0);
    bool fraction = *end == '.' && isdigit((unsigned char)end[1]);
    if (fraction)
        end += 1 + strspn(end + 1, "0123456789");
    return end[strspn(end, " \t")] ? YM_MS(0) : clamp((s + fraction) * 1000);
}

ym_dur ym_retry_after(const char *value, ym_wall now)
{
    if (!value)
        return YM_MS(0);
    value += strspn(value, " \t");
    if (isdigit((unsigned char)*value))
        return seconds_read(value);
    if (!isalpha((unsigned char)*value))
        return YM_MS(0);
    time_t when = curl_getdate(value, NULL);
    if (when < 0 || (int64_t)when > INT64_MAX / 1000)
        return YM_MS(0);
    return clamp((int64_t)when * 1000 - now.ms);
}
