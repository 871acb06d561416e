/* Opening, transactions, copies. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sql.h"

#define FILE_NAME "journal.db"

enum {
    PAGE = 4096,
    FRAME = PAGE + 24,        /* a page in the log */
    CHECKPOINT_FRAMES = 1000, /* then the log is carried over into the database, and begins anew */
    LOG_BYTES = 32 + (CHECKPOINT_FRAMES + 256) * FRAME, /* what it usually grows to */
};
/* It is cut to this when a large transaction has made it longer. */
#define LOG_LIMIT   8388608
#define TEXT_OF(v)  TEXT_OF_(v)
#define TEXT_OF_(v) #v

/* cache_spill: dirty pages stay in memory up to 32 MiB, so that all writing to the log happens at
 * commit, where space is reserved first. temp_store: sorting leaves nothing in /tmp. */
static const char set_both[] =
    "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON; PRAGMA busy_timeout = 5000;";
static const char set_write[] =
    "PRAGMA synchronous = FULL; PRAGMA cache_size = -2048; PRAGMA cache_spill = 8192;"
    "PRAGMA journal_size_limit = " TEXT_OF(LOG_LIMIT) "; PRAGMA secure_delete = OFF;";
static const char set_read[] = "PRAGMA cache_size = -512;";

/* ---- opening ---- */

/* SQLite would make it with the umask alone. An existing file is not opened here: closing it would
 * drop the locks that other handles of this process hold on it. */
