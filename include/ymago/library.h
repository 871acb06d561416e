/* The user's folder: what a name means, identity keys, reading prompts, sidecars, notes, placing a
 * result whole beside its prompt, the walk at mount. Never decides what is run. */
#ifndef YMAGO_LIBRARY_H
#define YMAGO_LIBRARY_H

#include <ymago/formats.h>
#include <ymago/job.h>
#include <ymago/journal.h>
#include <ymago/store.h>

/* ---- names (pure) ---- */
enum ym_name_class {
    YM_NM_PLAIN,     /* never triggers */
    YM_NM_PROMPT,    /* *.txt *.md *.prompt */
    YM_NM_BATCH,     /* *.csv *.tsv *.jsonl *.ndjson */
    YM_NM_DOCUMENT,  /* *.json *.yaml *.yml: batch, one request or plain, by content */
    YM_NM_SIDECAR,   /* x.<media ext>.json */
    YM_NM_REFERENCE, /* stem.in.png, stem.in2.jpg */
    YM_NM_NOTE,      /* .error.log .held.log .approved.log .working.log */
    YM_NM_FOLDER,    /* folder.toml */
    YM_NM_SHEET,     /* *.xlsx *.ods */
    YM_NM_MEDIA      /* a file with a media extension */
};
struct ym_name {
    enum ym_name_class cls;
    char stem[256];  /* of a prompt without .xN; of a reference: its prompt's stem; of a note: what stands before ".error.log" */
    int n;           /* xN of a prompt, 2..64; 0 = none */
    int ref;         /* 1 for .in., 2.. for .in2. */
    char ext[16];    /* without dot, lower case */
    const char *note;/* "error" "held" "approved" "working" */
};
/* By the base name alone. Hidden names, editors' and downloaders' side files (., #, _ first; ~ .tmp
 * .part .swp .swx .bak .orig .crdownload last; sed??????), README*, STATUS*, *.out.md, *.out.json are plain. */
void ym_name_classify(const char *base, struct ym_name *ret);
/* Kind by the path's folders alone: the topmost component that is a kind folder ("images/trip/x.txt"
 * is an image); hidden folders, *.batch and *.refine anywhere in the path give YM_KIND_NONE. */
enum ym_kind ym_path_kind(const char *path);
bool ym_path_is_batch_folder(const char *path); /* batches/ or a kind folder */
bool ym_path_hidden(const char *path);          /* a component begins with '.', *.batch/, *.refine/ inside */
/* Result base name candidates: attempt 0 "sunset.png" ("sunset-2.png" for idx 1), attempt 1
 * "sunset.txt.png", attempt k>1 "sunset.txt-k.png". out takes 256 bytes. -ENAMETOOLONG when it does not fit. */
int ym_result_name(const char *prompt_base, const char *output_filename, int idx, const char *ext,
                   int attempt, char out[static 256]);
/* What ext was in a result's name: "png", "out.md"; "" = none. Into path. */
const char *ym_result_ext(const char *path);
/* 0, or -EINVAL with the reason: one component, no < > : " / \ | ? *, no control or bidi characters,
 * no leading . or -, not a reserved name, <= 200 bytes of UTF-8. An extension in it is cut by the caller. */
int ym_output_filename_check(const char *name, struct ym_err *e);
/* The note's path beside a prompt: "images/sunset.txt" + "error" -> "images/sunset.error.log"; with
 * full = true "images/sunset.txt.error.log" (a second file of one stem). Caller frees. */
char *ym_note_path(const char *prompt, const char *note, bool full);

/* ---- identity (pure); version markers are part of both ---- */
/* S: kind, the prompt file's bytes, digests of its references in order, the folder defaults in force
 * inside the library (canonical JSON, "{}" if none). */
struct ym_digest ym_identity_source(enum ym_kind kind, const void *text, size_t len,
                                    const struct ym_digest *refs, size_t nrefs, const char *defaults);
/* H: kind, provider, model, prompt, negative, params (canonical), reference digests, variation. */
struct ym_digest ym_identity_request(const struct ym_request *r);

