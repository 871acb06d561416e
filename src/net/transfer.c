/* One hop of a request: libcurl's options, its callbacks, and what its end means. */
#include "transfer.h"
#include "address.h"
#include "body.h"
#include "classify.h"
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#define HOPS_MAX          5
#define REDIRECT_BODY_MAX (64 * 1024)
#define PAYS_IDLE_SECONDS 20L /* a connection kept longer may be dying just now */
#define KEEPALIVE_SECONDS 30L /* slow answers outlive the patience of some routers */
#define RECEIVE_BUFFER    65536L

/* Options are known to every libcurl that we build with: a refusal is a broken promise. */
#define SET(easy, option, value) ym_assert(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* ---- what libcurl asks us ---- */

static bool may_reach(const struct transfer *t, bool private)
{
    return !private || t->allowed || t->proxied;
}

static curl_socket_t socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_reach(t, ym_address_is_private(&a->addr))) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd < 0) {
        t->open_errno = errno;
        return CURL_SOCKET_BAD;
    }
    t->opened = true;
    return fd;
}

static int refuse_address(struct transfer *t)
{
    return ym_fail(&t->err, YM_INVALID, EACCES,
                   "%s is on a private network, which only configured addresses may be; if it is "
                   "yours, add its host:port to allow_private under [net].",
                   t->at.host);
}

static bool head_went_out(const struct transfer *t)
{
    long size = 0;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &size);
    return size > 0;
}

/* A connection stands, new or kept, and nothing of the request has gone out on it. Coming here
 * twice means that libcurl sends it again, because a kept connection died under the first one. */
static int before_request(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = ctx;
    (void)local_ip, (void)port, (void)local_port;
    if (!may_reach(t, address_text_is_private(ip))) {
        refuse_address(t); /* kept from a time when it was allowed */
        return CURL_PREREQFUNC_ABORT;
    }
    bool whole_was_out = t->body_taken || (t->body_len == 0 && head_went_out(t));
    if (t->asked && t->effect == YM_PAYS && whole_was_out) {
        classify_curl(CURLE_SEND_FAIL_REWIND, true, t->effect, t->at.host, "", &t->err);
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->body)
        body_rewind(t->body);
    t->asked = true;
    return CURL_PREREQFUNC_OK;
}

static size_t send_body(char *buf, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    t->body_taken = true;
    ssize_t r = ym_body_read(t->body, buf, size * n);
    if (r >= 0)
        return (size_t)r;
    ym_fail(&t->err, YM_LOCAL, EIO,
            "A file to be sent could not be read to its end; save it again.");
    return CURL_READFUNC_ABORT;
}

