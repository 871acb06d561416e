#include "journal_fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "../../src/journal/sql.h"
#include "tinyfs.h"

static int64_t queued(struct ym_journal *j)
{
    int64_t n[YM_JOB_STATE_COUNT];
    assert_int_equal(ym_job_count(j, n), 0);
    return n[YM_JOB_QUEUED];
}

static void add(struct fixture *f, int n)
{
    struct ym_job_row r = JOB(n);
    OK(ym_job_insert(f->j, &r, &f->e));
}

static void set_failed(struct fixture *f, int n)
{
    struct ym_job_row r = JOB(n, .state = YM_JOB_FAILED);
    OK(ym_job_update(f->j, &r, &f->e));
}

static void reopen(struct fixture *f)
{
    ym_journal_close(f->j);
    f->j = NULL;
    OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
}

/* ---- opening ---- */

static void files_are_private_and_gone_after_close(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    static const char *const names[] = {"journal.db", "journal.db-wal", "journal.db-shm"};
    mode_t old = umask(0);
    assert_int_equal(fchmodat(f->fd, "journal.db", 0644, 0), 0);
    reopen(f);
    add(f, 1);
    umask(old);
    for (size_t i = 0; i < YM_COUNT(names); i++) {
        assert_int_equal(fstatat(f->fd, names[i], &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(sql_number(f->j, "PRAGMA synchronous"), 2);
    ym_journal_close(f->j);
    f->j = NULL;
    assert_int_equal(fstatat(f->fd, "journal.db-wal", &st, 0), -1);
    OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
    assert_int_equal(queued(f->j), 1);
}

/* Nothing of it goes by the visible path, which is mounted over later. */
static void path_is_not_resolved(void **state)
{
    struct fixture *f = *state;
    const char *name = sqlite3_db_filename(f->j->db, "main");
    assert_non_null(name);
    assert_int_equal(strncmp(name, "/proc/self/fd/", 14), 0);
    YM_AUTOFREE char *away = ym_asprintf("%s-away", f->dir);
    assert_int_equal(rename(f->dir, away), 0);
    struct ym_journal *reader;
    add(f, 1);
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &reader, &f->e));
    assert_int_equal(queued(reader), 1);
    ym_journal_close(reader);
    reopen(f);
    assert_int_equal(rename(away, f->dir), 0);
}

static void version_set(struct fixture *f, int v)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", v);
    OK(sql_exec(f->j, sql, &f->e));
}

static void other_schemas_are_refused(void **state)
{
    struct fixture *f = *state;
    struct ym_journal *j = NULL;
    version_set(f, migrations_count + 1);
    for (int m = 0; m < 2; m++) {
        assert_int_equal(
            ym_journal_open(f->fd, m == 0 ? YM_JOURNAL_READ : YM_JOURNAL_WRITE, &j, &f->e),
            -EPROTO);
        assert_non_null(strstr(f->e.msg, "newer ymago"));
        assert_null(j);
    }
    version_set(f, 0);
    assert_int_equal(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &j, &f->e), -EPROTO);
    assert_non_null(strstr(f->e.msg, "another program"));
    version_set(f, migrations_count);
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &j, &f->e));
    ym_journal_close(j);
}