/* ---- reading ---- */
#define YM_PROMPT_MAX (1 << 20)
struct ym_file_facts {
    bool exists, too_big, regular;
    struct ym_ident ident;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    char *bytes;              /* <= YM_PROMPT_MAX; NULL when too big or missing */
    size_t len;
    struct ym_digest b2;
};
void ym_file_facts_fini(struct ym_file_facts *f);
/* Reads a prompt file; a symbolic link is not regular. 0 also when missing (exists = false). */
int ym_library_read(const struct ym_store *s, const char *path, struct ym_file_facts *ret, struct ym_err *e);
/* The references of a prompt: stem.in.EXT, stem.in2.EXT ... beside it, in order. Each is digested
 * (regular file, image by its bytes, <= 64 MiB). Caller frees the array with ym_refs_free. */
int ym_library_refs(const struct ym_store *s, const char *prompt, struct ym_ref **ret, size_t *ret_n, struct ym_err *e);
/* One reference by its path inside the library ("../" and links refused): for from_image, references.
 * `from` is the prompt's path: tried relative to its folder first, then to the library. A
 * workflow is a JSON file of at most 1 MiB, everything else an image. */
int ym_library_ref(const struct ym_store *s, const char *from, const char *path, enum ym_ref_role role,
                   struct ym_ref *ret, struct ym_err *e);
void ym_refs_free(struct ym_ref *r, size_t n);
/* The texts of folder.toml from the library's root down to the prompt's folder; only those that exist
 * (<= 64 KiB each). Caller frees each text and the array. */
struct ym_folder_text { char *folder, *text; size_t len; };
int ym_library_folder_texts(const struct ym_store *s, const char *prompt, struct ym_folder_text **ret, size_t *ret_n, struct ym_err *e);
void ym_folder_texts_free(struct ym_folder_text *t, size_t n);

/* ---- sidecars ---- */
struct ym_sidecar_in { /* all borrowed */
    const struct ym_job_row *job;
    const struct ym_request *request;
    const struct ym_digest *s;      /* of the name; NULL = none */
    const char *prompt_file;        /* base name, or NULL */
    int version;
    bool reused;
    bool metadata;                  /* [defaults] enable_metadata */
    const char *batch_file, *batch_id;
    int64_t batch_row;
};
/* The JSON text of the manual's section on sidecars, pretty, newline at the end. Pure. Caller frees. */
char *ym_sidecar_build(const struct ym_sidecar_in *in);
/* Reads one (ours or an older tool's): fills what is there. -EINVAL when it is no sidecar. Pure. */
int ym_sidecar_parse(const char *sidecar_path, const char *text, size_t len, struct ym_sidecar_row *ret, struct ym_err *e);

/* ---- placing: the only way our files become visible ---- */
struct ym_placer { /* blocking; called on worker threads only. The mount's goes through the publisher
                    * process, so that watchers see events; without a mount a plain rename does it. */
    /* Renames staging/STAGED to path. replace: the file there now must still be this one (else
     * -EAGAIN); NULL = nothing may be there (-EEXIST). -ENOENT: the folder is gone. */
    int (*publish)(void *ctx, const char *staged, const char *path, const struct ym_ident *replace, struct ym_err *e);
    /* Unlinks path if it is still `only_if` (else -EAGAIN). Removing what is not there is 0. */
    int (*remove)(void *ctx, const char *path, const struct ym_ident *only_if, struct ym_err *e);
    /* Sets mtime to now (one ATTRIB event). */
    int (*touch)(void *ctx, const char *path, struct ym_err *e);
    void *ctx;
};
/* The plain one; ctx is a const struct ym_store. */
extern const struct ym_placer ym_placer_plain;

/* A copy of a staged file in the folder of path, whole and durable, under a hidden name (ret_name takes
 * 64 bytes): for a target on another file system. */
int ym_stage_beside(const struct ym_store *s, const char *staged, const char *path, char ret_name[static 64], struct ym_err *e);

