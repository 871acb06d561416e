/* A journal in a fresh folder, and a collector for what its functions call back with. */
#ifndef YM_TESTS_JOURNAL_FIXTURE_H
#define YM_TESTS_JOURNAL_FIXTURE_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ymago/journal.h>

#include "tmpdir.h"

struct fixture {
    char *dir;
    int fd;
    struct ym_journal *j;
    struct ym_err e;
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = ym_alloc(sizeof *f);
    f->dir = tmpdir_new();
    f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ym_assert(f->fd >= 0);
    if (ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e) < 0) {
        print_error("%s\n", f->e.msg);
        return -1;
    }
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    ym_journal_close(f->j);
    close(f->fd);
    tmpdir_remove(f->dir);
    free(f);
    return 0;
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        int ok_ = (call);                                                                          \
        if (ok_ < 0)                                                                               \
            print_error("%s: %s\n", #call, f->e.msg);                                              \
        assert_int_equal(ok_, 0);                                                                  \
    } while (0)

/* Words, separated by blanks. */
struct seen {
    char text[4096];
};

__attribute__((format(printf, 2, 3))) static inline void seen_add(struct seen *s, const char *fmt,
                                                                  ...)
{
    size_t n = strlen(s->text);
    va_list ap;
    va_start(ap, fmt);
    if (n > 0 && n + 1 < sizeof s->text)
        s->text[n++] = ' ';
    vsnprintf(s->text + n, sizeof s->text - n, fmt, ap);
    va_end(ap);
}

static inline void seen_text(void *ctx, const char *text)
{
    seen_add(ctx, "%s", text);
}

static inline struct ym_digest dig(const char *text)
{
    return ym_digest_of(text, strlen(text));
}

/* Ids whose order is that of their numbers. */
static inline struct ym_id id_of(int n)
{
    struct ym_id id;
    snprintf(id.s, sizeof id.s, "01ABCDEFGH%016d", n);
    return id;
}

static inline char *cs(const char *s)
{
    union {
        const char *c;
        char *v;
    } u = {s};
    return u.v;
}

/* A job, queued in lane p/m if nothing else is said. Its texts are constants: it is not for _fini.
 */
#define JOB(n, ...) job_of(n, (struct ym_job_row){__VA_ARGS__})
static inline struct ym_job_row job_of(int n, struct ym_job_row r)
{
    r.id = id_of(n);
    if (r.state == YM_JOB_NONE)
        r.state = YM_JOB_QUEUED;
    if (!r.provider)
        r.provider = cs("p");
    if (!r.lane)
        r.lane = cs("p/m");
    return r;
}

#endif