/* Not given to libcurl for a request that pays: it then cannot send it twice. */
static int seek_body(void *ctx, curl_off_t offset, int origin)
{
    struct transfer *t = ctx;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    body_rewind(t->body);
    return CURL_SEEKFUNC_OK;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool keeps_method(const struct transfer *t)
{
    return t->status == 307 || t->status == 308 || strcmp(t->method, "GET") == 0 ||
           strcmp(t->method, "HEAD") == 0;
}

/* A reply that is not followed is delivered as it is: NULL. */
static char *redirect_target(struct transfer *t)
{
    const char *location = ym_header_get(t->head.lines, "location");
    if (!is_redirect(t->status) || t->effect == YM_PAYS || !location)
        return NULL;
    if (!keeps_method(t) && t->status != 303 && strcmp(t->method, "POST") != 0)
        return NULL;
    YM_AUTOFREE char *url = url_join(t->url, location);
    struct url to;
    if (!url || url_parse(url, &to) < 0)
        return NULL;
    if (keeps_method(t) && t->npieces > 0 && strcmp(to.origin, t->at.origin) != 0)
        return NULL; /* a body goes where it was meant to go */
    if (t->hops == HOPS_MAX) {
        ym_fail(&t->err, YM_INVALID, ELOOP,
                "%s sends the request round in circles: more than %d redirects.", t->at.host,
                HOPS_MAX);
        return NULL;
    }
    return ym_steal(&url);
}

static int reply_too_big(struct transfer *t)
{
    if (t->status >= 400) {
        classify_status(t->status, t->at.host, YM_MS(0), &t->err);
        return -EFBIG;
    }
    return ym_fail(&t->err, YM_EMPTY, EFBIG,
                   "%s answered with more than the %lld bytes that are allowed here.", t->at.host,
                   (long long)t->max_reply);
}

static int own_failure(struct transfer *t, int rc)
{
    char words[80];
    return ym_fail(&t->err, YM_LOCAL, rc < 0 ? -rc : EIO, "The answer of %s could not be kept: %s.",
                   t->at.host, strerror_r(rc < 0 ? -rc : EIO, words, sizeof(words)));
}

static int head_whole(struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->status = (int)status;
    t->head_done = true;
    head_finish(&t->head);
    t->redirect = redirect_target(t);
    if (t->err.cls != YM_OK)
        return -ELOOP;
    if (t->redirect)
        return 0;
    if (t->head.length > t->max_reply && strcmp(t->method, "HEAD") != 0)
        return reply_too_big(t);
    struct ym_head h = {.status = t->status,
                        .length = t->head.length,
                        .type = t->head.type,
                        .headers = t->head.lines};
    int rc = t->sink.head ? t->sink.head(t->sink.ctx, &h) : 0;
    return rc ? own_failure(t, rc) : 0;
}

static int head_line(struct transfer *t, const char *line, size_t len)
{
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *sp = memchr(line, ' ', len);
        head_reset(&t->head);
        /* A 1xx head is no reply yet; the blank line after it is passed over. */
        t->started = sp && sp + 1 < line + len && sp[1] != '1';
        return 0;
    }
    if (!t->started)
        return 0;
    if (len == 0)
        return head_whole(t);
    if (head_add(&t->head, line, len) == 0)
        return 0;
    classify_curl(CURLE_RECV_ERROR, true, t->effect, t->at.host, "the head of the reply is too big",
                  &t->err);
    return -EOVERFLOW;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t len = size * n;
    if (t->head_done) /* trailers */
        return len;
    t->last_byte = ym_mono_now();
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
        len--;
    return head_line(t, data, len) < 0 ? 0 : size * n;
}

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t len = size * n;
    t->hop_in += (int64_t)len;
    if (t->redirect)
        return t->hop_in > REDIRECT_BODY_MAX ? 0 : len;
    t->last_byte = ym_mono_now();
    t->bytes_in += (int64_t)len;
    if (t->bytes_in > t->max_reply) {
        reply_too_big(t);
        return 0;
    }
    struct ym_err e = {0};
    int rc = t->sink.body ? t->sink.body(t->sink.ctx, data, len, &e) : 0;
    if (rc == 0)
        return len;
    if (e.cls != YM_OK)
        t->err = e;
    else
        own_failure(t, rc);
    return 0;
}

/* ---- a hop begins ---- */

static void set_safety(struct transfer *t, CURL *easy, const char *proxy)
{
    SET(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled request does not wait for its name look-up */
#endif
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROTOCOLS_STR, t->allowed ? "http,https" : "https");
    SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_PROXY, proxy ? proxy : "");
    SET(easy, CURLOPT_NOPROXY, "");
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    SET(easy, CURLOPT_OPENSOCKETDATA, t);
    SET(easy, CURLOPT_PREREQFUNCTION, before_request);
    SET(easy, CURLOPT_PREREQDATA, t);
}

static void set_body(struct transfer *t, CURL *easy)
{
    if (!t->body)
        t->body = ym_body_new(t->pieces, t->npieces);
    SET(easy, CURLOPT_POST, 1L);
    SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
    SET(easy, CURLOPT_READFUNCTION, send_body);
    SET(easy, CURLOPT_READDATA, t);
    if (t->effect == YM_PAYS)
        return;
    SET(easy, CURLOPT_SEEKFUNCTION, seek_body);
    SET(easy, CURLOPT_SEEKDATA, t);
}

