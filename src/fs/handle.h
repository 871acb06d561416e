/* What an open file is here: fuse_file_info.fh points at it. */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include "node.h"

struct snapshot;
struct stream;

enum handle_kind {
    HANDLE_FILE,   /* a file below: library, state folder, or a job's bytes */
    HANDLE_TEXT,   /* a rendered text */
    HANDLE_STREAM, /* events, wait */
    HANDLE_LINE    /* takes one-line commands; reading gives a text */
};

struct handle {
    struct handle *next; /* of its node */
    struct node *node;
    enum handle_kind kind;
    int fd;      /* HANDLE_FILE, else -1 */
    bool writes; /* opened for writing, counted in node->writers */
    bool quiet;  /* nobody is told: the publisher's, or not of the library */
    struct snapshot *text;
    struct stream *stream;
};

#endif