static void file_put(int dir_fd, const char *name, const char *text)
{
    YM_AUTOCLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void what_is_no_journal(void **state)
{
    struct fixture *f = *state;
    struct ym_journal *j = NULL;
    assert_int_equal(mkdirat(f->fd, "empty", 0700), 0);
    YM_AUTOCLOSE int fd = openat(f->fd, "empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ym_journal_open(fd, YM_JOURNAL_READ, &j, &f->e), -ENOENT);
    file_put(fd, "journal.db", "");
    assert_int_equal(ym_journal_open(fd, YM_JOURNAL_READ, &j, &f->e), -ENOENT);
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    file_put(fd, "journal.db", text);
    assert_int_equal(ym_journal_open(fd, YM_JOURNAL_WRITE, &j, &f->e), -EIO);
    assert_non_null(strstr(f->e.msg, "damaged"));
    assert_int_equal(unlinkat(fd, "journal.db", 0), 0);
    assert_int_equal(symlinkat("../journal.db", fd, "journal.db"), 0);
    assert_int_equal(ym_journal_open(fd, YM_JOURNAL_WRITE, &j, &f->e), -EINVAL);
    assert_null(j);
}

/* ---- transactions ---- */

static void transactions(void **state)
{
    struct fixture *f = *state;
    OK(ym_journal_begin(f->j, &f->e));
    assert_false(ym_journal_dirty(f->j));
    assert_int_equal(ym_copy_delete(f->j, "none"), -ENOENT);
    assert_false(ym_journal_dirty(f->j));
    add(f, 1);
    assert_true(ym_journal_dirty(f->j));
    struct ym_job_row again = JOB(1);
    assert_int_equal(ym_job_insert(f->j, &again, &f->e), -EEXIST); /* spoils nothing */
    add(f, 2);
    OK(ym_journal_commit(f->j, &f->e));
    assert_false(ym_journal_dirty(f->j));
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 3);
    ym_journal_rollback(f->j);
    assert_int_equal(queued(f->j), 2);
    add(f, 3);
    reopen(f);
    assert_int_equal(queued(f->j), 3);
}

/* A write that failed inside cannot be committed around. */
static void failed_write_spoils_the_commit(void **state)
{
    struct fixture *f = *state;
    add(f, 1);
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 2);
    OK(sql_exec(f->j, "ALTER TABLE meta RENAME TO gone", &f->e));
    assert_true(ym_meta_put(f->j, "k", "v") < 0);
    struct ym_job_row r = JOB(3);
    assert_true(ym_job_insert(f->j, &r, &f->e) < 0);
    assert_true(ym_journal_dirty(f->j));
    f->e.msg[0] = '\0';
    assert_int_equal(ym_journal_commit(f->j, &f->e), -EIO);
    assert_string_not_equal(f->e.msg, "");
    assert_int_equal(ym_journal_commit(f->j, &f->e), -EIO); /* nor by asking again */
    assert_int_equal(queued(f->j), 1);
    OK(ym_meta_put(f->j, "k", "v"));
    /* What a table does not take is a failure too, not a row that is there already. */
    OK(ym_journal_begin(f->j, &f->e));
    assert_int_equal(ym_meta_put(f->j, "k", NULL), -EIO);
    assert_int_equal(ym_journal_commit(f->j, &f->e), -EIO);
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 2);
    OK(ym_journal_commit(f->j, &f->e));
}

/* Far more than is gathered for one write of the log, read back before it is committed. */
static void large_transactions(void **state)
{
    struct fixture *f = *state;
    struct ym_journal *reader;
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &reader, &f->e));
    OK(sql_exec(f->j, "PRAGMA cache_size = 10; PRAGMA cache_spill = 10", &f->e));
    add(f, 0);
    for (int round = 0; round < 4; round++) {
        OK(ym_journal_begin(f->j, &f->e));
        for (int i = 1; i <= 2000; i++)
            add(f, round * 2000 + i);
        for (int i = 1; i <= 2000; i += 7) {
            struct ym_job_row r;
            OK(ym_job_get(f->j, id_of(round * 2000 + i).s, &r));
            ym_job_row_fini(&r);
        }
        if (round % 2)
            ym_journal_rollback(f->j);
        else
            OK(ym_journal_commit(f->j, &f->e));
        int kept = (round / 2 + 1) * 2000 + 1;
        assert_int_equal(queued(f->j), kept);
        assert_int_equal(queued(reader), kept);
        add(f, 100000 + round); /* a small one over what was taken back */
        set_failed(f, 100000 + round);
    }
    ym_journal_close(reader);
    assert_int_equal(
        sql_number(f->j,
                   "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
    reopen(f);
    assert_int_equal(queued(f->j), 4001);
    assert_int_equal(
        sql_number(f->j,
                   "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

/* ---- readers ---- */

static void readers_see_what_is_committed(void **state)
{
    struct fixture *f = *state;
    struct ym_journal *reader;
    struct ym_job_row r = JOB(9);
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &reader, &f->e));
    add(f, 1);
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 2);
    assert_int_equal(queued(reader), 1);
    OK(ym_journal_commit(f->j, &f->e));
    assert_int_equal(queued(reader), 2);
    assert_int_equal(ym_job_insert(reader, &r, &f->e), -EROFS);
    assert_int_equal(ym_meta_put(reader, "k", "v"), -EROFS);
    /* Between begin and commit a reader sees one moment. */
    OK(ym_journal_begin(reader, &f->e));
    assert_int_equal(queued(reader), 2);
    add(f, 3);
    assert_int_equal(queued(reader), 2);
    OK(ym_journal_commit(reader, &f->e));
    assert_int_equal(queued(reader), 3);
    ym_journal_close(reader);
}

static int child_count(const char *dir)
{
    struct ym_journal *j;
    struct ym_err e;
    int64_t n[YM_JOB_STATE_COUNT];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ym_journal_open(fd, YM_JOURNAL_READ, &j, &e) < 0 || ym_job_count(j, n) < 0)
        return 99;
    ym_journal_close(j);
    return (int)n[YM_JOB_QUEUED];
}

