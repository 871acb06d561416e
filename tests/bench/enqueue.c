/* What it costs to make a prompt durable: one commit of the journal that holds its text, against a
 * file of its own (create, write, fsync, fsync of the folder) on the same filesystem.
 *   enqueue DIR ROUNDS     prints one JSON line: microseconds, and prompts per second of 16 writers */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>
#include <ymago/inbox.h>
#include <ymago/journal.h>

#define SINGLES 40  /* prompts of one writer in a round */
#define WRITERS 16
#define EACH    20 /* prompts of each of many writers in a round */
#define SAMPLES 4000

static const char text[] = "A quiet harbour at dawn, fishing boats, light mist over the water, long exposure.\n";

struct samples {
    size_t n;
    double v[SAMPLES];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *s)
{
    qsort(s->v, s->n, sizeof *s->v, by_value);
    return s->n ? s->v[s->n / 2] : 0;
}

static void sample(struct samples *s, double v)
{
    if (s->n < SAMPLES)
        s->v[s->n++] = v;
}

static double since_us(ym_mono t)
{
    return (double)(ym_mono_now().ns - t.ns) / 1e3;
}

static void must(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "enqueue: %s: %s\n", what, strerror(-r));
    exit(1);
}

/* ---- a file of its own ---- */

static int file_put(int dir, unsigned n)
{
    char name[32];
    snprintf(name, sizeof name, "%08u.txt", n);
    YM_AUTOCLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, text, sizeof text - 1) < 0 || fsync(fd) < 0 || fsync(dir) < 0)
        return -errno;
    return 0;
}

/* ---- a commit ---- */

static void job_put(struct ym_journal *j, const char *name, const struct ym_id *id)
{
    char empty[] = "", provider[] = "gemini", model[] = "gemini-nano-banana-2.1", folder[] = "images",
         origin[] = "file", lane[] = "gemini/gemini-nano-banana-2.1", request[] = "{\"params\":{}}",
         prompt[sizeof text];
    memcpy(prompt, text, sizeof text);
    struct ym_job_row job = {
        .id = *id, .state = YM_JOB_QUEUED, .kind = YM_IMAGE, .provider = provider, .model = model,
        .prompt = prompt, .request = request, .h = ym_digest_of(id, sizeof *id), .lane = lane, .folder = folder,
        .origin = origin, .queued_at = ym_wall_now(), .run_at = ym_wall_now(), .max_usd = {-1}, .error = empty};
    must(ym_job_insert(j, &job, NULL), "the job");
    struct ym_digest s = job.h;
    must(ym_source_put(j, &s, 0, id->s), "the source");
    YM_AUTOFREE char *at = ym_strdup(name);
    struct ym_slot_row slot = {.path = at, .job = *id, .status = YM_SLOT_WAITING};
    must(ym_slot_put(j, &slot, NULL), "the slot");
}

/* The rows of one settled prompt, as the engine writes them. */
static void prompt_put(struct ym_journal *j, unsigned n)
{
    struct ym_id id = ym_id_new(ym_wall_now());
    YM_AUTOFREE char *name = ym_asprintf("images/%08u.txt", n), *body = ym_strdup(text),
                     *event = ym_asprintf("{\"event\":\"queued\",\"job\":\"%s\"}", id.s);
    struct ym_name_row row = {.path = name, .kind = YM_IMAGE, .status = YM_NAME_BOUND,
                              .ident = {n, n, sizeof text - 1, n}, .text_b2 = ym_digest_of(body, sizeof text - 1),
                              .text = body, .text_len = sizeof text - 1, .s = ym_digest_of(&id, sizeof id), .n = 1,
                              .settled_at = ym_wall_now()};
    must(ym_name_put(j, &row, NULL), "the name");
    job_put(j, name, &id);
    must(ym_event_put(j, ym_wall_now(), event, NULL), "the event");
}

static void commit_one(struct ym_journal *j, unsigned n)
{
    struct ym_err e;
    must(ym_journal_begin(j, &e), "begin");
    prompt_put(j, n);
    must(ym_journal_commit(j, &e), "commit");
}