static void set_request(struct transfer *t, CURL *easy, const char *agent)
{
    SET(easy, CURLOPT_URL, t->url);
    SET(easy, CURLOPT_PATH_AS_IS, 1L); /* signed paths are compared byte by byte */
    /* One exchange at a time on a connection: who got what before it died stays plain. */
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_USERAGENT, agent);
    slist_wipe(t->slist);
    t->slist = request_headers(t);
    SET(easy, CURLOPT_HTTPHEADER, t->slist);
    if (method_has_body(t->method) || t->npieces > 0)
        set_body(t, easy);
    else if (strcmp(t->method, "HEAD") == 0)
        SET(easy, CURLOPT_NOBODY, 1L);
    if (strcmp(t->method, "HEAD") != 0)
        SET(easy, CURLOPT_CUSTOMREQUEST, t->method);
    if (t->effect == YM_PAYS) {
        SET(easy, CURLOPT_MAXAGE_CONN, PAYS_IDLE_SECONDS);
        /* Without a body there is nothing to rewind, hence nothing that keeps libcurl from sending
         * it again; on a new connection it does not. */
        SET(easy, CURLOPT_FRESH_CONNECT, t->body_len == 0 ? 1L : 0L);
    }
}

static long milliseconds(int64_t ms)
{
    return ms < 1 ? 1 : ms > INT_MAX ? INT_MAX : (long)ms;
}

static void set_reply(struct transfer *t, CURL *easy)
{
    ym_dur spent = ym_mono_until(t->began, ym_mono_now());
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(t->connect_timeout.ms));
    SET(easy, CURLOPT_TIMEOUT_MS, milliseconds(t->timeout.ms - spent.ms));
    SET(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECONDS);
    SET(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_SECONDS);
    SET(easy, CURLOPT_HEADERFUNCTION, take_header);
    SET(easy, CURLOPT_HEADERDATA, t);
    SET(easy, CURLOPT_WRITEFUNCTION, take_body);
    SET(easy, CURLOPT_WRITEDATA, t);
    SET(easy, CURLOPT_ERRORBUFFER, t->detail);
    SET(easy, CURLOPT_PRIVATE, t);
}

static int judge_url(struct transfer *t, const struct surroundings *s)
{
    char shown[160];
    if (url_parse(t->url, &t->at) < 0)
        return ym_fail(&t->err, YM_INVALID, EINVAL,
                       "\"%s\" is not a valid https address; correct it.",
                       ym_text_show(t->url, shown, sizeof(shown)));
    if (t->at.userinfo)
        return ym_fail(&t->err, YM_INVALID, EINVAL,
                       "The address of %s holds a user name or password; take it out.", t->at.host);
    if (t->hops == 0) {
        memcpy(t->home, t->at.origin, sizeof(t->home));
        t->home_allowed = allow_has(s->allow, t->home);
    }
    /* A foreign host cannot send us on to a configured private one. */
    t->allowed = t->home_allowed && allow_has(s->allow, t->at.origin);
    if (!t->at.https && !t->allowed)
        return ym_fail(&t->err, YM_INVALID, EPROTONOSUPPORT,
                       "Plain http to %s is not allowed; use https, or add its host:port to "
                       "allow_private under [net].",
                       t->at.host);
    return 0;
}

/* The proxy resolves names; an address that is written out can still be judged here. */
static bool private_behind_proxy(const struct transfer *t)
{
    char host[sizeof(t->at.host)];
    size_t n = strlen(t->at.host);
    bool brackets = t->at.host[0] == '[';
    memcpy(host, t->at.host + brackets, n + 1 - brackets);
    if (brackets)
        host[n - 2] = '\0';
    return t->proxied && !t->allowed && address_text_is_private(host);
}

static void hop_reset(struct transfer *t)
{
    head_reset(&t->head);
    t->head_done = t->started = t->asked = t->body_taken = t->refused = t->opened = false;
    t->status = 0;
    t->hop_in = 0;
    t->open_errno = 0;
    t->detail[0] = '\0';
}