struct ym_library {
    const struct ym_store *store;
    const struct ym_placer *placer;
};

struct ym_placement {
    /* in; borrowed */
    const char *prompt;             /* path of the prompt file */
    const char *output_filename;    /* NULL = the prompt's stem */
    int idx;
    const char *ext;
    int from_fd;                    /* the bytes, verified by the caller; >= 0 when staged is NULL */
    const char *staged;             /* name in staging/ that may be moved away; or NULL: clone from_fd */
    struct ym_digest b2;
    const char *sidecar;            /* text, or NULL = none */
    const struct ym_slot_row *old;  /* the slot as journalled: its earlier result of ours; or NULL */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* out; caller frees with ym_placement_fini */
    char *result;                   /* path */
    struct ym_ident ident;
    bool described;                 /* its sidecar was published beside it (it may also have lain there) */
    bool saved;                     /* the earlier result went to objects/ and was replaced */
    bool kept;                      /* the earlier result was changed or moved by the user: left alone */
};
void ym_placement_fini(struct ym_placement *p);
/* Shows one result: sidecar first, media second, each by one rename; a taken name is never touched:
 * both go under the next candidate. Our own unchanged earlier result is linked into objects/, then
 * replaced atomically. An identical file of ours that already lies there (same digest) is kept in
 * place and only recorded. Folder fsynced before it returns 0. Worker threads. */
int ym_place_result(const struct ym_library *l, struct ym_placement *p, struct ym_err *e);
/* Publishes a note (error, held) over our own earlier one, never over a user's file: *ret_path is the
 * path used. ours: digest of the note we wrote last, or NULL. */
int ym_place_note(const struct ym_library *l, const char *prompt, const char *note, const char *text, size_t len,
                  const struct ym_digest *ours, char **ret_path, struct ym_digest *ret_b2, struct ym_ident *ret_ident, struct ym_err *e);
/* Removes a note if it is still what we wrote. */
int ym_remove_note(const struct ym_library *l, const char *path, const struct ym_digest *ours, struct ym_err *e);
/* Moves a note or sidecar that is still what we wrote; over: digest of one of ours that may lie at `to`,
 * or NULL. Returns 1 and sets *ret_ident; 0 when the user changed or moved it, or something else lies at
 * `to`: it stays where it is. */
int ym_move_note(const struct ym_library *l, const char *from, const char *to, const struct ym_digest *ours,
                 const struct ym_digest *over, struct ym_ident *ret_ident, struct ym_err *e);

/* An open descriptor of bytes with that digest, verified now by reading them whole: objects/ first,
 * then the copies the journal knows. -ENOENT when they are gone everywhere. Worker threads. */
int ym_library_find_bytes(const struct ym_store *s, const char *const *copies, size_t ncopies,
                          const struct ym_digest *b2, const char *ext, int64_t size);
/* Called before a user's write, truncation, replacement or removal of `path`: if it is an unmodified
 * result of ours (copies table), its bytes go to objects/ first (hard link when the file will be
 * unlinked or replaced; clone when it will be written). *ret_ours tells whether it was one. Any
 * thread with its own reader handle; blocks on disk; cheap for every other file. */
int ym_library_preserve(const struct ym_store *s, struct ym_journal *reader, const char *path, bool will_write,
                        bool *ret_ours, struct ym_digest *ret_b2, struct ym_err *e);

/* ---- note texts (pure). Caller frees. ---- */
struct ym_error_note { const char *what, *words, *billed, *next, *advice; };
char *ym_error_note_text(const struct ym_error_note *n);

/* ---- the walk ---- */
struct ym_scan_file { const char *path; struct ym_name name; struct ym_ident ident; mode_t mode; };
/* Walks the library below `folder` without following links or leaving the file system; hidden folders
 * are skipped. fn returns false to stop. Background thread; yields nothing but disk. */
int ym_library_scan(const struct ym_store *s, const char *folder, bool (*fn)(void *ctx, const struct ym_scan_file *f), void *ctx, struct ym_err *e);

#endif
