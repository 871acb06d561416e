/* The thread as its callers see it, against servers that misbehave in every way we know. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "raw_server.h"
#include <ymago/net.h>

#define WAIT_SECONDS 20

/* ---- a caller ---- */

struct reply {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    int heads, dones, status;
    int64_t length;
    char type[64], server[64], retry_after[32];
    struct ym_buf body;
    struct ym_net_result r;
    int head_rc, body_rc; /* what the sink answers */
    enum ym_class body_cls;
};

static int reply_head(void *ctx, const struct ym_head *h)
{
    struct reply *p = ctx;
    const char *server = ym_header_get(h->headers, "server");
    p->heads++;
    p->status = h->status;
    p->length = h->length;
    snprintf(p->type, sizeof(p->type), "%s", h->type);
    snprintf(p->server, sizeof(p->server), "%s", server ? server : "");
    return p->head_rc;
}

static int reply_body(void *ctx, const void *data, size_t len, struct ym_err *e)
{
    struct reply *p = ctx;
    assert_int_equal(p->heads, 1);
    assert_int_equal(p->dones, 0);
    if (p->body_rc && p->body_cls != YM_OK)
        return ym_fail(e, p->body_cls, -p->body_rc, "The sink says no.");
    if (p->body_rc)
        return p->body_rc;
    assert_int_equal(ym_buf_add(&p->body, data, len), 0);
    return 0;
}

static void reply_done(void *ctx, const struct ym_net_result *r)
{
    struct reply *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->r = *r;
    p->dones++;
    p->done = true;
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static struct reply *reply_new(void)
{
    struct reply *p = ym_alloc(sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, NULL);
    ym_buf_init(&p->body, 64 << 20);
    return p;
}

static void reply_free(struct reply **pp)
{
    struct reply *p = *pp;
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->cond);
    ym_buf_fini(&p->body);
    free(p);
}
#define AUTOREPLY __attribute__((cleanup(reply_free)))

