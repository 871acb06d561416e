/* The virtual entries: what lies where, with which mode, and where its text comes from. */
#ifndef FS_TREE_H
#define FS_TREE_H

#include <ymago/base.h>

struct ym_fs;
struct node;

#define STATE_FOLDER   ".ymago"
#define STAGING_FOLDER ".ymago/staging"
#define MODELS_FOLDER  "models"

enum virt_kind {
    VIRT_FOLDER,  /* only what the table says */
    VIRT_OVERLAY, /* a folder that may also exist in the library: both are merged */
    VIRT_JOBS,    /* any job's id is a folder */
    VIRT_JOB,     /* one of them */
    VIRT_STAGING, /* resolves for the publisher alone */
    VIRT_WAIT,    /* any path of the library lies below it */
    VIRT_WAITFILE,
    VIRT_TEXT,   /* rendered */
    VIRT_FILE,   /* a file of the state folder */
    VIRT_OUTPUT, /* a job's bytes */
    VIRT_EVENTS,
    VIRT_CTL,    /* one-line commands */
    VIRT_CANCEL, /* of one job */
    VIRT_NOTE    /* a note that only the journal knows, beside its prompt */
};

struct virt {
    const char *path; /* "*" stands for one component */
    enum virt_kind kind;
    unsigned mode;        /* permissions */
    unsigned mode_others; /* with allow_other; 0 = the same */
    /* Of TEXT and CTL: appends the text. arg: what the star stands for. 0 or -errno. */
    int (*render)(struct ym_fs *f, const char *arg, struct ym_buf *out);
    const char *file; /* of FILE: its name in the state folder */
    bool generated;   /* a real file that bears our mark is a copy of it and does not win */
};

/* The entry below a virtual folder, or below the library's root (NULL) or `cost`. */
const struct virt *virt_find(const struct virt *folder, const char *name);
/* The same by path ("cost/today.txt"), for folders of the library. Below models/ it only says what would
 * lie there. */
const struct virt *virt_by_path(const char *path);
/* Calls fn for each entry of a folder that is listed: "" is the root. */
void virt_each(const char *folder, void (*fn)(void *ctx, const struct virt *v, const char *name),
               void *ctx);
bool virt_is_folder(const struct virt *v);
bool virt_is_overlay(const struct virt *v);
const char *virt_file(const struct virt *v); /* NULL unless it is a file of the state folder */
mode_t virt_mode(const struct ym_fs *f, const struct virt *v); /* with type */
extern const struct virt virt_provider, virt_model, virt_job, virt_note, virt_wait_folder, virt_wait_file;

#endif