static int file_prepare(int dir_fd, bool create, struct ym_err *e)
{
    struct stat st;
    YM_AUTOCLOSE int fd = -1;
    if (create)
        fd = openat(dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fsync(dir_fd) == 0 && fchmod(fd, 0600) == 0
                   ? 0
                   : ym_fail(e, YM_LOCAL, errno, "The journal of the library cannot be made (%s).",
                             strerrordesc_np(errno));
    if (create && errno != EEXIST)
        return ym_fail(
            e, YM_LOCAL, errno,
            "The journal of the library cannot be made (%s); check owner, mode and disk.",
            strerrordesc_np(errno));
    if (fstatat(dir_fd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT
                   ? ym_fail(e, YM_LOCAL, ENOENT, "The library has no journal yet: mount it once.")
                   : ym_fail(e, YM_LOCAL, errno, "The journal of the library cannot be read (%s).",
                             strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return ym_fail(e, YM_LOCAL, EINVAL, ".ymago/journal.db is no plain file; move it away.");
    if (create && (st.st_mode & 07777) != 0600 && fchmodat(dir_fd, FILE_NAME, 0600, 0) < 0)
        return ym_fail(e, YM_LOCAL, errno,
                       "The mode of .ymago/journal.db cannot be set to 0600; check its owner.");
    return 0;
}

static int db_open(struct ym_journal *j, struct ym_err *e)
{
    char path[64];
    int rc = vfs_register();
    if (rc != SQLITE_OK)
        return sql_fail(j, rc, e);
    snprintf(path, sizeof path, "/proc/self/fd/%d/" FILE_NAME, j->dir_fd);
    int flags = j->mode == YM_JOURNAL_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    rc = sqlite3_open_v2(path, &j->db, flags | SQLITE_OPEN_NOMUTEX, vfs_name);
    if (rc != SQLITE_OK)
        return sql_fail(j, rc, e);
    sqlite3_extended_result_codes(j->db, 1);
    sqlite3_db_config(j->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* One plan a query: else each bind beside a partial index prepares the statement again. */
    sqlite3_db_config(j->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    return sql_exec(j, set_both, e);
}

/* Carries the log over when it has grown; remembers how long it is. */
static int log_grown(void *ctx, sqlite3 *db, const char *name, int frames)
{
    struct ym_journal *j = ctx;
    j->wal_frames = frames;
    /* Full disks and readers in the way may stop it: the log grows a little and the next commit
     * tries again. */
    if (frames >= CHECKPOINT_FRAMES)
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static int wal_start(struct ym_journal *j, struct ym_err *e)
{
    int r = sql_exec(j, set_write, e); /* first of all: see vfs.c */
    if (r < 0)
        return r;
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(j->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    bool wal = rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW)
        return sql_fail(j, rc, e);
    if (!wal)
        return ym_fail(e, YM_LOCAL, ENOTSUP,
                       "The file system of the library cannot hold a journal (it has no shared "
                       "memory or locks): "
                       "keep the library on a local disk.");
    if (sql_number(j, "PRAGMA synchronous") != 2)
        return ym_fail(
            e, YM_BROKEN, EIO,
            "This SQLite cannot be told to make every commit durable: use another build.");
    sqlite3_wal_hook(j->db, log_grown, j);
    return 0;
}

/* Numbers of state changes go on from the highest. */
static int changes_resume(struct ym_journal *j, struct ym_err *e)
{
    for (int s = 0; s < YM_JOB_STATE_COUNT; s++) {
        int64_t v;
        struct cur c = cur_begin(j, Q_JOB_CHANGED, e);
        bind_text(&c, ym_state_name((enum ym_state)s));
        int r = cur_number(&c, &v);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == 0 && v > j->changed)
            j->changed = v;
    }
    return 0;
}

/* A commit that overwrites blocks costs two thirds of one that makes the log longer, for the file system
 * has nothing of its own to write down. SQLite takes zeros for the end of the log. A disk that is
 * nearly full is left its space. */
static void log_prewrite(int fd, int64_t size)
{
    enum { CHUNK = 1 << 16 };
    struct statvfs st;
    if (fstatvfs(fd, &st) < 0 || st.f_bavail < 16UL * LOG_BYTES / st.f_frsize)
        return;
    YM_AUTOFREE char *zeros = ym_alloc(CHUNK);
    for (ssize_t n = 1; size < LOG_BYTES && n > 0; size += n)
        n = pwrite(fd, zeros, CHUNK, size);
}

static int open_write(struct ym_journal *j, struct ym_err *e)
{
    int r = wal_start(j, e);
    if (r == 0)
        r = migrate(j, migrations, migrations_count, e);
    if (r == 0)
        r = sql_prepare_all(j, e);
    if (r == 0)
        r = changes_resume(j, e);
    if (r < 0)
        return r;
    j->wal_fd = openat(j->dir_fd, FILE_NAME "-wal", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (j->wal_fd < 0 || fstat(j->wal_fd, &st) < 0)
        return ym_fail(e, YM_LOCAL, errno, "The log of the journal cannot be opened (%s).",
                       strerrordesc_np(errno));
    j->wal_frames = (int)(st.st_size / FRAME); /* at most; what a crash left in it is still there */
    log_prewrite(j->wal_fd, st.st_size);
    return 0;
}

static int open_read(struct ym_journal *j, struct ym_err *e)
{
    int r = sql_exec(j, set_read, e);
    int64_t schema = r < 0 ? 0 : sql_number(j, "PRAGMA user_version");
    if (r < 0 || schema == migrations_count)
        return r;
    if (schema < 0)
        return sql_fail(j, sqlite3_errcode(j->db), e);
    if (schema == 0)
        return ym_fail(e, YM_LOCAL, ENOENT, "The library has no journal yet: mount it once.");
    return ym_fail(e, YM_LOCAL, EPROTO,
                   schema > migrations_count ? "The journal of this library was written by a newer "
                                               "ymago (schema %d, this one knows %d): update ymago."
                                             : "The journal of this library is older (schema %d, "
                                               "now %d): mount it once with this ymago.",
                   (int)schema, migrations_count);
}

int ym_journal_open(int state_fd, enum ym_journal_mode m, struct ym_journal **ret, struct ym_err *e)
{
    struct ym_journal *j = ym_alloc(sizeof *j);
    j->mode = m;
    j->wal_fd = -1;
    j->dir_fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = j->dir_fd < 0 ? ym_fail(e, YM_LOCAL, errno,
                                    "The state folder of the library cannot be opened (%s).",
                                    strerrordesc_np(errno))
                          : file_prepare(j->dir_fd, m == YM_JOURNAL_WRITE, e);
    if (r == 0)
        r = db_open(j, e);
    if (r == 0)
        r = m == YM_JOURNAL_WRITE ? open_write(j, e) : open_read(j, e);
    if (r < 0) {
        ym_journal_close(j);
        return r;
    }
    *ret = j;
    return 0;
}

void ym_journal_close(struct ym_journal *j)
{
    if (!j)
        return;
    ym_journal_rollback(j);
    sql_finalize_all(j);
    if (j->db && j->mode == YM_JOURNAL_WRITE)
        sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    int rc = sqlite3_close(j->db);
    ym_assert(rc == SQLITE_OK); /* else a statement of ours is still open */
    ym_closep(&j->wal_fd);
    ym_closep(&j->dir_fd);
    free(j);
}

/* ---- transactions ---- */

int ym_journal_begin(struct ym_journal *j, struct ym_err *e)
{
    ym_assert(!j->in_tx);
    j->failed = (struct ym_err){0};
    CUR struct cur c = cur_begin(j, j->mode == YM_JOURNAL_WRITE ? Q_BEGIN_WRITE : Q_BEGIN_READ, e);
    int r = cur_run(&c);
    if (r < 0)
        return r;
    j->in_tx = true;
    j->changes_at_begin = sqlite3_total_changes64(j->db);
    return 0;
}

bool ym_journal_dirty(const struct ym_journal *j)
{
    return j->in_tx && (j->failed.err || sqlite3_total_changes64(j->db) != j->changes_at_begin);
}

static void back(struct ym_journal *j)
{
    if (j->in_tx && !sqlite3_get_autocommit(j->db))
        sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    j->in_tx = false;
}

void ym_journal_rollback(struct ym_journal *j)
{
    back(j);
    j->failed = (struct ym_err){0};
}

static int64_t cache_bytes(struct ym_journal *j)
{
    int now = 0, high = 0;
    sqlite3_db_status(j->db, SQLITE_DBSTATUS_CACHE_USED, &now, &high, 0);
    return now;
}

/* A commit that runs into a full disk is lost as a whole; so the room in the log is taken first,
 * and when there is none the transaction stays open. Every changed page is in the cache; clean ones
 * make the guess too high, and are let go when it matters. */
static int space_reserve(struct ym_journal *j)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (attempt > 0)
            sqlite3_db_release_memory(j->db);
        int64_t bytes = 32 + (j->wal_frames + cache_bytes(j) / PAGE + 1) * FRAME;
        if (bytes <= j->wal_room)
            return 0;
        if (fallocate(j->wal_fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0) {
            /* What lies past the limit is given back when the log begins anew. */
            j->wal_room = bytes < LOG_LIMIT ? bytes : LOG_LIMIT;
            return 0;
        }
        if (errno != ENOSPC && errno != EDQUOT)
            return 0; /* this file system cannot: the commit itself will tell */
    }
    return -ENOSPC;
}

static int commit(struct ym_journal *j)
{
    if (sqlite3_get_autocommit(j->db))
        return sql_fail(j, SQLITE_ABORT, &j->failed);
    CUR struct cur c = cur_begin(j, Q_COMMIT, &j->failed);
    return cur_run(&c);
}

int ym_journal_commit(struct ym_journal *j, struct ym_err *e)
{
    ym_assert(j->in_tx || j->failed.err);
    if (!j->failed.err && j->wal_fd >= 0 && ym_journal_dirty(j) && space_reserve(j) < 0)
        return sql_fail(j, SQLITE_FULL, e);
    if (!j->failed.err && commit(j) == 0) {
        j->in_tx = false;
        return 0;
    }
    back(j);
    if (e)
        *e = j->failed;
    return -j->failed.err;
}

struct tx tx_open(struct ym_journal *j, struct ym_err *e)
{
    struct tx t = {.j = j, .own = !j->in_tx};
    if (t.own)
        t.r = ym_journal_begin(j, e);
    return t;
}

int tx_close(struct tx *t, int r, struct ym_err *e)
{
    if (!t->own || t->r < 0)
        return r;
    if (r == 0)
        r = ym_journal_commit(t->j, e);
    if (r < 0)
        ym_journal_rollback(t->j);
    return r;
}

/* ---- copies ---- */

static int copy_pages(struct ym_journal *j, const char *path, struct ym_err *e)
{
    struct ym_journal to = {.wal_fd = -1};
    int rc = sqlite3_open_v2(path, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_name);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to.db, "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY", NULL,
                          NULL, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to.db, "main", j->db, "main") : NULL;
    if (b) {
        sqlite3_backup_step(b, -1);
        rc = sqlite3_backup_finish(b);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_extended_errcode(to.db);
    }
    /* The copy is one file: no log beside it that could be left behind. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to.db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    int r = rc == SQLITE_OK ? 0 : sql_fail(&to, rc, e);
    sqlite3_close(to.db);
    return r;
}

static int copy_publish(struct ym_journal *j, const char *part, const char *name, struct ym_err *e)
{
    YM_AUTOCLOSE int fd = openat(j->dir_fd, part, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || renameat(j->dir_fd, part, j->dir_fd, name) < 0 ||
        fsync(j->dir_fd) < 0)
        return ym_fail(e, YM_LOCAL, errno, "The copy of the journal cannot be written (%s).",
                       strerrordesc_np(errno));
    return 0;
}

int ym_journal_backup(struct ym_journal *j, const char *path_in_state, struct ym_err *e)
{
    YM_AUTOFREE char *part = ym_asprintf("%s.part", path_in_state);
    YM_AUTOFREE char *path = ym_asprintf("/proc/self/fd/%d/%s", j->dir_fd, part);
    unlinkat(j->dir_fd, part, 0);
    YM_AUTOCLOSE int fd =
        openat(j->dir_fd, part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ym_fail(e, YM_LOCAL, errno, "The copy of the journal cannot be made (%s).",
                       strerrordesc_np(errno));
    ym_closep(&fd); /* no lock of SQLite is on it yet */
    int r = copy_pages(j, path, e);
    if (r == 0)
        r = copy_publish(j, part, path_in_state, e);
    if (r < 0)
        unlinkat(j->dir_fd, part, 0);
    return r;
}
