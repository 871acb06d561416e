/* How results appear, and what becomes of the mount when a process dies. */
#include "fs_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <ymago/fs.h>

static void expect_events(int watch, const char *events)
{
    char *seen = watch_take(watch);
    assert_string_equal(seen, events);
    free(seen);
}

static void expect_text(const char *path, const char *text)
{
    char *t = get(path);
    assert_non_null(t);
    assert_string_equal(t, text);
    free(t);
}

static void test_publish_is_one_event(void **state)
{
    struct rig *r = *state;
    mkdir(at(r, "images"), 0755);
    stage(r, "J1.1.0.whole", "picture");
    rig_forget(r);
    int w = watch_new(at(r, "images"));
    assert_int_equal(rig_tell(r, "publish J1.1.0.whole images/a.png"), 0);
    expect_events(w, "MOVED_TO a.png\n");
    expect_text(at(r, "images/a.png"), "picture");
    expect_text(below(r, "images/a.png"), "picture");
    assert_int_equal(rig_count_prefix(r, "touch "), 0); /* nobody takes it for a user's doing */
    assert_int_equal(rig_count_prefix(r, "preserve "), 0);
    close(w);
}

static void test_publish_never_overwrites(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.png"), "mine");
    stage(r, "J1.1.0.whole", "picture");
    assert_int_equal(rig_tell(r, "publish J1.1.0.whole a.png"), -EEXIST);
    expect_text(at(r, "a.png"), "mine");
    expect_text(below(r, ".ymago/staging/J1.1.0.whole"), "picture");
    assert_int_equal(rig_tell(r, "publish J1.1.0.whole gone/a.png"), -ENOENT);
}

static void test_replace_is_one_event(void **state)
{
    struct rig *r = *state;
    stage(r, "one", "first");
    stage(r, "two", "second");
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    expect_text(at(r, "a.png"), "first");
    assert_int_equal(rig_tell(r, "remember a.png"), 0);
    int w = watch_new(r->mnt);
    assert_int_equal(rig_tell(r, "replace two a.png"), 0);
    expect_events(w, "MOVED_TO a.png\n");
    expect_text(at(r, "a.png"), "second");
    close(w);
}

static void test_replace_only_what_was_asked_about(void **state)
{
    struct rig *r = *state;
    stage(r, "one", "first");
    stage(r, "two", "second");
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    assert_int_equal(rig_tell(r, "remember a.png"), 0);
    put(at(r, "a.png"), "their own");
    rig_wait(r, "touch CLOSED a.png dirty");
    assert_int_equal(rig_tell(r, "replace two a.png"), -EAGAIN);
    expect_text(at(r, "a.png"), "their own");

    assert_int_equal(rig_tell(r, "remember a.png"), 0);
    int fd = open(at(r, "a.png"), O_WRONLY | O_CLOEXEC); /* about to be written */
    assert_int_equal(rig_tell(r, "replace two a.png"), -EAGAIN);
    rig_forget(r);
    close(fd);
    rig_wait(r, "touch CLOSED a.png");
    assert_int_equal(rig_tell(r, "replace two a.png"), 0);

    stage(r, "three", "third");
    assert_int_equal(rig_tell(r, "remember a.png"), 0);
    assert_int_equal(unlink(at(r, "a.png")), 0);
    assert_int_equal(rig_tell(r, "replace three a.png"), -EAGAIN);
}

