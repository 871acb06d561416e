/* The backend: open, prepare, bind, step, column, begin, commit. All that the other files of this
 * room know of a database is here; what is claimed, reserved or moved is written once above it. */
#ifndef YM_JOURNAL_SQL_H
#define YM_JOURNAL_SQL_H

#include <sqlite3.h>
#include <ymago/journal.h>

#include "job_columns.h"

#define QUERY_ENUM(name, argc, sqlite) Q_##name,
enum query {
#define Q QUERY_ENUM
#include "queries.def"
#undef Q
    Q_COUNT
};
struct query_text {
    const char *name;
    int argc;
    const char *sqlite;
};
extern const struct query_text query_texts[Q_COUNT];

struct ym_journal {
    sqlite3 *db;
    enum ym_journal_mode mode;
    int dir_fd;       /* the state folder, ours: the database is reached through its number */
    int wal_fd;       /* of the write-ahead log, to reserve space; -1 for readers */
    int64_t wal_room; /* bytes of it that surely lie on the disk */
    int wal_frames;   /* in the log after the last commit */
    bool in_tx;       /* between begin and commit, also our own around several statements */
    int64_t changes_at_begin;
    struct ym_err failed; /* .err != 0: a write since begin failed; it cannot be committed */
    int64_t changed;      /* the last number given to a change of a job's state */
    sqlite3_stmt *st[Q_COUNT];
};

/* Fills *e from a result of SQLite. Returns -errno: -EEXIST for a broken uniqueness, -ENOSPC, -EIO
 * ... */
int sql_fail(struct ym_journal *j, int rc, struct ym_err *e);
/* Statements without parameters or rows; several may be separated by semicolons. */
int sql_exec(struct ym_journal *j, const char *sql, struct ym_err *e);
/* One whole number; -1 when it cannot be had. */
int64_t sql_number(struct ym_journal *j, const char *sql);
int sql_prepare_all(struct ym_journal *j, struct ym_err *e);
void sql_finalize_all(struct ym_journal *j);

/* Several writes as one: own transaction unless one is open. tx_close commits, or takes everything
 * back when r < 0; it returns r or why the commit failed. */
struct tx {
    struct ym_journal *j;
    bool own;
    int r; /* why it could not be opened; 0 */
};
struct tx tx_open(struct ym_journal *j, struct ym_err *e);
int tx_close(struct tx *t, int r, struct ym_err *e);

/* One run of a query. Arguments are bound in order, columns are read in order; errors of the way
 * wait in the cursor and come out of the next step. The bound memory is borrowed until the end. */
struct cur {
    struct ym_journal *j;
    struct ym_err *e;
    sqlite3_stmt *st;
    int argc, arg, col;
    bool own; /* the list's statement is in use further up: this one is a second */
    int rc;   /* of SQLite */
};
#define CUR __attribute__((cleanup(cur_end)))
void cur_end(struct cur *c);
struct cur cur_begin(struct ym_journal *j, enum query q, struct ym_err *e);
void bind_i64(struct cur *c, int64_t v);
void bind_text(struct cur *c, const char *s);                  /* NULL is NULL */
void bind_blob(struct cur *c, const void *p, size_t len);      /* NULL is NULL */
void bind_digest(struct cur *c, const struct ym_digest *d);    /* NULL and zero are NULL */
void bind_ident(struct cur *c, const struct ym_row_ident *id); /* four arguments */
int cur_step(struct cur *c);                                   /* 1: a row, 0: the end, -errno */
int cur_run(struct cur *c);                                    /* to the end; 0 or -errno */
int cur_run_found(struct cur *c); /* the same; -ENOENT when no row was written */
int64_t col_i64(struct cur *c);
const char *cur_peek_str(struct cur *c);        /* the next column, not yet read; borrowed */
const char *col_str(struct cur *c);             /* borrowed until the next step; NULL is NULL */
char *col_text(struct cur *c);                  /* owned */
char *col_blob(struct cur *c, size_t *ret_len); /* owned, NUL-terminated; NULL is NULL */
struct ym_digest col_digest(struct cur *c);
struct ym_row_ident col_ident(struct cur *c); /* four columns */
struct ym_id col_id(struct cur *c);

/* Reads that give one number: *ret only on success, -ENOENT without a row. Ends the cursor. */
int cur_number(struct cur *c, int64_t *ret);
/* fn for the first column of each row. Ends the cursor. */
int cur_each_text(struct cur *c, void (*fn)(void *ctx, const char *text), void *ctx);

/* ---- vfs.c ---- */
extern const char vfs_name[]; /* the default VFS, but a path stays as it is */
int vfs_register(void);       /* once; a result of SQLite */

/* ---- migrations.c ---- */
struct migration {
    const char *sqlite;
};
/* Brings an open journal to the end of the list; each row is one transaction. An older journal is
 * copied to journal-N.db first. -EPROTO when it is newer than the list. */
int migrate(struct ym_journal *j, const struct migration *rows, int n, struct ym_err *e);
extern const struct migration migrations[];
extern const int migrations_count;

/* ---- rows.c ---- */
/* The folder of a path, "" at the top; NULL for "cli:ID", which lies nowhere. Caller frees. */
char *path_folder(const char *path);
/* All that begins with `prefix` and something more lies between from and to (bytes compared). */
struct below {
    char *from, *to;
};
struct below below_folder(const char *folder); /* "a": "a/" <= path < "a0" */
struct below below_prefix(const char *prefix); /* NULL or "": everything */
void below_end(struct below *b);
#define BELOW __attribute__((cleanup(below_end)))
/* The names that enums of this room's rows are stored by. */
extern const char *const name_statuses[], *const slot_statuses[], *const attempt_statuses[],
                                                                      *const hold_statuses[];
void bind_word(struct cur *c, const char *const *list, int v); /* asserts that there is one */
int col_word(struct cur *c, const char *const *list);          /* 0 for a word that is none */

/* ---- jobs.c ---- */
void job_row_read(struct cur *c, struct ym_job_row *ret); /* the columns of JOB_COLUMNS */

#endif
