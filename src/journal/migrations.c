/* The schema, as a list: row 0 makes it, every later change is a row at the end. A row that was
 * released is never changed. PRAGMA user_version counts the rows a journal has seen.
 *
 * Words of states, kinds and outcomes are stored as their names. Digests are 32 bytes, NULL when
 * absent; times are Unix milliseconds, 0 when they have not come; money is in millionths of a
 * dollar. */
#include <errno.h>

#include "sql.h"

// clang-format off
#define IDENT "ino INTEGER NOT NULL, btime INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL"

/* Large rows are rowid tables with an index on their key; small ones lie in the key's own tree. */
static const char schema[] =
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE job (id TEXT NOT NULL UNIQUE,"
    " kind TEXT NOT NULL, state TEXT NOT NULL, changed INTEGER NOT NULL,"
    " lane TEXT, priority INTEGER NOT NULL, run_at INTEGER NOT NULL, bulk TEXT, blocked INTEGER NOT NULL, hold_id TEXT,"
    " h BLOB, provider TEXT, model TEXT, prompt TEXT, request TEXT, variation INTEGER NOT NULL, folder TEXT, origin TEXT,"
    " queued_at INTEGER NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, tries_total INTEGER NOT NULL, empties INTEGER NOT NULL,"
    " class TEXT NOT NULL, error TEXT, words TEXT,"
    " est_low INTEGER NOT NULL, est_expected INTEGER NOT NULL, est_high INTEGER NOT NULL,"
    " cost INTEGER NOT NULL, cost_is_estimate INTEGER NOT NULL, max_usd INTEGER NOT NULL, held_why TEXT,"
    " driver_state TEXT, has_handle INTEGER NOT NULL, provider_id TEXT, model_version TEXT, safety TEXT, text TEXT,"
    " b2 BLOB, staged TEXT, ext TEXT, mime TEXT, size INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    " duration_ms INTEGER NOT NULL, c2pa INTEGER NOT NULL, reused_from TEXT, adopted INTEGER NOT NULL) STRICT;"
    "CREATE INDEX job_ready ON job (lane, priority, run_at, id) WHERE state = 'queued' AND bulk IS NULL AND blocked = 0;"
    "CREATE INDEX job_state ON job (state, changed);"
    "CREATE INDEX job_h ON job (h) WHERE h IS NOT NULL;"
    "CREATE INDEX job_bulk ON job (bulk, id) WHERE bulk IS NOT NULL;"
    "CREATE INDEX job_hold ON job (hold_id, id) WHERE hold_id IS NOT NULL;"
    "CREATE INDEX job_blocked ON job (provider) WHERE blocked = 1;"
    /* How many jobs of each state a lane has: counting a million rows at each look would not do. */
    "CREATE TABLE tally (lane TEXT NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (lane, state))"
    " STRICT, WITHOUT ROWID;"
    /* Providers without a usable key; their queued jobs are blocked whatever the rows say. */
    "CREATE TABLE block (provider TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;"

    "CREATE TABLE source (s BLOB NOT NULL, k INTEGER NOT NULL, job TEXT NOT NULL, PRIMARY KEY (s, k)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE name (path TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, status TEXT NOT NULL, " IDENT ","
    " text_b2 BLOB, text BLOB, s BLOB, refs BLOB, n INTEGER NOT NULL, variation INTEGER NOT NULL,"
    " settled_at INTEGER NOT NULL) STRICT;"

    /* landing: waits for its place although its job is done */
    "CREATE TABLE slot (path TEXT NOT NULL, idx INTEGER NOT NULL, folder TEXT, variation INTEGER NOT NULL, job TEXT NOT NULL,"
    " status TEXT NOT NULL, landing INTEGER NOT NULL, result TEXT, " IDENT ", b2 BLOB, version INTEGER NOT NULL,"
    " reused INTEGER NOT NULL, PRIMARY KEY (path, idx)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX slot_job ON slot (job);"
    "CREATE INDEX slot_waiting ON slot (folder) WHERE status = 'waiting';"
    "CREATE INDEX slot_landing ON slot (job) WHERE landing = 1;"
    "CREATE INDEX slot_result ON slot (result) WHERE result IS NOT NULL;"

    "CREATE TABLE copy (path TEXT NOT NULL PRIMARY KEY, " IDENT ", b2 BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX copy_b2 ON copy (b2);"

    "CREATE TABLE sidecar (path TEXT NOT NULL UNIQUE, media TEXT, s BLOB, h BLOB, variation INTEGER NOT NULL,"
    " b2 BLOB, doc TEXT) STRICT;"
    "CREATE INDEX sidecar_s ON sidecar (s, variation, path) WHERE s IS NOT NULL;"
    "CREATE INDEX sidecar_h ON sidecar (h, path) WHERE h IS NOT NULL;"
    "CREATE INDEX sidecar_media ON sidecar (media);"

    /* at: when it was sent, before that when it was reserved. counts: it weighs on the rate limit. */
    "CREATE TABLE attempt (id INTEGER PRIMARY KEY, job TEXT NOT NULL, no INTEGER NOT NULL, lane TEXT, folder TEXT,"
    " day TEXT NOT NULL, pays INTEGER NOT NULL, counts INTEGER NOT NULL, at INTEGER NOT NULL,"
    " reserved_at INTEGER NOT NULL, sent_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,"
    " reserved INTEGER NOT NULL, actual INTEGER NOT NULL, status TEXT NOT NULL, class TEXT NOT NULL, note TEXT, hold_id TEXT)"
    " STRICT;"
    "CREATE INDEX attempt_job ON attempt (job, no);"
    "CREATE INDEX attempt_at ON attempt (lane, at) WHERE counts = 1;"

    "CREATE TABLE spend (day TEXT NOT NULL, lane TEXT NOT NULL, folder TEXT NOT NULL, approved INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (day, lane, folder, approved)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE hold (id TEXT NOT NULL PRIMARY KEY, note TEXT, " IDENT ", target TEXT, why TEXT,"
    " amount INTEGER NOT NULL, cap INTEGER NOT NULL, used INTEGER NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX hold_note ON hold (note) WHERE status <> 'closed';"
    "CREATE INDEX hold_target ON hold (target) WHERE status <> 'closed';"

    "CREATE TABLE note (path TEXT NOT NULL PRIMARY KEY, prompt TEXT, b2 BLOB) STRICT, WITHOUT ROWID;"
    "CREATE INDEX note_prompt ON note (prompt);"

    "CREATE TABLE version (path TEXT NOT NULL, seq INTEGER NOT NULL, b2 BLOB, ext TEXT, job TEXT, sidecar TEXT,"
    " at INTEGER NOT NULL, UNIQUE (path, seq)) STRICT;"

    "CREATE TABLE event (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, json TEXT NOT NULL) STRICT;";