static void test_an_old_reader_keeps_the_old_bytes(void **state)
{
    struct rig *r = *state;
    stage(r, "one", "first");
    stage(r, "two", "second");
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    int fd = open(at(r, "a.png"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(rig_tell(r, "remember a.png"), 0);
    assert_int_equal(rig_tell(r, "replace two a.png"), 0);
    char buf[16] = "";
    struct stat st;
    assert_int_equal(read(fd, buf, sizeof(buf)), 5);
    assert_string_equal(buf, "first");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    close(fd);
}

static void test_remove(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.error.log"), "failed");
    rig_wait(r, "touch CLOSED a.error.log dirty");
    assert_int_equal(rig_tell(r, "remember a.error.log"), 0);
    int w = watch_new(r->mnt);
    rig_forget(r);
    assert_int_equal(rig_tell(r, "remove a.error.log"), 0);
    expect_events(w, "DELETE a.error.log\n");
    assert_int_equal(rig_count_prefix(r, "touch "), 0);
    assert_int_equal(rig_tell(r, "remove a.error.log"), 0); /* what is not there is removed */
    put(at(r, "a.error.log"), "a user's own");
    rig_wait(r, "touch CLOSED a.error.log dirty");
    assert_int_equal(rig_tell(r, "remove a.error.log"), -EAGAIN);
    close(w);
}

static void test_touch(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.png"), "x");
    sh(r, "touch -d 2001-01-01 \"$MNT/a.png\"");
    rig_wait(r, "touch CLOSED a.png dirty");
    rig_forget(r);
    int w = watch_new(r->mnt);
    assert_int_equal(rig_tell(r, "touch a.png"), 0);
    expect_events(w, "ATTRIB a.png\n");
    struct stat st;
    assert_int_equal(stat(at(r, "a.png"), &st), 0);
    assert_true(st.st_mtime > 1600000000);
    assert_int_equal(rig_count_prefix(r, "touch "), 0);
    close(w);
}

static void test_staging_is_nobodys_business(void **state)
{
    struct rig *r = *state;
    struct stat st;
    stage(r, "one", "first");
    assert_int_equal(stat(at(r, ".ymago/staging"), &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(stat(at(r, ".ymago/staging/one"), &st), -1);
    sh(r, "! ls -a \"$MNT/.ymago\" | grep -q staging");
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    assert_int_equal(stat(at(r, ".ymago/staging"), &st), -1);
}

static void test_many_results(void **state)
{
    struct rig *r = *state;
    char name[32];
    int w = watch_new(r->mnt);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "J%d", i);
        stage(r, name, name);
        assert_int_equal(rig_tell(r, "publish %s r%d.png", name, i), 0);
    }
    char *seen = watch_take(w);
    int lines = 0;
    for (char *l = seen; *l; l = strchr(l, '\n') + 1, lines++)
        assert_memory_equal(l, "MOVED_TO ", 9);
    assert_int_equal(lines, 300);
    free(seen);
    close(w);
}

/* ---- deaths ---- */

struct renewal {
    struct rig *r;
    pid_t old;
};

static bool has_other_publisher(void *ctx)
{
    const struct renewal *n = ctx;
    pid_t now = rig_publisher(n->r);
    return now && now != n->old;
}

static void test_the_publisher_is_started_again(void **state)
{
    struct rig *r = *state;
    struct renewal n = {r, rig_publisher(r)};
    assert_true(n.old > 0);
    stage(r, "one", "first");
    kill(n.old, SIGKILL);
    int w = watch_new(r->mnt);
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    expect_events(w, "MOVED_TO a.png\n");
    rig_until(has_other_publisher, &n);
    close(w);
}

static bool has_no_publisher(void *ctx)
{
    return rig_publisher(ctx) == 0;
}

static void test_after_three_deaths_it_is_placed_silently(void **state)
{
    struct rig *r = *state;
    struct renewal n = {r, rig_publisher(r)};
    for (int i = 0; i < 2; i++) {
        kill(n.old, SIGKILL);
        rig_until(has_other_publisher, &n);
        n.old = rig_publisher(r);
    }
    kill(n.old, SIGKILL);
    rig_until(has_no_publisher, r);
    struct stat st;
    assert_int_equal(stat(at(r, "a.png"), &st), -1);
    stage(r, "one", "first");
    assert_int_equal(rig_tell(r, "publish one a.png"), 0);
    expect_text(at(r, "a.png"), "first");
}

static bool is_unmounted(void *ctx)
{
    return !rig_mounted(ctx);
}

static void test_kill_leaves_no_mount(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "a lighthouse");
    int fd = open(at(r, "a.txt"), O_RDONLY | O_CLOEXEC);
    rig_kill(r);
    rig_until(is_unmounted, r);
    close(fd);
    if (strcmp(r->lib, r->mnt) == 0)
        expect_text(at(r, "a.txt"), "a lighthouse");
    else
        expect_text(below(r, "a.txt"), "a lighthouse");
}

static void test_a_dead_mount_is_cleaned_at_the_next_start(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "a lighthouse");
    pid_t publisher = rig_publisher(r);
    struct stat st;
    assert_int_equal(stat(r->mnt, &st), 0); /* the kernel remembers this answer for a while */
    kill(r->pid, SIGSTOP);                  /* so that it starts no other */
    kill(publisher, SIGKILL);
    rig_kill(r);
    assert_int_equal(access(at(r, "a.txt"), R_OK) + access(at(r, "b.txt"), R_OK) < 0, true);
    rig_forget(r);
    rig_start(r);
    expect_text(at(r, "a.txt"), "a lighthouse");
}

