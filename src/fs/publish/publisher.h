/* The publisher process, as the handlers see it: what it was asked to do, so that they can tell its
 * system calls from those of users and check what they find. */
#ifndef FS_PUBLISHER_H
#define FS_PUBLISHER_H

#include <ymago/fs.h>

struct node_table;

/* ---- the handlers' side ---- */
bool publisher_is(struct ym_publisher *p, pid_t pid);
/* The real name in staging/ behind a token that is being published now; -ENOENT. */
int publisher_staged(struct ym_publisher *p, const char *token, char out[static 96]);
struct publish_check {
    bool replace;          /* else: nothing may be there; of a removal: whatever is there */
    struct ym_ident ident; /* what must be there */
    uint32_t generation;   /* and how often it had been written when it was asked */
    bool known;            /* generation is valid */
    char beside[64];       /* not "": the copy beside the target that is renamed instead of the staged file */
};
/* What was asked for `token` at `path`, or for the removal of `path` (token NULL). -ENOENT. */
int publisher_asked(struct ym_publisher *p, const char *token, const char *path,
                    struct publish_check *ret);
/* Tells what the handler did: the answer even if the process dies before it gives one. */
void publisher_did(struct ym_publisher *p, const char *token, const char *path, int result);

/* ---- the session's side ---- */
/* From now on the placer works (silently, below the mount) ... */
void publisher_attach(struct ym_publisher *p, struct ym_fs *f);
/* ... and from now on through the mount, which has this device number. */
void publisher_mounted(struct ym_publisher *p, const char *mountpoint, dev_t dev);
void publisher_detach(struct ym_publisher *p);

/* ---- the wire: one SEQPACKET each way for each request ---- */
enum publisher_verb { PUB_MOUNT = 1, PUB_RENAME, PUB_UNLINK, PUB_TOUCH, PUB_BYE };
struct publisher_packet {
    uint32_t id;
    uint8_t verb;
    uint8_t noreplace;
    int32_t result; /* of an answer: 0 or -errno */
    uint32_t dev_major, dev_minor;
    char token[32];  /* of RENAME */
    char path[4096]; /* NUL-terminated; only as much as is used is sent */
};
#define PUB_FD 3 /* the child's end */

#endif