static bool reply_is_done(struct reply *p, int seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += seconds;
    pthread_mutex_lock(&p->lock);
    while (!p->done && pthread_cond_timedwait(&p->cond, &p->lock, &t) == 0)
        ;
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static void reply_wait(struct reply *p)
{
    if (!reply_is_done(p, WAIT_SECONDS))
        fail_msg("no end of the request within %d s", WAIT_SECONDS);
    assert_int_equal(p->dones, 1);
}

static struct ym_net_sink sink_of(struct reply *p)
{
    return (struct ym_net_sink){
        .head = reply_head, .body = reply_body, .done = reply_done, .ctx = p};
}

/* ---- a net that may reach the servers given ---- */

static struct ym_net *net_for(const struct raw_server *a, const struct raw_server *b)
{
    char first[64] = "", second[64] = "";
    const char *allow[3] = {NULL};
    if (a) {
        snprintf(first, sizeof(first), "http://127.0.0.1:%d", a->port);
        allow[0] = first;
    }
    if (b) {
        snprintf(second, sizeof(second), "http://127.0.0.1:%d", b->port);
        allow[1] = second;
    }
    struct ym_net *n = NULL;
    struct ym_err e;
    assert_int_equal(ym_net_new(&(struct ym_net_options){.allow = allow}, &n, &e), 0);
    return n;
}

static const struct ym_piece one_body = {
    .type = YM_PIECE_BYTES, .data = "{\"prompt\":\"a fox\"}", .len = 18};

static char *url_of(const struct raw_server *s, const char *path)
{
    return ym_asprintf("http://127.0.0.1:%d%s", s->port, path);
}

static uint64_t post(struct ym_net *n, const char *url, enum ym_effect effect, struct reply *p)
{
    return ym_net_submit(n, &(struct ym_net_request){.method = "POST",
                                                     .url = url,
                                                     .pieces = &one_body,
                                                     .npieces = 1,
                                                     .effect = effect,
                                                     .sink = sink_of(p)});
}

static void get(struct ym_net *n, const char *url, struct reply *p)
{
    ym_net_submit(n, &(struct ym_net_request){.method = "GET", .url = url, .sink = sink_of(p)});
}

/* Posts once to a server that behaves as `serve` and gives its end. */
static void post_once(raw_serve_fn *serve, enum ym_effect effect, struct reply *p)
{
    struct raw_server *s = raw_start(serve, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/v1/x");
    post(n, url, effect, p);
    reply_wait(p);
    ym_net_free(n);
    raw_stop(s);
}

/* ---- what goes well ---- */

static void serve_ok(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nServer: raw\r\nContent-Type: Text/Plain; charset=x\r\n"
                       "Content-Length: 5\r\n\r\nhello");
}

static void test_post(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(s, NULL);
    AUTOREPLY struct reply *p = reply_new();
    YM_AUTOFREE char *url = url_of(s, "/v1/m:gen?alt=x");
    YM_AUTOCLOSE int fd = memfd_create("reference", MFD_CLOEXEC);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    struct ym_secret *key = ym_secret_new("sekrit-key", 10);
    const struct ym_piece pieces[] = {
        {.type = YM_PIECE_BYTES, .data = "{\"data\":\"", .len = 9},
        {.type = YM_PIECE_FILE_B64, .fd = fd, .offset = 2, .size = 4},
        {.type = YM_PIECE_BYTES, .data = "\"}", .len = 2},
    };
    const struct ym_header headers[] = {
        {.name = "Content-Type", .value = "application/json"},
        {.name = "x-goog-api-key", .secret = key},
        {.name = "Authorization", .secret = key, .prefix = "Bearer "},
        {.name = "X-Empty", .value = ""},
        {0}};
    ym_net_submit(n, &(struct ym_net_request){.method = "POST",
                                              .url = url,
                                              .headers = headers,
                                              .pieces = pieces,
                                              .npieces = 3,
                                              .effect = YM_PAYS,
                                              .sink = sink_of(p)});
    ym_secret_free(key); /* the request has its own */
    reply_wait(p);
    assert_true(p->r.complete);
    assert_true(p->r.sent);
    assert_int_equal(p->r.err.cls, YM_OK);
    assert_int_equal(p->r.status, 200);
    assert_int_equal(p->heads, 1);
    assert_int_equal(p->length, 5);
    assert_string_equal(p->type, "text/plain");
    assert_string_equal(p->server, "raw");
    assert_string_equal(p->body.data, "hello");
    assert_int_equal(p->r.bytes_in, 5);
    assert_int_equal(p->r.bytes_out, 19);
    assert_string_equal(s->last_body, "{\"data\":\"MjM0NQ==\"}");
    assert_non_null(strstr(s->last, "POST /v1/m:gen?alt=x HTTP/1.1\r\n"));
    assert_non_null(strstr(s->last, "\r\nx-goog-api-key: sekrit-key\r\n"));
    assert_non_null(strstr(s->last, "\r\nAuthorization: Bearer sekrit-key\r\n"));
    assert_non_null(strstr(s->last, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(s->last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(s->last, "\r\nUser-Agent: ymago/"));
    assert_null(raw_find_header(s->last, "expect"));
    assert_null(raw_find_header(s->last, "accept-encoding"));
    ym_net_free(n);
    raw_stop(s);
}

static void serve_method_echo(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(s, fd)) {
        bool head = strncmp(s->last, "HEAD ", 5) == 0;
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", head ? 1234567 : 2,
                   head ? "" : "ok");
    }
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *method, *length; /* Content-Length that must be told */
        bool body;
    } cases[] = {{"GET", NULL, false},   {"HEAD", NULL, false}, {"DELETE", NULL, false},
                 {"DELETE", "18", true}, {"POST", "0", false},  {"PUT", "0", false},
                 {"PUT", "18", true},    {"PATCH", "18", true}};
    struct raw_server *s = raw_start(serve_method_echo, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/a/../b");
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        AUTOREPLY struct reply *p = reply_new();
        ym_net_submit(n, &(struct ym_net_request){.method = cases[i].method,
                                                  .url = url,
                                                  .pieces = &one_body,
                                                  .npieces = cases[i].body,
                                                  .max_reply = 1000,
                                                  .sink = sink_of(p)});
        reply_wait(p);
        assert_true(p->r.complete);
        char line[64];
        snprintf(line, sizeof(line), "%s /a/../b HTTP/1.1\r\n", cases[i].method);
        assert_memory_equal(s->last, line, strlen(line));
        const char *length = raw_find_header(s->last, "content-length");
        if (cases[i].length)
            assert_memory_equal(length, cases[i].length, strlen(cases[i].length));
        else
            assert_null(length);
        assert_null(raw_find_header(s->last, "content-type"));
    }
    assert_int_equal(s->nconns, 1); /* all on one connection */
    ym_net_free(n);
    raw_stop(s);
}

static void serve_interim_and_chunks(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_printf(fd, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nServer: not-me\r\n\r\n");
    raw_printf(fd, "HTTP/1.1 200 OK\r\nServer: me\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n");
}

static void test_interim_and_chunks(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    post_once(serve_interim_and_chunks, YM_PAYS, p);
    assert_true(p->r.complete);
    assert_string_equal(p->server, "me");
    assert_int_equal(p->length, -1);
    assert_string_equal(p->body.data, "abcde");
}

static void serve_429(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}");
}

static void test_error_status_is_complete(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    post_once(serve_429, YM_PAYS, p);
    assert_true(p->r.complete);
    assert_int_equal(p->r.err.cls, YM_OK);
    assert_int_equal(p->r.status, 429);
    assert_string_equal(p->body.data, "{}");
}

/* ---- a request that pays is sent at most once ---- */

/* Answers the first request of each connection and swallows the second. */
static void serve_swallow_second(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_ok(fd, "one");
    raw_read_request(s, fd);
}

