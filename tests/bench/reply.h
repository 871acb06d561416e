/* Answers of the fake provider, rendered once. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stddef.h>
#include <stdint.h>

#define REPLY_SERIAL 32 /* characters of base64 that differ from answer to answer */

struct reply {
    size_t image;  /* bytes of its picture */
    char *data;    /* HTTP head and body */
    size_t len;
    size_t serial; /* where the REPLY_SERIAL characters stand */
};

/* A generateContent answer with a picture of that size. */
void reply_init(struct reply *r, size_t image);
void reply_fini(struct reply *r);
/* The serial of answer `n`. */
void reply_serial(uint64_t n, char ret[static REPLY_SERIAL]);

#endif