static void test_a_live_mount_is_left_alone(void **state)
{
    struct rig *r = *state;
    struct ym_err e;
    assert_int_equal(ym_fs_clean_stale(r->mnt, &e), -EBUSY);
    assert_true(rig_mounted(r));
    put(at(r, "a.txt"), "x");
    assert_int_equal(ym_fs_clean_stale(r->dir, &e), 0); /* nothing is mounted there */
    assert_int_equal(ym_fs_umount(r->dir, false, &e), -EINVAL);
}

static void test_a_mount_whose_folder_was_moved(void **state)
{
    struct rig *r = *state;
    char away[96];
    snprintf(away, sizeof(away), "%s-away", r->dir);
    stage(r, "one", "first");
    assert_int_equal(rename(r->dir, away), 0);
    assert_int_equal(rig_tell(r, "publish one a.png"), 0); /* found again by its device number */
    char path[128];
    snprintf(path, sizeof(path), "%s/mnt/a.png", away);
    expect_text(path, "first");
    rig_ask_end(r);
    rig_wait(r, "ended 0");
    struct stat a, b;
    snprintf(path, sizeof(path), "%s/mnt", away);
    assert_int_equal(stat(path, &a) + stat(away, &b), 0);
    assert_int_equal(a.st_dev, b.st_dev);
    assert_int_equal(rename(away, r->dir), 0);
}

/* ---- a good neighbour ---- */

static void test_nothing_of_ours_is_open_on_the_mount(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "x");
    struct stat m;
    assert_int_equal(stat(r->mnt, &m), 0);
    pid_t pids[] = {r->pid, rig_publisher(r)};
    for (size_t i = 0; i < 2; i++) {
        for (int fd = 0; fd < 64; fd++) {
            char path[64];
            struct stat st;
            snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pids[i], fd);
            assert_false(stat(path, &st) == 0 && st.st_dev == m.st_dev);
        }
        char path[64];
        struct stat st;
        snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pids[i]);
        assert_false(stat(path, &st) == 0 && st.st_dev == m.st_dev);
    }
}

static void test_a_plain_unmount_ends_the_daemon(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "x");
    rig_wait(r, "touch CLOSED a.txt dirty");
    sh(r, "fusermount3 -u \"$MNT\"");
    rig_wait(r, "ended 0");
}

int main(int argc, char **argv)
{
    int r = rig_main(argc, argv);
    if (r >= 0)
        return r;
#define T(f)        cmocka_unit_test_setup_teardown(f, rig_apart, rig_stop)
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, rig_in_place, rig_stop)
    const struct CMUnitTest tests[] = {
        T(test_publish_is_one_event),
        T(test_publish_never_overwrites),
        T(test_replace_is_one_event),
        T(test_replace_only_what_was_asked_about),
        T(test_an_old_reader_keeps_the_old_bytes),
        T(test_remove),
        T(test_touch),
        T(test_staging_is_nobodys_business),
        T(test_many_results),
        T(test_the_publisher_is_started_again),
        T(test_after_three_deaths_it_is_placed_silently),
        T(test_kill_leaves_no_mount),
        IN_PLACE(test_kill_leaves_no_mount),
        IN_PLACE(test_a_dead_mount_is_cleaned_at_the_next_start),
        T(test_a_live_mount_is_left_alone),
        T(test_a_mount_whose_folder_was_moved),
        IN_PLACE(test_nothing_of_ours_is_open_on_the_mount),
        IN_PLACE(test_a_plain_unmount_ends_the_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
