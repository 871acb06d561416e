/* What a large journal costs: claims among many queued jobs, a start among many finished ones; each
 * against a journal of a hundredth of the rows, in the same run.
 *   million DIR ROWS       prints one JSON line; microseconds unless named otherwise */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ymago/journal.h>

#define CLAIMS 1000
#define OPENS  9
#define LANE   "gemini/gemini-nano-banana-2.1"

static struct ym_err e;

static void must(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "million: %s: %s (%s)\n", what, strerror(-r), e.msg);
    exit(1);
}

static double since_us(ym_mono t)
{
    return (double)(ym_mono_now().ns - t.ns) / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double part(double *v, size_t n, size_t percent)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n * percent / 100 < n ? n * percent / 100 : n - 1];
}

static long rss_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- filling ---- */

static struct ym_journal *journal(int dir, const char *name, int *ret_fd)
{
    struct ym_journal *j;
    must(mkdirat(dir, name, 0700) < 0 ? -errno : 0, name);
    *ret_fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(*ret_fd < 0 ? -errno : 0, name);
    must(ym_journal_open(*ret_fd, YM_JOURNAL_WRITE, &j, &e), "open");
    return j;
}

static void job_put(struct ym_journal *j, int64_t n, enum ym_state state, struct ym_id *ret)
{
    char prompt[] =
        "A quiet harbour at dawn, fishing boats, light mist over the water, long exposure.";
    char provider[] = "gemini", model[] = "gemini-nano-banana-2.1", folder[] = "images",
         origin[] = "file";
    char lane[] = LANE, request[] = "{\"params\":{\"aspect_ratio\":\"16:9\"},\"refs\":[]}";
    struct ym_job_row r = {.id = ym_id_new((ym_wall){1700000000000 + n}),
                           .state = state,
                           .kind = YM_IMAGE,
                           .provider = provider,
                           .model = model,
                           .prompt = prompt,
                           .request = request,
                           .h = ym_digest_of(&n, sizeof n),
                           .lane = lane,
                           .folder = folder,
                           .origin = origin,
                           .priority = (int)(n % 3),
                           .queued_at = {1700000000000 + n},
                           .run_at = {1700000000000 + n},
                           .max_usd = {-1}};
    must(ym_job_insert(j, &r, &e), "a job");
    *ret = r.id;
}

static void place_put(struct ym_journal *j, int64_t n, const struct ym_id *id, bool placed)
{
    YM_AUTOFREE char *path = ym_asprintf("images/%08lld.txt", (long long)n);
    YM_AUTOFREE char *result = ym_asprintf("images/%08lld.png", (long long)n);
    struct ym_slot_row s = {.path = path,
                            .job = *id,
                            .status = placed ? YM_SLOT_PLACED : YM_SLOT_WAITING,
                            .result = placed ? result : NULL};
    must(ym_slot_put(j, &s, &e), "a slot");
}

/* Rows a second. The last one's id. */
static double fill(struct ym_journal *j, int64_t rows, enum ym_state state, struct ym_id *ret_last)
{
    ym_mono t = ym_mono_now();
    for (int64_t n = 0; n < rows;) {
        must(ym_journal_begin(j, &e), "begin");
        for (int i = 0; i < 1000 && n < rows; i++, n++) {
            job_put(j, n, state, ret_last);
            place_put(j, n, ret_last, state == YM_JOB_DONE);
        }
        must(ym_journal_commit(j, &e), "commit");
    }
    return (double)rows / since_us(t) * 1e6;
}

/* ---- claims ---- */

struct claims {
    double next[CLAIMS], whole[CLAIMS];
    size_t n;
};

/* As the engine does it: choose, reserve attempt and money, note the state, one commit. */
static void claim(struct ym_journal *j, struct claims *c)
{
    struct ym_job_row r;
    char lane[] = LANE;
    ym_mono t = ym_mono_now();
    must(ym_journal_begin(j, &e), "begin");
    must(ym_job_next(j, LANE, ym_wall_now(), &r), "next");
    c->next[c->n] = since_us(t);
    struct ym_attempt_row a = {.job = r.id,
                               .no = 1,
                               .lane = lane,
                               .folder = r.folder,
                               .pays = true,
                               .reserved_at = ym_wall_now(),
                               .reserved = {39000}};
    must(ym_attempt_reserve(j, &a, &e), "reserve");
    r.state = YM_JOB_RESERVED;
    must(ym_job_update(j, &r, &e), "update");
    must(ym_journal_commit(j, &e), "commit");
    c->whole[c->n++] = since_us(t);
    ym_job_row_fini(&r);
}

