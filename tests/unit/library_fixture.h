/* A library in a fresh folder with a placer that can be made to misbehave once. */
#ifndef YM_TESTS_LIBRARY_FIXTURE_H
#define YM_TESTS_LIBRARY_FIXTURE_H

#include "store_fixture.h"

#include <ymago/library.h>

struct lib_fixture {
    struct fixture base;       /* first: the fixture of the store */
    struct ym_placer placer;   /* the plain one, counted, with `before` called ahead of a publish */
    struct ym_library lib;
    int publishes, removes;
    void (*before)(struct lib_fixture *f, const char *path);
    int refuse;                /* a publish fails with this errno ... */
    const char *refuse_path;   /* ... at this path */
};

static inline int lib_publish(void *ctx, const char *staged, const char *path,
                              const struct ym_ident *replace, struct ym_err *e)
{
    struct lib_fixture *f = ctx;
    f->publishes++;
    if (f->before)
        f->before(f, path);
    if (f->refuse && strcmp(path, f->refuse_path) == 0)
        return ym_fail(e, YM_LOCAL, f->refuse, "Refused by the test.");
    return ym_placer_plain.publish(&f->base.s, staged, path, replace, e);
}

static inline int lib_remove(void *ctx, const char *path, const struct ym_ident *only_if,
                             struct ym_err *e)
{
    struct lib_fixture *f = ctx;
    f->removes++;
    return ym_placer_plain.remove(&f->base.s, path, only_if, e);
}

static inline int lib_touch(void *ctx, const char *path, struct ym_err *e)
{
    struct lib_fixture *f = ctx;
    return ym_placer_plain.touch(&f->base.s, path, e);
}

static inline int lib_setup(void **state)
{
    void *base;
    fixture_setup(&base);
    struct lib_fixture *f = ym_alloc(sizeof(*f));
    f->base = *(struct fixture *)base;
    free(base);
    f->placer = (struct ym_placer){lib_publish, lib_remove, lib_touch, f};
    f->lib = (struct ym_library){.store = &f->base.s, .placer = &f->placer};
    assert_int_equal(mkdirat(f->base.s.lib_fd, "images", 0755), 0);
    *state = f;
    return 0;
}

static inline int lib_teardown(void **state)
{
    struct lib_fixture *f = *state;
    ym_store_close(&f->base.s);
    tmpdir_remove(f->base.dir);
    free(f);
    return 0;
}

/* Opens it anew: descriptors from before a mount namespace was entered do not see its mounts. */
static inline void lib_reopen(struct lib_fixture *f)
{
    struct ym_err e;
    ym_store_close(&f->base.s);
    assert_int_equal(ym_store_open(f->base.dir, false, &f->base.s, &e), 0);
}

/* The text of a file of the library; NULL when there is none. Caller frees. */
static inline char *lib_get(const struct lib_fixture *f, const char *path)
{
    char *text = NULL;
    return ym_read_whole(f->base.s.lib_fd, path, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

static inline void lib_is(const struct lib_fixture *f, const char *path, const char *want)
{
    YM_AUTOFREE char *got = lib_get(f, path);
    if (!got)
        fail_msg("%s is not there", path);
    assert_string_equal(got, want);
}

static inline void lib_put(const struct lib_fixture *f, const char *path, const char *text)
{
    file_put(f->base.s.lib_fd, path, text);
}

static inline bool lib_has(const struct lib_fixture *f, const char *path)
{
    return exists(f->base.s.lib_fd, path);
}

static inline struct ym_digest digest(const char *text)
{
    return ym_digest_of(text, strlen(text));
}

/* A complete staged file. */
static inline struct ym_whole lib_stage(const struct lib_fixture *f, const char *text)
{
    struct ym_staging *st;
    struct ym_whole w;
    struct ym_err e;
    char name[64];
    snprintf(name, sizeof(name), "%s.1.0", ym_id_new(ym_wall_now()).s);
    assert_int_equal(ym_staging_new(&f->base.s, name, 0, &st, &e), 0);
    assert_int_equal(ym_staging_write(st, text, strlen(text), &e), 0);
    assert_int_equal(ym_staging_finish(st, -1, false, &w, &e), 0);
    return w;
}

#endif
