/* One request on its way: the copy of what was asked, the hop that runs, what came back. */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include "allow.h"
#include "head.h"
#include "proxy.h"
#include "url.h"
#include <curl/curl.h>

struct field { /* a header, copied */
    char *name, *value, *prefix;
    struct ym_secret *secret;
};

struct transfer {
    struct transfer *next, *prev; /* net's lists */
    uint64_t ticket;
    CURL *easy; /* while it runs */

    char *method, *url; /* url: of the hop that runs */
    struct field *fields;
    size_t nfields;
    struct ym_piece *pieces;
    size_t npieces;
    int64_t body_len; /* -1 = the pieces are not valid */
    enum ym_effect effect;
    ym_dur connect_timeout, timeout, stall;
    int64_t max_reply;
    struct ym_net_sink sink;

    struct url at;         /* the hop that runs */
    char home[ORIGIN_MAX]; /* origin of the URL that was asked for: secrets go there only */
    bool home_allowed;
    unsigned hops;
    bool allowed; /* this hop may use plain http and a private address */
    bool proxied;
    struct curl_slist *slist;
    struct ym_body *body;
    bool body_taken;      /* libcurl has read some of it */
    bool asked;           /* a connection stands and the request is about to be sent */
    bool sent;            /* an earlier hop was sent */
    bool refused, opened; /* sockets: judged private; made */
    int open_errno;

    struct head head;
    bool head_done; /* the final head of this hop is whole */
    bool started;   /* the final reply has begun */
    char *redirect; /* where the next hop goes; the body of this one is dropped */
    int status;
    int64_t hop_in, bytes_in, bytes_out;
    ym_mono began, last_byte;
    struct ym_err err; /* why we ended it ourselves; cls YM_OK: we did not */
    char detail[CURL_ERROR_SIZE];
};

struct surroundings { /* what all requests share; the net thread's */
    struct allow *allow;
    struct proxy proxy;
    char *agent;
};

/* request.c: copies everything but piece data and fds. Never fails; what is wrong shows at the
 * start. */
struct transfer *transfer_new(const struct ym_net_request *r);
void transfer_free(struct transfer *t);
/* The method is known, names and values hold nothing that could end a line, pieces have a length.
 */
int request_check(const struct transfer *t, struct ym_err *e);
bool method_has_body(const char *method);
/* The headers of this hop: secrets only at home. Wiped by slist_wipe. */
struct curl_slist *request_headers(const struct transfer *t);
void slist_wipe(struct curl_slist *l);

/* Prepares `easy`, fresh or reset, for the next hop. 0: it may run; else t->err says why not. */
int transfer_start(struct transfer *t, CURL *easy, const struct surroundings *s);
/* The hop has ended. True: there is another one, call transfer_start again. */
bool transfer_goes_on(struct transfer *t, CURLcode code);
/* When it is to be ended unless a byte comes; INT64_MAX before the reply has begun. */
ym_mono transfer_stalls_at(const struct transfer *t);
/* Ends it for a reason of ours. */
void transfer_stalled(struct transfer *t);
void transfer_cancelled(struct transfer *t);
/* Tells the sink that it is over. t->easy, if any, still belongs to it. */
void transfer_report(struct transfer *t, CURLcode code);

#endif