/* Two posts on one kept connection, the second of which gets no answer. Gives the number of
 * requests that the server has read. */
static int post_twice(raw_serve_fn *serve, enum ym_effect effect, size_t npieces,
                      struct reply *second)
{
    struct raw_server *s = raw_start(serve, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    AUTOREPLY struct reply *first = reply_new();
    struct reply *both[] = {first, second};
    for (int i = 0; i < 2; i++) {
        ym_net_submit(n, &(struct ym_net_request){.method = "POST",
                                                  .url = url,
                                                  .pieces = &one_body,
                                                  .npieces = npieces,
                                                  .effect = effect,
                                                  .sink = sink_of(both[i])});
        reply_wait(both[i]);
    }
    assert_true(first->r.complete);
    ym_net_free(n);
    int requests = atomic_load(&s->requests);
    raw_stop(s);
    return requests;
}

static void test_paying_is_sent_once(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    assert_int_equal(post_twice(serve_swallow_second, YM_PAYS, 1, p), 2);
    assert_false(p->r.complete);
    assert_true(p->r.sent);
    assert_int_equal(p->r.err.cls, YM_AMBIGUOUS);
    assert_int_equal(p->r.status, 0);
    assert_int_equal(p->heads, 0);
}

/* The same server shows that the test can fail: what may be repeated is repeated by libcurl. */
static void test_idempotent_is_sent_again(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    assert_int_equal(post_twice(serve_swallow_second, YM_IDEMPOTENT, 1, p), 3);
    assert_true(p->r.complete);
    assert_string_equal(p->body.data, "one");
}

/* Without a body there is no rewind that could fail. */
static void test_paying_without_body_is_sent_once(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    int requests = post_twice(serve_swallow_second, YM_PAYS, 0, p);
    assert_int_equal(requests, 2);
    assert_true(p->r.complete); /* each on a connection of its own */
}

static void serve_kept_then_reset(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_ok(fd, "one");
    raw_read_request(s, fd);
    raw_reset_on_close(fd);
}

static void test_paying_is_sent_once_after_reset(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    assert_int_equal(post_twice(serve_kept_then_reset, YM_PAYS, 1, p), 2);
    assert_int_equal(p->r.err.cls, YM_AMBIGUOUS);
}

static void serve_one_each(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_ok(fd, "one"); /* and close, unannounced */
}

static void test_closed_kept_connection_is_replaced(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_one_each, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    for (int i = 0; i < 5; i++) {
        AUTOREPLY struct reply *p = reply_new();
        post(n, url, YM_PAYS, p);
        reply_wait(p);
        if (p->r.complete)
            assert_string_equal(p->body.data, "one");
        else /* the closing crossed our request */
            assert_int_equal(p->r.err.cls, YM_AMBIGUOUS);
        assert_true(atomic_load(&s->requests) <= i + 1);
    }
    ym_net_free(n);
    raw_stop(s);
}

/* ---- answers that are none ---- */

static void serve_cut_body(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
}

static void serve_cut_chunk(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nd");
}

static void serve_until_close(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\n\r\nwho knows whether this is all");
}

static void serve_reset(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
    raw_reset_on_close(fd);
}

static void serve_nothing(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    raw_read_request(s, fd);
}

static void serve_half_head(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Len");
}

static void serve_garbage(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void serve_header_flood(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_printf(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 1000; i++)
        raw_printf(fd, "X-%d: y\r\n", i);
    raw_printf(fd, "Content-Length: 2\r\n\r\nok");
}

static void serve_wide_header(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    static char wide[80 * 1024];
    if (!raw_read_request(s, fd))
        return;
    memset(wide, 'w', sizeof(wide));
    raw_printf(fd, "HTTP/1.1 200 OK\r\nX: ");
    raw_send(fd, wide, sizeof(wide));
    raw_printf(fd, "\r\nContent-Length: 2\r\n\r\nok");
}

static void test_broken_answers(void **state)
{
    (void)state;
    static const struct {
        raw_serve_fn *serve;
        int status;
        const char *body;
    } cases[] = {
        {serve_cut_body, 200, "only this"},
        {serve_cut_chunk, 200, "abcd"},
        {serve_until_close, 200, "who knows whether this is all"},
        {serve_reset, 200, NULL},
        {serve_nothing, 0, ""},
        {serve_half_head, 0, ""},
        {serve_garbage, 0, ""},
        {serve_header_flood, 0, ""},
        {serve_wide_header, 0, ""},
    };
    static const enum ym_effect effects[] = {YM_SAFE, YM_IDEMPOTENT, YM_PAYS};
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        for (size_t k = 0; k < YM_COUNT(effects); k++) {
            AUTOREPLY struct reply *p = reply_new();
            post_once(cases[i].serve, effects[k], p);
            assert_false(p->r.complete);
            assert_true(p->r.sent);
            assert_int_equal(p->r.status, cases[i].status);
            assert_int_equal(p->r.err.cls, effects[k] == YM_PAYS ? YM_AMBIGUOUS : YM_TRANSIENT);
            assert_true(p->r.err.msg[0]);
            if (cases[i].body && cases[i].body[0])
                assert_string_equal(p->body.data, cases[i].body);
        }
    }
}

static void serve_too_little_told(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay and then some");
}

static void test_content_length_too_small(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    post_once(serve_too_little_told, YM_PAYS, p);
    assert_true(p->r.complete);
    assert_string_equal(p->body.data, "okay");
}

static void serve_cut_503(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 1000\r\n\r\nsorr");
}

/* The status is whole, so it is known that nothing was made. */
static void test_cut_error_is_judged_by_its_status(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    post_once(serve_cut_503, YM_PAYS, p);
    assert_false(p->r.complete);
    assert_int_equal(p->r.status, 503);
    assert_int_equal(p->r.err.cls, YM_TRANSIENT);
    assert_int_equal(p->r.err.retry_after.ms, 9000);
}

static void serve_giant_told(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    raw_hang(s, fd);
}

static void serve_giant_untold(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_printf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 101; i++)
        raw_printf(fd, "a\r\n0123456789\r\n");
    raw_hang(s, fd);
}

