/* One request's reply on its way to disk: sieve, staging files, checks. Made on the engine's thread,
 * fed on the net thread, finished on a worker, read again on the engine's thread. */
#ifndef ENGINE_RECEIVE_H
#define ENGINE_RECEIVE_H

#include <ymago/driver.h>
#include <ymago/media.h>
#include <ymago/net.h>
#include <ymago/store.h>

#define RECEIVE_MEDIA 256 /* of one attempt: a gathered carrier brings those of all its members */

struct received { /* one media file of a reply */
    char name[80];               /* in staging, without suffix */
    struct ym_staging *st;       /* while it is written */
    struct ym_whole whole;       /* once complete */
    struct ym_media_info info;
    char mime[64], ext[16];
    bool is_media;
};

struct receive {
    const struct ym_store *store;
    const struct ym_http *http;  /* what was asked; borrowed from the run */
    char prefix[64];             /* "ID.A": names of staging files */
    unsigned base;               /* index of the first media file of this reply within the attempt */
    int status;
    char **headers;              /* NULL-terminated copy */
    struct ym_sieve *sieve;      /* JSON replies with media */
    struct ym_buf text;          /* other replies, and what error words are taken from */
    struct received *media;      /* grows: most replies bring one */
    unsigned nmedia, room;
    struct ym_net_result result; /* valid once done */
    struct ym_err err;           /* ours, of storing or sifting; YM_OK = none */
    cJSON *json;
    int *fds;                    /* of request pieces, closed with the reply */
    unsigned nfds;
};
/* Appends; the list doubles. */
void received_add(struct received **list, unsigned *n, unsigned *room, const struct received *m);

void receive_init(struct receive *r, const struct ym_store *s, const char *job, int attempt, unsigned base,
                  const struct ym_http *http);
void receive_fini(struct receive *r); /* drops what is not complete; complete files stay */
/* For ym_net_sink; ctx is the receive. */
int receive_head(void *ctx, const struct ym_head *h);
int receive_body(void *ctx, const void *data, size_t len, struct ym_err *e);
/* Media written by a local computation: ym_media_out's functions without progress and stop. */
int receive_begin(struct receive *r, unsigned index, int64_t expect, struct ym_err *e);
int receive_write(struct receive *r, unsigned index, const void *data, size_t len, struct ym_err *e);
/* After the last byte, on a worker: sniffs, checks structure, digests, fsyncs and renames to .whole,
 * the last file first (a crash in between leaves the final picture, not a draft). Sets r->err. */
void receive_finish(struct receive *r);
void receive_discard(struct receive *r); /* removes all its media files */
void receive_keep_fd(struct receive *r, int fd); /* takes it */

#endif