static void lane_seen(void *ctx, const char *lane, int64_t n, ym_wall earliest)
{
    (void)lane, (void)earliest;
    *(int64_t *)ctx += n;
}

static void looks(struct ym_journal *j, const char *last)
{
    int64_t counts[YM_JOB_STATE_COUNT], n = 0;
    ym_mono t = ym_mono_now();
    must(ym_job_count(j, counts), "count");
    must(ym_job_lanes(j, lane_seen, &n), "lanes");
    printf("\"count_and_lanes\":%.1f,", since_us(t));
    t = ym_mono_now();
    int64_t at = ym_job_position(j, last);
    printf("\"position\":%lld,\"position_us\":%.1f,", (long long)at, since_us(t));
    t = ym_mono_now();
    must(ym_job_block(j, "gemini"), "block");
    must(ym_job_unblock(j, "gemini"), "unblock");
    printf("\"block_unblock\":%.1f,", since_us(t));
}

static void queued(int dir, int64_t rows)
{
    static struct claims many, few;
    struct ym_id last;
    int fd_many, fd_few;
    struct ym_journal *large = journal(dir, "large", &fd_many),
                      *small = journal(dir, "small", &fd_few);
    fill(small, rows / 100, YM_JOB_QUEUED, &last);
    printf("\"rows_per_s\":%.0f,", fill(large, rows, YM_JOB_QUEUED, &last));
    for (int i = 0; i < CLAIMS; i++) {
        claim(large, &many);
        claim(small, &few);
    }
    printf("\"next_p50\":%.1f,\"next_p99\":%.1f,", part(many.next, CLAIMS, 50),
           part(many.next, CLAIMS, 99));
    printf("\"claim_p50\":%.1f,\"claim_p99\":%.1f,", part(many.whole, CLAIMS, 50),
           part(many.whole, CLAIMS, 99));
    printf("\"few_next_p50\":%.1f,\"few_claim_p50\":%.1f,", part(few.next, CLAIMS, 50),
           part(few.whole, CLAIMS, 50));
    looks(large, last.s);
    ym_journal_close(large);
    ym_journal_close(small);
    close(fd_many);
    close(fd_few);
}

/* ---- starts ---- */

static void id_seen(void *ctx, const char *id)
{
    (void)id;
    ++*(int64_t *)ctx;
}

/* Opening, and what recovery asks before the mount is ready. */
static double start(int fd)
{
    static const enum ym_state running[] = {YM_JOB_RESERVED, YM_JOB_ACCEPTED, YM_JOB_STORED};
    int64_t counts[YM_JOB_STATE_COUNT], n = 0;
    struct ym_journal *j;
    ym_mono t = ym_mono_now();
    must(ym_journal_open(fd, YM_JOURNAL_WRITE, &j, &e), "open");
    must(ym_job_count(j, counts), "count");
    must(ym_job_lanes(j, lane_seen, &n), "lanes");
    for (size_t i = 0; i < YM_COUNT(running); i++)
        must(ym_job_each_state(j, running[i], id_seen, &n), "running");
    must(ym_slot_each_done_waiting(j, id_seen, &n), "landing");
    double us = since_us(t);
    ym_journal_close(j);
    return us;
}

static void finished(int dir, int64_t rows)
{
    double many[OPENS], few[OPENS];
    struct ym_id last;
    int fd_many, fd_few;
    struct ym_journal *large = journal(dir, "finished", &fd_many),
                      *none = journal(dir, "empty", &fd_few);
    fill(large, rows, YM_JOB_DONE, &last);
    ym_journal_close(large);
    ym_journal_close(none);
    for (int i = 0; i < OPENS; i++) {
        many[i] = start(fd_many);
        few[i] = start(fd_few);
    }
    printf("\"start\":%.1f,\"start_empty\":%.1f,", part(many, OPENS, 50), part(few, OPENS, 50));
    close(fd_many);
    close(fd_few);
}

int main(int argc, char **argv)
{
    int64_t rows = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    if (rows < 100 * CLAIMS) {
        fprintf(stderr, "usage: million DIR ROWS     (at least %d)\n", 100 * CLAIMS);
        return 2;
    }
    YM_AUTOCLOSE int dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(dir < 0 ? -errno : 0, argv[1]);
    long before = rss_kib();
    printf("{\"rows\":%lld,", (long long)rows);
    queued(dir, rows);
    finished(dir, rows);
    malloc_trim(0);
    printf("\"rss_kib\":%ld}\n", rss_kib() - before);
    return 0;
}