int transfer_start(struct transfer *t, CURL *easy, const struct surroundings *s)
{
    if (t->hops == 0)
        t->began = ym_mono_now();
    hop_reset(t);
    int r = t->hops == 0 ? request_check(t, &t->err) : 0;
    if (r == 0)
        r = judge_url(t, s);
    if (r < 0)
        return r;
    const char *proxy = t->at.https ? proxy_for(&s->proxy, t->at.host) : NULL;
    t->proxied = proxy != NULL;
    if (private_behind_proxy(t))
        return refuse_address(t);
    t->easy = easy;
    set_safety(t, easy, proxy);
    set_request(t, easy, s->agent);
    set_reply(t, easy);
    return 0;
}

/* ---- a hop ends ---- */

static void count_sent(struct transfer *t)
{
    curl_off_t n = 0;
    if (t->easy && curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &n) == CURLE_OK)
        t->bytes_out += n;
}

/* When in doubt, yes: only a clear no makes a repetition safe. */
static bool hop_was_sent(const struct transfer *t)
{
    return t->asked && (t->proxied || t->body_taken || t->started || head_went_out(t));
}

bool transfer_goes_on(struct transfer *t, CURLcode code)
{
    (void)code; /* how the body of a redirect ended is of no interest */
    if (!t->redirect || t->err.cls != YM_OK)
        return false;
    count_sent(t);
    if (!keeps_method(t)) {
        free(t->method);
        t->method = ym_strdup("GET");
        t->npieces = 0;
        t->body_len = 0;
    }
    t->sent = true;
    t->hops++;
    free(t->url);
    t->url = ym_steal(&t->redirect);
    return true;
}

ym_mono transfer_stalls_at(const struct transfer *t)
{
    return t->started ? ym_mono_add(t->last_byte, t->stall) : (ym_mono){INT64_MAX};
}

void transfer_stalled(struct transfer *t)
{
    char detail[64];
    snprintf(detail, sizeof(detail), "no byte came for %lld ms", (long long)t->stall.ms);
    if (t->status < 400)
        classify_curl(CURLE_OPERATION_TIMEDOUT, true, t->effect, t->at.host, detail, &t->err);
}

void transfer_cancelled(struct transfer *t)
{
    ym_fail(&t->err, YM_CANCELLED, ECANCELED, "The request was cancelled.");
}

/* An end that only the closing of the connection tells may be a cut; for the text of an error that
 * is good enough. */
static bool body_is_whole(const struct transfer *t)
{
    return t->head.chunked || t->head.length >= 0 || t->status == 204 || t->status >= 300 ||
           strcmp(t->method, "HEAD") == 0;
}

static void judge_failure(struct transfer *t, CURLcode code)
{
    bool sent = hop_was_sent(t);
    const char *detail = t->detail;
    if (code == CURLE_OK) {
        code = CURLE_PARTIAL_FILE;
        detail = "the end of the reply cannot be told";
    }
    if (t->head_done && t->status >= 400)
        classify_status(t->status, t->at.host,
                        ym_retry_after(ym_header_get(t->head.lines, "retry-after"), ym_wall_now()),
                        &t->err);
    else if (!sent && t->refused && !t->opened)
        refuse_address(t);
    else if (!sent && t->open_errno == EMFILE && !t->opened)
        ym_fail(&t->err, YM_TRANSIENT, EMFILE,
                "Too many files are open for one more connection; raise the limit (ulimit -n).");
    else
        classify_curl(code, sent, t->effect, t->at.host, detail, &t->err);
}

void transfer_report(struct transfer *t, CURLcode code)
{
    bool complete = t->err.cls == YM_OK && code == CURLE_OK && t->head_done && body_is_whole(t);
    if (!complete && t->err.cls == YM_OK)
        judge_failure(t, code);
    count_sent(t);
    struct ym_net_result r = {
        .status = t->head_done ? t->status : 0,
        .sent = t->sent || hop_was_sent(t),
        .complete = complete,
        .err = t->err,
        .bytes_in = t->bytes_in,
        .bytes_out = t->bytes_out,
        .elapsed = t->began.ns ? ym_mono_until(t->began, ym_mono_now()) : YM_MS(0),
    };
    if (t->sink.done)
        t->sink.done(t->sink.ctx, &r);
}
