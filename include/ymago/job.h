/* The shared words of jobs: kinds, states, requests, references. */
#ifndef YMAGO_JOB_H
#define YMAGO_JOB_H

#include <cjson/cJSON.h>
#include <ymago/base.h>

enum ym_kind { YM_IMAGE, YM_VIDEO, YM_AUDIO, YM_SFX, YM_TEXT, YM_KIND_COUNT, YM_KIND_NONE = -1 };
const char *ym_kind_name(enum ym_kind k); /* "image" "video" "audio" "sfx" "text" */
enum ym_kind ym_kind_parse(const char *s);
/* The folder names that are kind folders by themselves: images videos audio sfx texts. */
const char *ym_kind_folder(enum ym_kind k);

/* The journal stores the names, never the numbers. engine/job.c has the table of who may follow whom. */
enum ym_state {
    YM_JOB_NONE,
    YM_JOB_HELD,        /* waits for money, approval, a price, its bytes */
    YM_JOB_QUEUED,
    YM_JOB_RESERVED,    /* attempt and money committed; after a crash it counts as sent */
    YM_JOB_SUBMITTING,  /* in memory only: the row says reserved */
    YM_JOB_ACCEPTED,    /* the provider's handle is committed: reattach, never resubmit */
    YM_JOB_STORED,      /* bytes complete and durable in staging; paid for */
    YM_JOB_DONE,
    YM_JOB_FAILED,
    YM_JOB_CANCELLED,
    YM_JOB_UNKNOWN,     /* sent, no whole answer: repeated only by retry, again or an edit */
    YM_JOB_STATE_COUNT
};
const char *ym_state_name(enum ym_state s);
enum ym_state ym_state_parse(const char *s);
/* What people see: queued running held done failed unknown cancelled. */
const char *ym_state_public(enum ym_state s);
static inline bool ym_state_is_running(enum ym_state s)
{
    return s == YM_JOB_RESERVED || s == YM_JOB_SUBMITTING || s == YM_JOB_ACCEPTED ||
           s == YM_JOB_STORED;
}
static inline bool ym_state_is_final(enum ym_state s)
{
    return s == YM_JOB_DONE || s == YM_JOB_FAILED || s == YM_JOB_CANCELLED || s == YM_JOB_UNKNOWN;
}

enum ym_ref_role {
    YM_REF_REFERENCE,    /* `references`, stem.in2.EXT and on */
    YM_REF_SOURCE,       /* `from_image`, stem.in.EXT: what the result starts from (a video's first frame) */
    YM_REF_LAST_FRAME,   /* `last_frame` */
    YM_REF_WORKFLOW,     /* `workflow`: a JSON template, no image */
    YM_REF_ROLE_COUNT
};
const char *ym_ref_role_name(enum ym_ref_role r); /* "reference" "source" "last_frame" "workflow" */

struct ym_ref {          /* a reference or source image */
    enum ym_ref_role role;
    char *path;          /* relative to the library, or an https URL */
    bool is_url;
    struct ym_digest b2; /* of the bytes; of the text for a URL (fetched when the job runs) */
    char mime[40];       /* "" for a URL */
    int64_t size;
};

struct ym_request { /* everything that makes the output what it is */
    enum ym_kind kind;
    char *provider, *model;
    char *prompt, *negative; /* negative: NULL = none */
    cJSON *params;           /* object of validated fields by canonical name (config.h), only those set */
    struct ym_ref *refs;
    size_t nrefs;
    int64_t variation;
};
void ym_request_fini(struct ym_request *r);
/* {"negative","params","refs":[{path,b2,mime,size,url}]}: what the journal keeps beside the columns. */
char *ym_request_pack(const struct ym_request *r);
int ym_request_unpack(const char *json, struct ym_request *r, struct ym_err *e);

struct ym_estimate {
    ym_money low, expected, high;
};

#endif