/* The child is forked before any handle is open in this process. */
static void another_process_reads(void **state)
{
    struct fixture *f = *state;
    int go[2];
    ym_journal_close(f->j);
    f->j = NULL;
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c;
        _exit(read(go[0], &c, 1) == 1 ? child_count(f->dir) : 98);
    }
    OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
    add(f, 1);
    add(f, 2);
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 3); /* open while the other looks */
    assert_int_equal(write(go[1], "x", 1), 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    OK(ym_journal_commit(f->j, &f->e));
    assert_int_equal(queued(f->j), 3);
    close(go[0]);
    close(go[1]);
}

/* kill -9 in the middle of a transaction: what was committed is there, nothing else. */
static void killed_writer(void **state)
{
    struct fixture *f = *state;
    int told[2];
    ym_journal_close(f->j);
    f->j = NULL;
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
        for (int i = 0; i < 50; i++)
            add(f, i);
        OK(ym_journal_begin(f->j, &f->e));
        add(f, 50);
        if (write(told[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    char c;
    assert_int_equal(read(told[0], &c, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct ym_journal *reader; /* also the one that comes first reads the log */
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &reader, &f->e));
    assert_int_equal(queued(reader), 50);
    ym_journal_close(reader);
    OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
    assert_int_equal(queued(f->j), 50);
    close(told[0]);
    close(told[1]);
}

/* ---- copies and migrations ---- */

static int names_with(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void backup(void **state)
{
    struct fixture *f = *state;
    struct ym_journal *reader, *copy;
    add(f, 1);
    OK(ym_journal_open(f->fd, YM_JOURNAL_READ, &reader, &f->e));
    assert_int_equal(mkdirat(f->fd, "to", 0700), 0);
    OK(ym_journal_backup(reader, "to/journal.db", &f->e));
    ym_journal_close(reader);
    add(f, 2);
    YM_AUTOCLOSE int fd = openat(f->fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_false(names_with(fd, "journal.db-wal") || names_with(fd, "journal.db.part"));
    /* Readable where nothing can be written beside it, as on a backup's medium. */
    char head[20];
    YM_AUTOCLOSE int file = openat(fd, "journal.db", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(file, head, sizeof head), (int)sizeof head);
    assert_int_equal(head[18], 1);
    OK(ym_journal_open(fd, YM_JOURNAL_WRITE, &copy, &f->e));
    assert_int_equal(queued(copy), 1);
    ym_journal_close(copy);
    OK(ym_journal_backup(f->j, "to/journal.db", &f->e)); /* over an older one */
    OK(ym_journal_open(fd, YM_JOURNAL_WRITE, &copy, &f->e));
    assert_int_equal(queued(copy), 2);
    ym_journal_close(copy);
    assert_true(ym_journal_backup(f->j, "none/journal.db", &f->e) < 0);
}

static void migrations_run_once(void **state)
{
    struct fixture *f = *state;
    struct migration rows[] = {
        migrations[0], migrations[1], {"CREATE TABLE one (a) STRICT"}, {"CREATE TABLE two (a INTEGER) STRICT"}};
    assert_int_equal(migrations_count, 2);
    add(f, 1);
    /* A row that fails leaves the journal as the row before made it. */
    assert_true(migrate(f->j, rows, 4, &f->e) < 0);
    assert_int_equal(sql_number(f->j, "PRAGMA user_version"), 2);
    assert_int_equal(names_with(f->fd, "journal-2.db"), 1);
    rows[2].sqlite = "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1)";
    OK(migrate(f->j, rows, 4, &f->e));
    OK(migrate(f->j, rows, 4, &f->e));
    assert_int_equal(sql_number(f->j, "PRAGMA user_version"), 4);
    assert_int_equal(sql_number(f->j, "SELECT count(*) FROM one"), 1);
    assert_int_equal(queued(f->j), 1);
    assert_int_equal(migrate(f->j, rows, 3, &f->e), -EPROTO);
}

/* ---- a full disk ---- */

static int fill_disk(const char *dir)
{
    YM_AUTOFREE char *path = ym_asprintf("%s/fill", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char block[4096];
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block)
        ;
    return fd;
}

struct small {
    struct fixture *f;
    struct ym_journal *plain; /* the fixture's own, put back at the end */
    char *dir;
    int fd, fill;
};

static bool small_open(struct fixture *f, struct small *ret)
{
    struct small s = {.f = f, .plain = f->j, .dir = ym_asprintf("%s/small", f->dir), .fill = -1};
    assert_int_equal(mkdir(s.dir, 0700), 0);
    if (!tinyfs_mount(s.dir, "size=4m")) {
        free(s.dir);
        return false;
    }
    s.fd = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(ym_journal_open(s.fd, YM_JOURNAL_WRITE, &f->j, &f->e));
    *ret = s;
    return true;
}

static void small_close(struct small *s)
{
    ym_journal_close(s->f->j);
    s->f->j = s->plain;
    close(s->fill);
    close(s->fd);
    free(s->dir);
}

static void add_large(struct fixture *f, int n, int *ret)
{
    static char text[200001];
    memset(text, 'p', sizeof text - 1);
    struct ym_job_row r = JOB(n, .prompt = text);
    *ret = ym_job_insert(f->j, &r, &f->e);
}

/* The commit waits for space with everything in it, and goes through once there is some. */
static void full_disk(void **state)
{
    struct fixture *f = *state;
    struct small s;
    int r;
    if (!small_open(f, &s))
        TINYFS_SKIP();
    add(f, 1);
    s.fill = fill_disk(s.dir);
    OK(ym_journal_begin(f->j, &f->e));
    add_large(f, 2, &r);
    assert_int_equal(r, 0);
    assert_int_equal(ym_journal_commit(f->j, &f->e), -ENOSPC);
    assert_int_equal(f->e.cls, YM_LOCAL);
    assert_non_null(strstr(f->e.msg, "full"));
    assert_int_equal(ym_journal_commit(f->j, &f->e), -ENOSPC);
    add(f, 3);
    assert_int_equal(ftruncate(s.fill, 0), 0);
    OK(ym_journal_commit(f->j, &f->e));
    assert_int_equal(queued(f->j), 3);
    small_close(&s);
}

/* Outside a transaction a write is taken back as a whole. */
static void full_disk_between(void **state)
{
    struct fixture *f = *state;
    struct small s;
    int r = 0;
    if (!small_open(f, &s))
        TINYFS_SKIP();
    s.fill = fill_disk(s.dir);
    for (int i = 0; r == 0 && i < 50; i++)
        add_large(f, i, &r);
    assert_int_equal(r, -ENOSPC);
    int64_t n = queued(f->j);
    assert_int_equal(ftruncate(s.fill, 0), 0);
    add_large(f, 99, &r);
    assert_int_equal(r, 0);
    assert_int_equal(queued(f->j), n + 1);
    small_close(&s);
}

/* What is cached and unchanged needs no room: a small commit fits into the little that is left. */
static void nearly_full_disk(void **state)
{
    struct fixture *f = *state;
    struct small s;
    struct stat st;
    int r;
    if (!small_open(f, &s))
        TINYFS_SKIP();
    for (int i = 0; i < 4; i++) {
        add_large(f, i, &r);
        assert_int_equal(r, 0);
    }
    s.fill = fill_disk(s.dir);
    assert_int_equal(fstat(s.fill, &st), 0);
    assert_int_equal(ftruncate(s.fill, st.st_size - 131072), 0);
    OK(ym_journal_begin(f->j, &f->e));
    add(f, 9);
    OK(ym_journal_commit(f->j, &f->e));
    small_close(&s);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(files_are_private_and_gone_after_close),
        T(path_is_not_resolved),
        T(other_schemas_are_refused),
        T(what_is_no_journal),
        T(transactions),
        T(failed_write_spoils_the_commit),
        T(large_transactions),
        T(readers_see_what_is_committed),
        T(another_process_reads),
        T(killed_writer),
        T(backup),
        T(migrations_run_once),
        T(full_disk),
        T(full_disk_between),
        T(nearly_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