/* ---- many writers, one owner of the journal: what waits together is committed together ---- */

struct owner {
    struct ym_journal *j;
    struct ym_inbox *in;
    struct asking *written; /* in the open transaction */
    int left;
};

struct asking {
    struct ym_msg msg;
    struct asking *next;
    unsigned n;
    sem_t done;
};

static void asking_drop(struct ym_msg *m)
{
    (void)m;
}

static void asking_run(void *owner, struct ym_msg *m)
{
    struct owner *o = owner;
    struct asking *a = (struct asking *)m;
    prompt_put(o->j, a->n);
    a->next = o->written;
    o->written = a;
}

static void owner_round(struct owner *o)
{
    struct ym_err e;
    ym_inbox_wait(o->in, (ym_mono){INT64_MAX});
    must(ym_journal_begin(o->j, &e), "begin");
    o->left -= (int)ym_inbox_drain(o->in, o);
    must(ym_journal_commit(o->j, &e), "commit");
    while (o->written) {
        struct asking *a = o->written;
        o->written = a->next;
        sem_post(&a->done);
    }
}

struct writer {
    pthread_t thread;
    struct owner *owner; /* NULL: writes files into dir */
    int dir;
    unsigned first;
};

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    for (unsigned i = 0; i < EACH; i++) {
        struct asking a = {.msg = {.run = asking_run, .drop = asking_drop}, .n = w->first + i};
        if (!w->owner) {
            must(file_put(w->dir, a.n), "a file");
            continue;
        }
        sem_init(&a.done, 0, 0);
        ym_inbox_post(w->owner->in, &a.msg);
        while (sem_wait(&a.done) < 0 && errno == EINTR)
            ;
        sem_destroy(&a.done);
    }
    return NULL;
}

/* Prompts per second. */
static double many(struct owner *o, int dir, unsigned first)
{
    struct writer w[WRITERS];
    ym_mono t = ym_mono_now();
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.owner = o, .dir = dir, .first = first + i * EACH};
        must(-pthread_create(&w[i].thread, NULL, writer_main, &w[i]), "a thread");
    }
    if (o)
        for (o->left = WRITERS * EACH; o->left > 0;)
            owner_round(o);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
    return WRITERS * EACH / since_us(t) * 1e6;
}

/* ---- the rounds, interleaved ---- */

static struct samples commit_us, file_us, commit_rate, file_rate;

static void round_run(struct owner *o, int dir, unsigned *n)
{
    for (int i = 0; i < SINGLES; i++, ++*n) {
        ym_mono t = ym_mono_now();
        must(file_put(dir, *n), "a file");
        sample(&file_us, since_us(t));
        t = ym_mono_now();
        commit_one(o->j, *n);
        sample(&commit_us, since_us(t));
    }
    sample(&file_rate, many(NULL, dir, *n));
    sample(&commit_rate, many(o, dir, *n));
    *n += WRITERS * EACH;
}

int main(int argc, char **argv)
{
    struct ym_err e;
    struct owner o = {.in = ym_inbox_new(NULL, NULL)};
    unsigned n = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: enqueue DIR ROUNDS\n");
        return 2;
    }
    YM_AUTOCLOSE int dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(dir < 0 ? -errno : 0, argv[1]);
    if (ym_journal_open(dir, YM_JOURNAL_WRITE, &o.j, &e) < 0) {
        fprintf(stderr, "enqueue: %s\n", e.msg);
        return 1;
    }
    for (long left = strtol(argv[2], NULL, 10); left > 0; left--)
        round_run(&o, dir, &n);
    printf("{\"commit_us\":%.1f,\"file_us\":%.1f,\"commit_rate\":%.0f,\"file_rate\":%.0f}\n", median(&commit_us),
           median(&file_us), median(&commit_rate), median(&file_rate));
    ym_inbox_free(o.in);
    ym_journal_close(o.j);
    return 0;
}
