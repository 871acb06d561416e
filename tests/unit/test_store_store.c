#include "store_fixture.h"

static mode_t mode_of(int dirfd, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void new_library_has_private_state(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < YM_COUNT(masks); i++) {
        char *dir = tmpdir_new();
        mode_t old = umask(masks[i]);
        YM_AUTOFREE char *lib = ym_asprintf("%s/lib", dir);
        struct ym_store s;
        struct ym_err e;
        assert_int_equal(ym_store_open(lib, true, &s, &e), 0);
        umask(old);
        assert_int_equal(mode_of(AT_FDCWD, lib), 0700);
        assert_int_equal(mode_of(s.lib_fd, ".ymago"), 0700);
        assert_int_equal(mode_of(s.state_fd, "staging"), 0700);
        assert_int_equal(mode_of(s.state_fd, "objects"), 0700);
        assert_int_equal(mode_of(s.state_fd, ".gitignore"), 0600);
        assert_int_equal(mode_of(s.state_fd, "CACHEDIR.TAG"), 0600);
        YM_AUTOFREE char *ignore = NULL, *tag = NULL;
        assert_int_equal(ym_read_whole(s.state_fd, ".gitignore", 100, &ignore, NULL), 0);
        assert_string_equal(ignore, "*\n");
        assert_int_equal(ym_read_whole(s.state_fd, "CACHEDIR.TAG", 1000, &tag, NULL), 0);
        assert_memory_equal(tag, "Signature: 8a477f597d28d172789f06886806bc55", 43);
        assert_int_equal(s.lock_fd, -1);
        assert_string_equal(s.lib_path, lib);
        ym_store_close(&s);
        tmpdir_remove(dir);
    }
}

static void wide_modes_are_narrowed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fchmod(f->s.state_fd, 0755), 0);
    assert_int_equal(fchmod(f->s.objects_fd, 0777), 0);
    file_put(f->s.state_fd, "journal.db", "x"); /* 0644, as a restored copy may have it */
    struct ym_store again;
    struct ym_err e;
    assert_int_equal(ym_store_open(f->dir, false, &again, &e), 0);
    assert_int_equal(mode_of(again.lib_fd, ".ymago"), 0700);
    assert_int_equal(mode_of(again.state_fd, "objects"), 0700);
    assert_int_equal(mode_of(again.state_fd, "journal.db"), 0600);
    ym_store_close(&again);
}

static void missing_things_are_named(void **state)
{
    struct fixture *f = *state;
    struct ym_store s;
    struct ym_err e;
    YM_AUTOFREE char *none = ym_asprintf("%s/none", f->dir);
    assert_int_equal(ym_store_open(none, false, &s, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "no folder"));
    assert_false(exists(AT_FDCWD, none));
    assert_int_equal(mkdir(none, 0755), 0);
    assert_int_equal(ym_store_open(none, false, &s, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "not a library"));
    assert_int_equal(count_names(f->s.lib_fd, "none"), 1);
    YM_AUTOFREE char *file = ym_asprintf("%s/file", f->dir);
    file_put(f->s.lib_fd, "file", "x");
    assert_int_equal(ym_store_open(file, true, &s, &e), -ENOTDIR);
    assert_int_equal(ym_store_open("", true, &s, &e), -ENOENT);
}

static void planted_state_folder_is_refused(void **state)
{
    (void)state;
    char *dir = tmpdir_new();
    YM_AUTOFREE char *lib = ym_asprintf("%s/lib", dir), *other = ym_asprintf("%s/other", dir);
    YM_AUTOFREE char *inside = ym_asprintf("%s/.ymago", lib);
    assert_int_equal(mkdir(lib, 0700), 0);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(symlink(other, inside), 0);
    struct ym_store s;
    struct ym_err e;
    assert_int_equal(ym_store_open(lib, true, &s, &e), -ENOTDIR);
    YM_AUTOCLOSE int fd = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(count_names(fd, ""), 0);
    tmpdir_remove(dir);
}

static void free_space_is_told(void **state)
{
    struct fixture *f = *state;
    assert_true(ym_store_free_bytes(&f->s) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_library_has_private_state),
        cmocka_unit_test_setup_teardown(wide_modes_are_narrowed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(missing_things_are_named, fixture_setup, fixture_teardown),
        cmocka_unit_test(planted_state_folder_is_refused),
        cmocka_unit_test_setup_teardown(free_space_is_told, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