static void test_giant_replies(void **state)
{
    (void)state;
    static raw_serve_fn *const serves[] = {serve_giant_told, serve_giant_untold};
    for (size_t i = 0; i < YM_COUNT(serves); i++) {
        struct raw_server *s = raw_start(serves[i], NULL);
        struct ym_net *n = net_for(s, NULL);
        YM_AUTOFREE char *url = url_of(s, "/");
        AUTOREPLY struct reply *p = reply_new();
        ym_net_submit(n, &(struct ym_net_request){
                             .method = "GET", .url = url, .max_reply = 1000, .sink = sink_of(p)});
        reply_wait(p);
        assert_false(p->r.complete);
        assert_int_equal(p->r.err.cls, YM_EMPTY);
        assert_true(p->body.len <= 1000);
        ym_net_free(n);
        raw_stop(s);
    }
}

/* ---- time ---- */

static void serve_hang(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_hang(s, fd);
}

static void serve_hang_in_body(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (!raw_read_request(s, fd))
        return;
    raw_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    raw_hang(s, fd);
}

static void timed(raw_serve_fn *serve, ym_dur timeout, ym_dur stall, struct reply *p)
{
    struct raw_server *s = raw_start(serve, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    ym_net_submit(n, &(struct ym_net_request){.method = "POST",
                                              .url = url,
                                              .pieces = &one_body,
                                              .npieces = 1,
                                              .effect = YM_PAYS,
                                              .timeout = timeout,
                                              .stall = stall,
                                              .sink = sink_of(p)});
    reply_wait(p);
    assert_int_equal(p->r.err.cls, YM_AMBIGUOUS);
    assert_int_equal(p->r.err.err, ETIMEDOUT);
    ym_net_free(n);
    raw_stop(s);
}

static void test_timeout(void **state)
{
    (void)state;
    AUTOREPLY struct reply *p = reply_new();
    timed(serve_hang, YM_MS(300), YM_SEC(60), p);
    assert_true(p->r.elapsed.ms >= 299 && p->r.elapsed.ms < 10000);
}

/* Before the first byte of the reply only `timeout` counts, after it also `stall`. */
static void test_stall(void **state)
{
    (void)state;
    AUTOREPLY struct reply *silent = reply_new();
    AUTOREPLY struct reply *stuck = reply_new();
    timed(serve_hang, YM_MS(600), YM_MS(50), silent);
    assert_true(silent->r.elapsed.ms >= 599);
    timed(serve_hang_in_body, YM_SEC(60), YM_MS(150), stuck);
    assert_true(stuck->r.elapsed.ms >= 149 && stuck->r.elapsed.ms < 10000);
    assert_string_equal(stuck->body.data, "12345");
}

/* ---- nothing was sent ---- */

static void test_refused_connection(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    AUTOREPLY struct reply *before = reply_new();
    AUTOREPLY struct reply *p = reply_new();
    post(n, url, YM_PAYS, before); /* so that the handle is a used one */
    reply_wait(before);
    assert_true(before->r.sent);
    raw_stop(s);
    post(n, url, YM_PAYS, p);
    reply_wait(p);
    assert_int_equal(p->r.err.cls, YM_OFFLINE);
    assert_false(p->r.sent);
    assert_int_equal(p->r.status, 0);
    assert_int_equal(p->r.bytes_out, 0);
    ym_net_free(n);
}

static void test_unknown_name(void **state)
{
    (void)state;
    struct ym_net *n = net_for(NULL, NULL);
    AUTOREPLY struct reply *p = reply_new();
    ym_net_submit(n, &(struct ym_net_request){.method = "GET",
                                              .url = "https://no-such-host.invalid/",
                                              .connect_timeout = YM_SEC(5),
                                              .effect = YM_PAYS,
                                              .sink = sink_of(p)});
    reply_wait(p);
    assert_int_equal(p->r.err.cls, YM_OFFLINE);
    assert_false(p->r.sent);
    ym_net_free(n);
}

/* A port that accepts and then says nothing, to a client that wants to speak TLS. */
static void serve_mute(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    raw_hang(s, fd);
}

static void serve_hang_up(struct raw_server *s, int fd, int nth)
{
    (void)s, (void)fd, (void)nth;
}

static void test_tls_that_fails(void **state)
{
    (void)state;
    static const struct {
        raw_serve_fn *serve;
        enum ym_class cls;
    } cases[] = {{serve_mute, YM_OFFLINE}, {serve_hang_up, YM_TRANSIENT}};
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct raw_server *s = raw_start(cases[i].serve, NULL);
        char allow_one[64];
        snprintf(allow_one, sizeof(allow_one), "127.0.0.1:%d", s->port);
        const char *allow[] = {allow_one, NULL};
        struct ym_net *n = NULL;
        assert_int_equal(ym_net_new(&(struct ym_net_options){.allow = allow}, &n, NULL), 0);
        AUTOREPLY struct reply *p = reply_new();
        YM_AUTOFREE char *url = ym_asprintf("https://127.0.0.1:%d/", s->port);
        ym_net_submit(n, &(struct ym_net_request){.method = "POST",
                                                  .url = url,
                                                  .pieces = &one_body,
                                                  .npieces = 1,
                                                  .effect = YM_PAYS,
                                                  .connect_timeout = YM_MS(300),
                                                  .sink = sink_of(p)});
        reply_wait(p);
        assert_false(p->r.sent);
        assert_int_equal(p->r.err.cls, cases[i].cls);
        ym_net_free(n);
        raw_stop(s);
    }
}

