#include "store_fixture.h"

#include "tinyfs.h"

static int64_t ballast_bytes(const struct ym_store *s)
{
    struct stat st;
    if (fstatat(s->state_fd, "ballast", &st, 0) < 0)
        return 0;
    assert_int_equal(st.st_mode & 07777, 0600);
    return st.st_blocks * 512;
}

static void kept_and_given_back(void **state)
{
    struct fixture *f = *state;
    ym_ballast_keep(&f->s);
    ym_ballast_keep(&f->s);
    assert_true(ballast_bytes(&f->s) >= 4 << 20);
    ym_ballast_drop(&f->s);
    ym_ballast_drop(&f->s);
    assert_int_equal(ballast_bytes(&f->s), 0);
}

static void full_disk_is_not_made_fuller(void **state)
{
    (void)state;
    char *dir = tmpdir_new();
    if (!tinyfs_mount(dir, "size=6m,mode=0700")) {
        tmpdir_remove(dir);
        TINYFS_SKIP();
    }
    struct ym_store s;
    assert_int_equal(ym_store_open(dir, true, &s, NULL), 0);
    ym_ballast_keep(&s);
    int64_t with = ym_store_free_bytes(&s);
    ym_ballast_drop(&s);
    assert_true(ym_store_free_bytes(&s) >= with + (4 << 20));
    YM_AUTOCLOSE int big = openat(s.lib_fd, "big", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(posix_fallocate(big, 0, 4 << 20), 0);
    int64_t before = ym_store_free_bytes(&s);
    ym_ballast_keep(&s);
    assert_false(exists(s.state_fd, "ballast"));
    assert_int_equal(ym_store_free_bytes(&s), before);
    ym_store_close(&s);
    ym_closep(&big);
    umount2(dir, MNT_DETACH);
    tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_and_given_back, fixture_setup, fixture_teardown),
        cmocka_unit_test(full_disk_is_not_made_fuller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
