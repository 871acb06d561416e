/* Results written where the command line says: whole, named by their bytes, never over a file. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <ymago/store.h>

#include "../../src/cli/path.h"
#include "../../src/cli/save.h"
#include "tmpdir.h"

static const char png_a[] = "\x89PNG\r\n\x1a\nfirst";
static const char png_b[] = "\x89PNG\r\n\x1a\nother";

struct place {
    char *dir;
    int fd_a, fd_b;
};

static int bytes_fd(const char *dir, const char *name, const char *data, size_t len)
{
    YM_AUTOFREE char *path = path_join(dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return fd;
}

static int setup(void **state)
{
    struct place *p = ym_alloc(sizeof(*p));
    p->dir = tmpdir_new();
    p->fd_a = bytes_fd(p->dir, "source-a", png_a, sizeof(png_a) - 1);
    p->fd_b = bytes_fd(p->dir, "source-b", png_b, sizeof(png_b) - 1);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    close(p->fd_a);
    close(p->fd_b);
    tmpdir_remove(p->dir);
    free(p);
    return 0;
}

static void open_to(const struct place *p, const char *path, struct save_to *to)
{
    struct ym_err e;
    if (save_to_open(p->dir, path, p->dir, "A sunset, burning", 022, to, &e) < 0)
        fail_msg("%s", e.msg);
}

static void save(const struct save_to *to, int first, int fd, const char *sidecar, struct saved *s)
{
    struct ym_err e;
    if (save_result(to, first, fd, "png", sidecar, 0644, s, &e) < 0)
        fail_msg("%s", e.msg);
}

static void expect(const struct place *p, const char *name, const char *data, size_t len)
{
    YM_AUTOFREE char *path = path_join(p->dir, name);
    YM_AUTOFREE char *got = NULL;
    size_t n;
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s is not there", name);
    assert_int_equal(ym_read_fd(fd, 1 << 20, &got, &n), 0);
    assert_int_equal(n, len);
    assert_memory_equal(got, data, len);
}

static int count_files(const char *dir)
{
    YM_AUTOFREE char *cmd = ym_asprintf("ls -A '%s' | wc -l", dir);
    FILE *f = popen(cmd, "r"); /* the shell sees hidden left-overs too */
    int n = -1;
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