/* ---- what may be reached ---- */

static void test_private_addresses(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1",          "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0",
        "[::ffff:127.0.0.1]", "[::1]", "localhost",  "[::]",       "0.0.0.0"};
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(NULL, NULL);
    for (size_t i = 0; i < YM_COUNT(hosts); i++) {
        AUTOREPLY struct reply *p = reply_new();
        YM_AUTOFREE char *url = ym_asprintf("https://%s:%d/", hosts[i], s->port);
        get(n, url, p);
        reply_wait(p);
        if (p->r.err.cls != YM_INVALID)
            fail_msg("%s: %s", url, p->r.err.msg);
        assert_int_equal(p->r.err.err, EACCES);
        assert_false(p->r.sent);
    }
    assert_int_equal(s->nconns, 0);
    ym_net_free(n);
    raw_stop(s);
}

static void test_refused_urls(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://example.com/",      "ftp://example.com/",
                                       "file:///etc/passwd",       "gopher://example.com/",
                                       "https://u:p@example.com/", "example.com",
                                       "https://example.com/ x",   "",
                                       "dict://localhost/"};
    struct ym_net *n = net_for(NULL, NULL);
    for (size_t i = 0; i < YM_COUNT(urls); i++) {
        AUTOREPLY struct reply *p = reply_new();
        get(n, urls[i], p);
        reply_wait(p);
        assert_int_equal(p->r.err.cls, YM_INVALID);
        assert_false(p->r.sent);
        assert_int_equal(p->heads, 0);
    }
    ym_net_free(n);
}

static void test_refused_requests(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    struct ym_secret *broken = ym_secret_new("abcdef\nX: y", 11);
    const struct ym_header headers[][2] = {{{.name = "X", .value = "a\r\nHost: b"}, {0}},
                                           {{.name = "X Y", .value = "a"}, {0}},
                                           {{.name = "", .value = "a"}, {0}},
                                           {{.name = "Key", .secret = broken}, {0}}};
    const struct ym_piece no_file = {.type = YM_PIECE_FILE, .fd = -1, .size = 3};
    for (size_t i = 0; i < YM_COUNT(headers) + 2; i++) {
        AUTOREPLY struct reply *p = reply_new();
        bool method = i == YM_COUNT(headers), piece = i == YM_COUNT(headers) + 1;
        ym_net_submit(n, &(struct ym_net_request){.method = method ? "CONNECT" : "POST",
                                                  .url = url,
                                                  .headers = method || piece ? NULL : headers[i],
                                                  .pieces = &no_file,
                                                  .npieces = piece,
                                                  .sink = sink_of(p)});
        reply_wait(p);
        assert_int_equal(p->r.err.cls, YM_INVALID);
        assert_null(strstr(p->r.err.msg, "abcdef"));
    }
    assert_int_equal(s->nconns, 0);
    ym_secret_free(broken);
    ym_net_free(n);
    raw_stop(s);
}