// clang-format on

/* paying: a request that may cost money has left, or is about to; what was reserved before is taken for
 * sent. tried: the models that refused before this one. tier: "batch" or NULL. carrier: the job whose
 * request at the provider holds this one's. */
static const char long_jobs[] =
    "ALTER TABLE job ADD COLUMN paying INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE job ADD COLUMN tried TEXT;"
    "ALTER TABLE job ADD COLUMN tier TEXT;"
    "ALTER TABLE job ADD COLUMN carrier TEXT;"
    "CREATE INDEX job_carrier ON job (carrier) WHERE carrier IS NOT NULL;";

const struct migration migrations[] = {{schema}, {long_jobs}};
const int migrations_count = YM_COUNT(migrations);

/* Marks the file as ours, for file(1) and against strangers. */
#define APPLICATION_ID 0x796d6167 /* "ymag" */

static int migrate_row(struct ym_journal *j, const struct migration *m, int version,
                       struct ym_err *e)
{
    char set[96];
    snprintf(set, sizeof set, "PRAGMA user_version = %d; PRAGMA application_id = %d", version,
             APPLICATION_ID);
    struct tx t = tx_open(j, e);
    int r = t.r;
    if (r == 0)
        r = sql_exec(j, m->sqlite, e);
    if (r == 0)
        r = sql_exec(j, set, e);
    return tx_close(&t, r, e);
}

int migrate(struct ym_journal *j, const struct migration *rows, int n, struct ym_err *e)
{
    int64_t have = sql_number(j, "PRAGMA user_version");
    if (have < 0)
        return sql_fail(j, sqlite3_extended_errcode(j->db), e);
    if (have > n)
        return ym_fail(e, YM_LOCAL, EPROTO,
                       "The journal of this library was written by a newer ymago (schema %d, this "
                       "one knows %d): update ymago.",
                       (int)have, n);
    if (have == 0 && sql_number(j, "SELECT count(*) FROM sqlite_schema") > 0)
        return ym_fail(e, YM_LOCAL, EPROTO,
                       ".ymago/journal.db is a database of another program; move it away.");
    if (have > 0 && have < n) {
        char name[32];
        snprintf(name, sizeof name, "journal-%d.db", (int)have);
        int r = ym_journal_backup(j, name, e);
        if (r < 0)
            return r;
        ym_log(YM_INFO, "journal", "schema %d becomes %d; a copy of the older journal is .ymago/%s",
               (int)have, n, name);
    }
    for (int v = (int)have; v < n; v++) {
        int r = migrate_row(j, &rows[v], v + 1, e);
        if (r < 0)
            return r;
    }
    return 0;
}