static void a_name_from_the_prompt(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct saved s;
    struct stat st;
    open_to(p, NULL, &to);
    save(&to, 1, p->fd_a, "{}", &s);
    YM_AUTOFREE char *want = path_join(p->dir, "a-sunset-burning.png");
    assert_string_equal(s.path, want);
    assert_false(s.there || s.other_ext || s.other_name);
    expect(p, "a-sunset-burning.png", png_a, sizeof(png_a) - 1);
    expect(p, "a-sunset-burning.png.json", "{}", 2);
    assert_int_equal(stat(s.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(count_files(p->dir), 4); /* nothing temporary is left */
    free(s.path);
    save_to_fini(&to);
}

static void the_same_bytes_are_left_alone(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct saved s;
    open_to(p, "x.png", &to);
    save(&to, 1, p->fd_a, "{}", &s);
    free(s.path);
    save(&to, 1, p->fd_a, "{}", &s);
    assert_true(s.there);
    assert_false(s.other_name);
    assert_int_equal(count_files(p->dir), 4);
    free(s.path);
    save_to_fini(&to);
}

static void another_file_is_never_replaced(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct saved s;
    close(bytes_fd(p->dir, "x.png", "mine", 4));
    open_to(p, "x.png", &to);
    save(&to, 1, p->fd_a, "{}", &s);
    YM_AUTOFREE char *want = path_join(p->dir, "x-2.png");
    assert_string_equal(s.path, want);
    assert_true(s.other_name);
    expect(p, "x.png", "mine", 4);
    expect(p, "x-2.png", png_a, sizeof(png_a) - 1);
    free(s.path);
    /* A sidecar of another's keeps the name too: both move on together. */
    close(bytes_fd(p->dir, "y.png.json", "theirs", 6));
    save_to_fini(&to);
    open_to(p, "y.png", &to);
    save(&to, 1, p->fd_b, "{}", &s);
    expect(p, "y.png.json", "theirs", 6);
    expect(p, "y-2.png", png_b, sizeof(png_b) - 1);
    expect(p, "y-2.png.json", "{}", 2);
    assert_int_equal(count_files(p->dir), 8);
    free(s.path);
    save_to_fini(&to);
}

static void links_and_folders_are_taken_names(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct saved s;
    YM_AUTOFREE char *link = path_join(p->dir, "l.png");
    YM_AUTOFREE char *target = path_join(p->dir, "nowhere");
    assert_int_equal(symlink(target, link), 0);
    open_to(p, "l.png", &to);
    save(&to, 1, p->fd_a, NULL, &s);
    YM_AUTOFREE char *want = path_join(p->dir, "l-2.png");
    assert_string_equal(s.path, want);
    assert_int_equal(access(target, F_OK), -1);
    free(s.path);
    save_to_fini(&to);
}

static void the_extension_follows_the_bytes(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct saved s;
    open_to(p, "x.jpg", &to);
    save(&to, 1, p->fd_a, NULL, &s);
    YM_AUTOFREE char *want = path_join(p->dir, "x.png");
    assert_string_equal(s.path, want);
    assert_true(s.other_ext);
    free(s.path);
    save_to_fini(&to);
    open_to(p, "y.PNG", &to);
    save(&to, 1, p->fd_a, NULL, &s);
    YM_AUTOFREE char *want2 = path_join(p->dir, "y.PNG");
    assert_string_equal(s.path, want2);
    assert_false(s.other_ext);
    free(s.path);
    save_to_fini(&to);
    open_to(p, "v1.2", &to);
    save(&to, 3, p->fd_b, NULL, &s);
    YM_AUTOFREE char *want3 = path_join(p->dir, "v1.2-3.png");
    assert_string_equal(s.path, want3);
    assert_false(s.other_ext || s.other_name);
    free(s.path);
    save_to_fini(&to);
}

/* Of itself a text gets a name that no library takes for a prompt; who names a file gets that one. */
static void a_text_may_be_called_anything(void **state)
{
    static const char *const asked[][2] = {{"x.md", "x.md"}, {"y.txt", "y.txt"}, {"z", "z.out.md"}};
    struct place *p = *state;
    YM_AUTOCLOSE int fd = bytes_fd(p->dir, "answer", "Yes.\n", 5);
    for (size_t i = 0; i < YM_COUNT(asked); i++) {
        struct save_to to;
        struct saved s;
        struct ym_err e;
        open_to(p, asked[i][0], &to);
        assert_int_equal(save_result(&to, 1, fd, "out.md", NULL, 0644, &s, &e), 0);
        assert_false(s.other_ext);
        expect(p, asked[i][1], "Yes.\n", 5);
        free(s.path);
        save_to_fini(&to);
    }
}

static void folders_are_made(void **state)
{
    struct place *p = *state;
    struct save_to to;
    struct stat st;
    open_to(p, "new/deep/", &to);
    YM_AUTOFREE char *want = path_join(p->dir, "new/deep");
    assert_string_equal(to.dir, want);
    assert_string_equal(to.stem, "a-sunset-burning");
    assert_int_equal(stat(want, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    save_to_fini(&to);
    open_to(p, "new/deep", &to); /* now it is a folder */
    assert_string_equal(to.stem, "a-sunset-burning");
    save_to_fini(&to);
    open_to(p, "other/pic.png", &to);
    assert_string_equal(to.stem, "pic");
    save_to_fini(&to);
    struct ym_err e;
    assert_true(save_to_open(p->dir, "source-a/pic.png", p->dir, "x", 022, &to, &e) <
                0); /* a file is no folder */
}

static void a_reference_is_copied_once(void **state)
{
    struct place *p = *state;
    struct ym_err e;
    YM_AUTOFREE char *from = path_join(p->dir, "source-a");
    YM_AUTOFREE char *dir = path_join(p->dir, "references");
    YM_AUTOFREE char *one = NULL;
    YM_AUTOFREE char *two = NULL;
    assert_int_equal(save_copy(from, dir, 022, &one, &e), 0);
    assert_int_equal(save_copy(from, dir, 022, &two, &e), 0);
    assert_string_equal(one, two);
    assert_int_equal(count_files(dir), 1);
    close(bytes_fd(p->dir, "text", "no image", 8));
    YM_AUTOFREE char *text = path_join(p->dir, "text");
    char *none = NULL;
    assert_true(save_copy(text, dir, 022, &none, &e) < 0);
    assert_null(none);
    assert_int_equal(count_files(dir), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_from_the_prompt, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_bytes_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(another_file_is_never_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(links_and_folders_are_taken_names, setup, teardown),
        cmocka_unit_test_setup_teardown(the_extension_follows_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_may_be_called_anything, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_are_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reference_is_copied_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