static void test_allow_is_replaced(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    char origin[64];
    snprintf(origin, sizeof(origin), "127.0.0.1:%d", s->port);
    const char *allow[] = {origin, NULL};
    struct ym_net *n = net_for(NULL, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    static const struct {
        bool allowed;
    } rounds[] = {{false}, {true}, {false}, {true}};
    for (size_t i = 0; i < YM_COUNT(rounds); i++) {
        AUTOREPLY struct reply *p = reply_new();
        ym_net_allow(n, rounds[i].allowed ? allow : NULL);
        get(n, url, p);
        reply_wait(p);
        assert_int_equal(p->r.complete, rounds[i].allowed);
    }
    assert_int_equal(s->requests, 2);
    ym_net_free(n);
    raw_stop(s);
}

/* ---- redirects ---- */

struct hop {
    const char *status;
    char location[128];
    int times; /* how often it redirects before it answers; -1: for ever */
};

static void serve_redirect(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    struct hop *h = s->ctx;
    while (raw_read_request(s, fd)) {
        if (h->times < 0 || atomic_load(&s->requests) <= h->times)
            raw_printf(
                fd, "HTTP/1.1 %s\r\nLocation: %s\r\nServer: hop\r\nContent-Length: 4\r\n\r\nmove",
                h->status, h->location);
        else
            raw_ok(fd, "there");
    }
}

/* A request with a key to server `a`, which redirects as `hop` says; b answers. */
static void redirected(struct hop *hop, const char *method, enum ym_effect effect,
                       struct raw_server *b, struct reply *p, char first[static 65536])
{
    struct raw_server *a = raw_start(serve_redirect, hop);
    struct ym_net *n = net_for(a, b);
    YM_AUTOFREE char *url = url_of(a, "/start");
    struct ym_secret *key = ym_secret_new("sekrit-key", 10);
    const struct ym_header headers[] = {{.name = "x-goog-api-key", .secret = key},
                                        {.name = "X-Signature", .value = "made-of-the-key"},
                                        {.name = "Range", .value = "bytes=0-"},
                                        {0}};
    ym_net_submit(n, &(struct ym_net_request){.method = method,
                                              .url = url,
                                              .headers = headers,
                                              .pieces = &one_body,
                                              .npieces = strcmp(method, "GET") != 0,
                                              .effect = effect,
                                              .sink = sink_of(p)});
    reply_wait(p);
    ym_secret_free(key);
    ym_net_free(n);
    memcpy(first, a->last, sizeof(a->last));
    hop->times = atomic_load(&a->requests);
    raw_stop(a);
}

static void test_redirect_to_other_origin(void **state)
{
    (void)state;
    struct raw_server *b = raw_start(serve_ok, NULL);
    struct hop hop = {.status = "302 Found", .times = -1};
    snprintf(hop.location, sizeof(hop.location), "http://127.0.0.1:%d/other", b->port);
    AUTOREPLY struct reply *p = reply_new();
    YM_AUTOFREE char *first = ym_alloc(65536);
    redirected(&hop, "GET", YM_SAFE, b, p, first);
    assert_true(p->r.complete);
    assert_string_equal(p->body.data, "hello");
    assert_int_equal(p->heads, 1);
    assert_string_equal(p->server, "raw");
    assert_non_null(raw_find_header(first, "x-goog-api-key"));
    assert_non_null(strstr(b->last, "GET /other HTTP/1.1\r\n"));
    assert_null(raw_find_header(b->last, "x-goog-api-key"));
    assert_null(raw_find_header(b->last, "x-signature"));
    assert_non_null(raw_find_header(b->last, "range"));
    raw_stop(b);
}

static void test_redirect_at_home_keeps_the_key(void **state)
{
    (void)state;
    struct hop hop = {.status = "307 Here", .location = "next?x", .times = 1};
    AUTOREPLY struct reply *p = reply_new();
    YM_AUTOFREE char *last = ym_alloc(65536);
    redirected(&hop, "PUT", YM_IDEMPOTENT, NULL, p, last);
    assert_true(p->r.complete);
    assert_string_equal(p->body.data, "there");
    assert_non_null(strstr(last, "PUT /next?x HTTP/1.1\r\n"));
    assert_non_null(raw_find_header(last, "x-goog-api-key"));
    assert_memory_equal(raw_find_header(last, "content-length"), "18", 2);
}

static void test_redirects_that_are_not_followed(void **state)
{
    (void)state;
    static const struct {
        const char *status, *method;
        enum ym_effect effect;
    } cases[] = {{"302 Found", "POST", YM_PAYS},      {"307 Here", "POST", YM_PAYS},
                 {"307 Here", "POST", YM_IDEMPOTENT}, {"308 Here", "PUT", YM_SAFE},
                 {"301 Moved", "PUT", YM_SAFE},       {"304 Same", "GET", YM_SAFE},
                 {"300 Many", "GET", YM_SAFE}};
    struct raw_server *b = raw_start(serve_ok, NULL);
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct hop hop = {.status = cases[i].status, .times = -1};
        snprintf(hop.location, sizeof(hop.location), "http://127.0.0.1:%d/other", b->port);
        AUTOREPLY struct reply *p = reply_new();
        YM_AUTOFREE char *first = ym_alloc(65536);
        redirected(&hop, cases[i].method, cases[i].effect, b, p, first);
        assert_true(p->r.complete); /* the reply as it is */
        assert_int_equal(p->r.status / 100, 3);
        assert_string_equal(p->server, "hop");
        assert_int_equal(hop.times, 1);
    }
    assert_int_equal(b->requests, 0);
    raw_stop(b);
}

