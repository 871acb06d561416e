#include "library_fixture.h"

#include "tinyfs.h"

struct seen {
    char text[4096];
    int n, stop_at;
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *paths[64];
static bool collect(void *ctx, const struct ym_scan_file *f)
{
    struct seen *s = ctx;
    assert_true(S_ISREG(f->mode));
    assert_true(f->ident.ino > 0);
    assert_true(s->n < 64);
    paths[s->n++] = ym_asprintf("%s:%d", f->path, (int)f->name.cls);
    return s->n != s->stop_at;
}

static void scan(struct lib_fixture *f, const char *folder, struct seen *s)
{
    struct ym_err e;
    s->n = 0;
    assert_int_equal(ym_library_scan(&f->base.s, folder, collect, s, &e), 0);
    qsort(paths, (size_t)s->n, sizeof(paths[0]), compare);
    s->text[0] = '\0';
    for (int i = 0; i < s->n; i++) {
        size_t at = strlen(s->text);
        snprintf(s->text + at, sizeof(s->text) - at, "%s ", paths[i]);
        free(paths[i]);
    }
}

static void mkdir_in(struct lib_fixture *f, const char *path)
{
    assert_int_equal(mkdirat(f->base.s.lib_fd, path, 0755), 0);
}

static void what_is_seen_and_what_is_not(void **state)
{
    struct lib_fixture *f = *state;
    struct seen s = {.n = 0};
    mkdir_in(f, "images/trip");
    mkdir_in(f, "images/.hidden");
    mkdir_in(f, "images/rows.batch");
    mkdir_in(f, "images/p.refine");
    mkdir_in(f, ".Trash-0");
    mkdir_in(f, "outside");
    lib_put(f, "images/a.txt", "x");
    lib_put(f, "images/trip/b.png", "x");
    lib_put(f, "images/trip/b.png.json", "x");
    lib_put(f, "images/.c.txt", "x");
    lib_put(f, "images/.hidden/d.txt", "x");
    lib_put(f, "images/rows.batch/e.txt", "x");
    lib_put(f, "images/p.refine/f.txt", "x");
    lib_put(f, ".Trash-0/g.txt", "x");
    lib_put(f, "outside/h.txt", "x");
    assert_int_equal(symlinkat("a.txt", f->base.s.lib_fd, "images/link.txt"), 0);
    assert_int_equal(symlinkat("../outside", f->base.s.lib_fd, "images/out"), 0);
    assert_int_equal(symlinkat(".", f->base.s.lib_fd, "images/loop"), 0);
    assert_int_equal(mkfifoat(f->base.s.lib_fd, "images/pipe.txt", 0600), 0);
    scan(f, "images", &s);
    char want[200];
    snprintf(want, sizeof(want), "images/a.txt:%d images/trip/b.png.json:%d images/trip/b.png:%d ",
             YM_NM_PROMPT, YM_NM_SIDECAR, YM_NM_MEDIA);
    assert_string_equal(s.text, want);
    scan(f, "", &s);
    assert_int_equal(s.n, 4); /* and outside/h.txt */
    assert_non_null(strstr(s.text, "outside/h.txt"));
    scan(f, "images/rows.batch", &s);
    assert_int_equal(s.n, 0);
    scan(f, ".ymago", &s);
    assert_int_equal(s.n, 0);
}

static void it_can_be_stopped(void **state)
{
    struct lib_fixture *f = *state;
    struct seen s = {.stop_at = 2};
    mkdir_in(f, "images/trip");
    lib_put(f, "a.txt", "x");
    lib_put(f, "images/b.txt", "x");
    lib_put(f, "images/trip/c.txt", "x");
    scan(f, "", &s);
    assert_int_equal(s.n, 2);
}

static void folders_that_are_not(void **state)
{
    struct lib_fixture *f = *state;
    struct seen s = {.n = 0};
    struct ym_err e;
    assert_int_equal(ym_library_scan(&f->base.s, "none", collect, &s, &e), -ENOENT);
    assert_int_equal(ym_library_scan(&f->base.s, "../x", collect, &s, &e), 0); /* hidden */
    assert_int_equal(s.n, 0);
}

static void other_file_systems_are_left_out(void **state)
{
    struct lib_fixture *f = *state;
    struct seen s = {.n = 0};
    mkdir_in(f, "images/stick");
    YM_AUTOFREE char *dir = ym_asprintf("%s/images/stick", f->base.dir);
    if (!tinyfs_mount(dir, "size=1m"))
        TINYFS_SKIP();
    lib_reopen(f);
    lib_put(f, "images/stick/a.txt", "x");
    lib_put(f, "images/b.txt", "x");
    scan(f, "", &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void a_deep_tree(void **state)
{
    struct lib_fixture *f = *state;
    struct seen s = {.n = 0};
    char path[1200] = "d";
    for (int i = 0; i < 200; i++) {
        mkdir_in(f, path);
        strncat(path, "/d", sizeof(path) - strlen(path) - 1);
    }
    strncat(path, ".txt", sizeof(path) - strlen(path) - 1);
    lib_put(f, path, "x");
    scan(f, "", &s);
    assert_int_equal(s.n, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, lib_setup, lib_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_seen_and_what_is_not),
        T(it_can_be_stopped),
        T(folders_that_are_not),
        T(other_file_systems_are_left_out),
        T(a_deep_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
