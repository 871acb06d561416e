#include "store_fixture.h"

#include "tinyfs.h"

static struct ym_digest digest(const char *text)
{
    return ym_digest_of(text, strlen(text));
}

static void object_is(const struct fixture *f, const char *text, const char *ext)
{
    struct ym_digest d = digest(text);
    YM_AUTOCLOSE int fd = ym_object_open(&f->s, &d, ext);
    assert_true(fd >= 0);
    YM_AUTOFREE char *got = NULL;
    assert_int_equal(ym_read_fd(fd, 1000, &got, NULL), 0);
    assert_string_equal(got, text);
}

static ino_t inode_of(int dirfd, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

static void object_path(const char *text, const char *ext, char out[static 96])
{
    struct ym_digest d = digest(text);
    char hex[65];
    ym_digest_hex(&d, hex);
    snprintf(out, 96, "%.2s/%s.%s", hex, hex, ext);
}

static void put_is_idempotent_and_dedupes(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    file_put(f->s.lib_fd, "one", "bytes");
    file_put(f->s.lib_fd, "two", "bytes");
    YM_AUTOCLOSE int one = openat(f->s.lib_fd, "one", O_RDONLY | O_CLOEXEC);
    YM_AUTOCLOSE int two = openat(f->s.lib_fd, "two", O_RDONLY | O_CLOEXEC);
    struct ym_digest d = digest("bytes");
    assert_int_equal(ym_object_open(&f->s, &d, "png"), -ENOENT);
    assert_int_equal(ym_object_put_fd(&f->s, one, &d, "png", &e), 0);
    char path[96];
    object_path("bytes", "png", path);
    ino_t first = inode_of(f->s.objects_fd, path);
    assert_int_equal(ym_object_put_fd(&f->s, one, &d, "png", &e), 0);
    assert_int_equal(ym_object_put_fd(&f->s, two, &d, "png", &e), 0);
    assert_int_equal(ym_object_link(&f->s, "two", &d, "png", &e), 0);
    assert_int_equal(inode_of(f->s.objects_fd, path), first);
    object_is(f, "bytes", "png");
    struct stat st;
    assert_int_equal(fstatat(f->s.objects_fd, path, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(count_names(f->s.staging_fd, ""), 0);
    /* The object stays what it was when the file it came from is written. */
    file_put(f->s.lib_fd, "one", "other");
    object_is(f, "bytes", "png");
    assert_int_equal(ym_object_remove(&f->s, &d, "png"), 0);
    assert_int_equal(ym_object_remove(&f->s, &d, "png"), 0);
    assert_int_equal(ym_object_open(&f->s, &d, "png"), -ENOENT);
}

static void wrong_digest_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    file_put(f->s.lib_fd, "one", "bytes");
    YM_AUTOCLOSE int fd = openat(f->s.lib_fd, "one", O_RDONLY | O_CLOEXEC);
    struct ym_digest d = digest("other");
    assert_int_equal(ym_object_put_fd(&f->s, fd, &d, "png", &e), -EAGAIN);
    assert_int_equal(ym_object_open(&f->s, &d, "png"), -ENOENT);
    assert_int_equal(count_names(f->s.staging_fd, ""), 0);
}

/* Cut short by a damaged disk: replaced by the whole bytes. */
static void short_object_is_replaced(void **state)
{
    struct fixture *f = *state;
    char path[96];
    object_path("bytes", "png", path);
    path[2] = '\0';
    assert_int_equal(mkdirat(f->s.objects_fd, path, 0700), 0);
    path[2] = '/';
    file_put(f->s.objects_fd, path, "by");
    file_put(f->s.lib_fd, "one", "bytes");
    struct ym_digest d = digest("bytes");
    assert_int_equal(ym_object_link(&f->s, "one", &d, "png", NULL), 0);
    object_is(f, "bytes", "png");
}

static void link_shares_the_file(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    file_put(f->s.lib_fd, "one", "bytes");
    struct ym_digest d = digest("bytes");
    char path[96];
    object_path("bytes", "png", path);
    assert_int_equal(ym_object_link(&f->s, "one", &d, "png", &e), 0);
    assert_int_equal(inode_of(f->s.objects_fd, path), inode_of(f->s.lib_fd, "one"));
    /* Again, and it is the same file already. */
    assert_int_equal(ym_object_link(&f->s, "one", &d, "png", &e), 0);
    assert_int_equal(count_names(f->s.staging_fd, ""), 0);
    assert_int_equal(unlinkat(f->s.lib_fd, "one", 0), 0);
    object_is(f, "bytes", "png");
    struct ym_digest none = digest("none");
    assert_int_equal(ym_object_link(&f->s, "one", &none, "png", &e), -ENOENT);
    assert_int_equal(symlinkat("two", f->s.lib_fd, "ln"), 0);
    file_put(f->s.lib_fd, "two", "none");
    assert_int_equal(ym_object_link(&f->s, "ln", &none, "png", &e), -ELOOP);
    assert_int_equal(ym_object_link(&f->s, "../x", &none, "png", &e), -EXDEV);
}

/* A user's second name of the same file could still change the bytes. */
static void second_name_gets_a_copy(void **state)
{
    struct fixture *f = *state;
    file_put(f->s.lib_fd, "one", "bytes");
    assert_int_equal(linkat(f->s.lib_fd, "one", f->s.lib_fd, "two", 0), 0);
    struct ym_digest d = digest("bytes");
    assert_int_equal(ym_object_link(&f->s, "one", &d, "png", NULL), 0);
    file_put(f->s.lib_fd, "two", "scribble");
    object_is(f, "bytes", "png");
}

static void link_across_file_systems_copies(void **state)
{
    (void)state;
    struct fixture f = {.dir = tmpdir_new()};
    YM_AUTOFREE char *disk = ym_asprintf("%s/disk", f.dir), *file = ym_asprintf("%s/one", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (!tinyfs_mount(disk, "size=1m")) { /* before the library is opened: it must see the mount */
        tmpdir_remove(f.dir);
        TINYFS_SKIP();
    }
    struct ym_err e;
    assert_int_equal(ym_store_open(f.dir, true, &f.s, &e), 0);
    file_put(AT_FDCWD, file, "bytes");
    struct ym_digest d = digest("bytes");
    assert_int_equal(ym_object_link(&f.s, "disk/one", &d, "png", &e), 0);
    object_is(&f, "bytes", "png");
    assert_int_equal(count_names(f.s.staging_fd, ""), 0);
    ym_store_close(&f.s);
    umount2(disk, MNT_DETACH);
    tmpdir_remove(f.dir);
}

static void move_takes_the_staged_file(void **state)
{
    struct fixture *f = *state;
    struct ym_err e;
    struct ym_digest d = digest("bytes");
    for (int i = 0; i < 2; i++) {
        struct ym_staging *st;
        struct ym_whole w;
        assert_int_equal(ym_staging_new(&f->s, "ID.1.0", 5, &st, &e), 0);
        assert_int_equal(ym_staging_write(st, "bytes", 5, &e), 0);
        assert_int_equal(ym_staging_finish(st, 5, false, &w, &e), 0);
        assert_int_equal(ym_object_move(&f->s, w.name, &w.b2, "", &e), 0);
        assert_int_equal(count_names(f->s.staging_fd, ""), 0);
        object_is(f, "bytes", "");
    }
    assert_int_equal(ym_object_move(&f->s, "none.whole", &d, "png", &e), -ENOENT);
    assert_int_equal(ym_object_move(&f->s, "../lock", &d, "png", &e), -EINVAL);
}

static void extension_is_plain(void **state)
{
    struct fixture *f = *state;
    struct ym_digest d = digest("bytes");
    static const char *const bad[] = {"a/b", "..", ".g", "p.", "p..g", "seventeenletters1", "p\n"};
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        assert_int_equal(ym_object_open(&f->s, &d, bad[i]), -EINVAL);
        assert_int_equal(ym_object_remove(&f->s, &d, bad[i]), -EINVAL);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(put_is_idempotent_and_dedupes), T(wrong_digest_is_noticed),
        T(short_object_is_replaced),      T(link_shares_the_file),
        T(second_name_gets_a_copy),       T(link_across_file_systems_copies),
        T(move_takes_the_staged_file),    T(extension_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