static void test_redirect_of_post_becomes_get(void **state)
{
    (void)state;
    struct hop hop = {.status = "303 See", .location = "/seen", .times = 1};
    AUTOREPLY struct reply *p = reply_new();
    YM_AUTOFREE char *last = ym_alloc(65536);
    redirected(&hop, "POST", YM_SAFE, NULL, p, last);
    assert_true(p->r.complete);
    assert_non_null(strstr(last, "GET /seen HTTP/1.1\r\n"));
    assert_null(raw_find_header(last, "content-length"));
}

static void test_redirect_circle(void **state)
{
    (void)state;
    struct hop hop = {.status = "301 Moved", .location = "/round", .times = -1};
    AUTOREPLY struct reply *p = reply_new();
    YM_AUTOFREE char *last = ym_alloc(65536);
    redirected(&hop, "GET", YM_SAFE, NULL, p, last);
    assert_int_equal(p->r.err.cls, YM_INVALID);
    assert_int_equal(p->r.err.err, ELOOP);
    assert_int_equal(hop.times, 6); /* the first and five more */
    assert_int_equal(p->heads, 0);
}

static void test_redirect_to_forbidden_places(void **state)
{
    (void)state;
    struct raw_server *b = raw_start(serve_ok, NULL); /* not among the allowed */
    static const char *const places[] = {"http://127.0.0.1:%d/x", "https://127.0.0.1:%d/x",
                                         "https://[::ffff:127.0.0.1]:%d/", "http://example.com/%d",
                                         "https://u:p@127.0.0.1:%d/"};
    for (size_t i = 0; i < YM_COUNT(places); i++) {
        struct hop hop = {.status = "302 Found", .times = -1};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(hop.location, sizeof(hop.location), places[i], b->port);
#pragma GCC diagnostic pop
        AUTOREPLY struct reply *p = reply_new();
        YM_AUTOFREE char *first = ym_alloc(65536);
        redirected(&hop, "GET", YM_SAFE, NULL, p, first);
        assert_int_equal(p->r.err.cls, YM_INVALID);
        assert_int_equal(p->heads, 0);
    }
    assert_int_equal(b->nconns, 0);
    raw_stop(b);
}

/* ---- the sink says no ---- */

static void test_sink_stops(void **state)
{
    (void)state;
    static const struct {
        int head_rc, body_rc;
        enum ym_class body_cls, cls;
        int err;
    } cases[] = {{-ENOSPC, 0, YM_OK, YM_LOCAL, ENOSPC},
                 {0, -ENOSPC, YM_OK, YM_LOCAL, ENOSPC},
                 {0, -EBADMSG, YM_EMPTY, YM_EMPTY, EBADMSG}};
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        AUTOREPLY struct reply *p = reply_new();
        p->head_rc = cases[i].head_rc;
        p->body_rc = cases[i].body_rc;
        p->body_cls = cases[i].body_cls;
        post_once(serve_ok, YM_PAYS, p);
        assert_false(p->r.complete);
        assert_int_equal(p->r.err.cls, cases[i].cls);
        assert_int_equal(p->r.err.err, cases[i].err);
        assert_int_equal(p->heads, 1);
    }
}

static void test_short_file(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    YM_AUTOCLOSE int fd = memfd_create("short", MFD_CLOEXEC);
    const struct ym_piece piece = {.type = YM_PIECE_FILE, .fd = fd, .size = 10};
    AUTOREPLY struct reply *p = reply_new();
    ym_net_submit(
        n, &(struct ym_net_request){
               .method = "PUT", .url = url, .pieces = &piece, .npieces = 1, .sink = sink_of(p)});
    reply_wait(p);
    assert_int_equal(p->r.err.cls, YM_LOCAL);
    assert_int_equal(s->requests, 0);
    ym_net_free(n);
    raw_stop(s);
}

/* ---- ends from our side ---- */

static void wait_for_requests(struct raw_server *s, int count)
{
    ym_mono until = ym_mono_add(ym_mono_now(), YM_SEC(WAIT_SECONDS));
    while (atomic_load(&s->requests) < count) {
        assert_true(ym_mono_now().ns < until.ns);
        poll(NULL, 0, 1);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_hang, NULL);
    char origin[64];
    snprintf(origin, sizeof(origin), "http://127.0.0.1:%d", s->port);
    const char *allow[] = {origin, NULL};
    struct ym_net *n = NULL;
    assert_int_equal(
        ym_net_new(&(struct ym_net_options){.allow = allow, .max_connections = 1}, &n, NULL), 0);
    YM_AUTOFREE char *url = url_of(s, "/");
    AUTOREPLY struct reply *runs = reply_new();
    AUTOREPLY struct reply *waits = reply_new();
    AUTOREPLY struct reply *next = reply_new();
    uint64_t first = post(n, url, YM_PAYS, runs);
    uint64_t second = post(n, url, YM_PAYS, waits);
    assert_true(first > 0 && second > first);
    wait_for_requests(s, 1);
    ym_net_cancel(n, second);
    reply_wait(waits);
    assert_int_equal(waits->r.err.cls, YM_CANCELLED);
    assert_false(waits->r.sent);
    assert_false(reply_is_done(runs, 0));
    post(n, url, YM_PAYS, next);
    ym_net_cancel(n, first);
    ym_net_cancel(n, first); /* too late: nothing */
    reply_wait(runs);
    assert_int_equal(runs->r.err.cls, YM_CANCELLED);
    assert_true(runs->r.sent);
    wait_for_requests(s, 2); /* its place is taken by the next one */
    ym_net_free(n);
    reply_wait(next);
    assert_int_equal(next->r.err.cls, YM_CANCELLED);
    raw_stop(s);
}

static void test_free_ends_everything(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_hang, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    struct reply *p[40];
    for (size_t i = 0; i < YM_COUNT(p); i++)
        post(n, url, YM_PAYS, p[i] = reply_new());
    ym_net_free(n);
    for (size_t i = 0; i < YM_COUNT(p); i++) {
        reply_wait(p[i]);
        assert_int_equal(p[i]->r.err.cls, YM_CANCELLED);
        reply_free(&p[i]);
    }
    raw_stop(s);
}

struct caller {
    struct ym_net *net;
    const char *url;
    pthread_t thread;
    int good;
};

/* One request after the other: each finds the thread about to sleep. */
static void *caller_run(void *arg)
{
    struct caller *c = arg;
    for (int i = 0; i < 300; i++) {
        AUTOREPLY struct reply *p = reply_new();
        post(c->net, c->url, YM_PAYS, p);
        if (i % 7 == 0)
            ym_net_cancel(c->net, UINT64_MAX);
        c->good += reply_is_done(p, WAIT_SECONDS) && p->r.complete;
    }
    return NULL;
}

static void test_no_request_is_overslept(void **state)
{
    (void)state;
    struct raw_server *s = raw_start(serve_ok, NULL);
    struct ym_net *n = net_for(s, NULL);
    YM_AUTOFREE char *url = url_of(s, "/");
    struct caller c[4];
    for (size_t i = 0; i < YM_COUNT(c); i++) {
        c[i] = (struct caller){.net = n, .url = url};
        assert_int_equal(pthread_create(&c[i].thread, NULL, caller_run, &c[i]), 0);
    }
    for (size_t i = 0; i < YM_COUNT(c); i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].good, 300);
    }
    ym_net_free(n);
    raw_stop(s);
}

/* A key that comes back in the words of an error is not shown. */
static void serve_key_in_status(struct raw_server *s, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(s, fd))
        raw_printf(fd, "HTTP/9.sekrit-key what\r\n\r\n");
}

static void test_key_is_masked(void **state)
{
    (void)state;
    struct ym_secret *key = ym_secret_new("sekrit-key", 10);
    AUTOREPLY struct reply *p = reply_new();
    post_once(serve_key_in_status, YM_PAYS, p);
    assert_int_equal(p->r.err.cls, YM_AMBIGUOUS);
    assert_null(strstr(p->r.err.msg, "sekrit-key"));
    ym_secret_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_interim_and_chunks),
        cmocka_unit_test(test_error_status_is_complete),
        cmocka_unit_test(test_paying_is_sent_once),
        cmocka_unit_test(test_idempotent_is_sent_again),
        cmocka_unit_test(test_paying_without_body_is_sent_once),
        cmocka_unit_test(test_paying_is_sent_once_after_reset),
        cmocka_unit_test(test_closed_kept_connection_is_replaced),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_content_length_too_small),
        cmocka_unit_test(test_cut_error_is_judged_by_its_status),
        cmocka_unit_test(test_giant_replies),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_refused_connection),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_tls_that_fails),
        cmocka_unit_test(test_private_addresses),
        cmocka_unit_test(test_refused_urls),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_allow_is_replaced),
        cmocka_unit_test(test_redirect_to_other_origin),
        cmocka_unit_test(test_redirect_at_home_keeps_the_key),
        cmocka_unit_test(test_redirects_that_are_not_followed),
        cmocka_unit_test(test_redirect_of_post_becomes_get),
        cmocka_unit_test(test_redirect_circle),
        cmocka_unit_test(test_redirect_to_forbidden_places),
        cmocka_unit_test(test_sink_stops),
        cmocka_unit_test(test_short_file),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_free_ends_everything),
        cmocka_unit_test(test_no_request_is_overslept),
        cmocka_unit_test(test_key_is_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
