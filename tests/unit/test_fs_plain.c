/* It is a normal file system first; and what it notices of what users do to files. */
#include "fs_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static void expect_text(const char *path, const char *text)
{
    char *t = get(path);
    if (!t)
        fail_msg("%s: %s", path, strerror(errno));
    assert_string_equal(t, text);
    free(t);
}

static struct stat look(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return st;
}

static void expect_error(int result, int err)
{
    int was = errno;
    assert_int_equal(result, -1);
    assert_int_equal(was, err);
}

/* ---- plain files ---- */

static void test_what_is_written_lies_below(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "one");
    expect_text(below(r, "a.txt"), "one");
    assert_int_equal(look(at(r, "a.txt")).st_ino, look(below(r, "a.txt")).st_ino);
    sh(r, "cd /; printf two >> $MNT/a.txt; mkdir -p $MNT/d/e/f; printf deep > $MNT/d/e/f/g; mv "
          "$MNT/d $MNT/h");
    expect_text(at(r, "a.txt"), "onetwo");
    expect_text(at(r, "h/e/f/g"), "deep");
    expect_text(below(r, "h/e/f/g"), "deep");
    sh(r,
       "cp -a $MNT/h $MNT/i; diff -r $MNT/h $MNT/i; rm -r $MNT/h $MNT/i; ! ls $MNT/h 2>/dev/null");
}

static void test_modes_and_times(void **state)
{
    struct rig *r = *state;
    sh(r, "umask 027; : > $MNT/a; mkdir $MNT/d");
    assert_int_equal(look(at(r, "a")).st_mode & 07777, 0640);
    assert_int_equal(look(at(r, "d")).st_mode & 07777, 0750);
    assert_int_equal(chmod(at(r, "a"), 0604), 0);
    assert_int_equal(look(below(r, "a")).st_mode & 07777, 0604);
    sh(r, "touch -d '2001-02-03 04:05:06.123456789' $MNT/a");
    assert_int_equal(look(at(r, "a")).st_mtim.tv_nsec, 123456789);
    assert_int_equal(truncate(at(r, "a"), 100), 0);
    assert_int_equal(look(at(r, "a")).st_size, 100);
    if (geteuid() == 0) {
        assert_int_equal(lchown(at(r, "a"), 1, 2), 0);
        assert_int_equal(look(below(r, "a")).st_gid, 2);
    }
}

static void test_names_of_one_file(void **state)
{
    struct rig *r = *state;
    put(at(r, "a"), "x");
    mkdir(at(r, "d"), 0755);
    assert_int_equal(link(at(r, "a"), at(r, "d/b")), 0);
    assert_int_equal(look(at(r, "a")).st_nlink, 2);
    assert_int_equal(look(at(r, "a")).st_ino, look(at(r, "d/b")).st_ino);
    put(at(r, "d/b"), "changed");
    expect_text(at(r, "a"), "changed");
    assert_int_equal(unlink(at(r, "a")), 0);
    assert_int_equal(look(at(r, "d/b")).st_nlink, 1);
    expect_text(at(r, "d/b"), "changed");
    assert_int_equal(chmod(at(r, "d/b"), 0600), 0); /* by the name that is left */
}

static void test_unlinked_files_go_on(void **state)
{
    struct rig *r = *state;
    struct stat st;
    char buf[16] = "";
    int fd = open(at(r, "a"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(unlink(at(r, "a")), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(pwrite(fd, "J", 1, 0), 1);
    assert_int_equal(pread(fd, buf, 5, 0), 5);
    assert_string_equal(buf, "Jello");
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(ftruncate(fd, 2), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 2);
    put(at(r, "a"), "another"); /* may get the same number below */
    assert_int_equal(pread(fd, buf, 5, 0), 2);
    close(fd);
    expect_text(at(r, "a"), "another");
    DIR *d = opendir(r->mnt);
    int names = 0;
    for (struct dirent *e; (e = readdir(d));)
        names += e->d_name[0] == '.' && strlen(e->d_name) > 2; /* no .fuse_hidden */
    closedir(d);
    assert_int_equal(names, 0);
}

static void test_rename_flags(void **state)
{
    struct rig *r = *state;
    put(at(r, "a"), "A");
    put(at(r, "b"), "B");
    expect_error(renameat2(AT_FDCWD, at(r, "a"), AT_FDCWD, at(r, "b"), RENAME_NOREPLACE), EEXIST);
    rig_forget(r);
    assert_int_equal(renameat2(AT_FDCWD, at(r, "a"), AT_FDCWD, at(r, "b"), RENAME_EXCHANGE), 0);
    rig_wait(r, "touch EXCHANGED a b");
    expect_text(at(r, "a"), "B");
    expect_text(at(r, "b"), "A");
    assert_int_equal(renameat2(AT_FDCWD, at(r, "a"), AT_FDCWD, at(r, "c"), RENAME_NOREPLACE), 0);
    rig_wait(r, "touch RENAMED a c");
    int fd = open(at(r, "b"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(rename(at(r, "c"), at(r, "b")), 0);
    rig_wait(r, "touch RENAMED c b over");
    char buf[2] = "";
    assert_int_equal(read(fd, buf, 1), 1);
    assert_string_equal(buf, "A");
    close(fd);
    expect_text(at(r, "b"), "B");
    mkdir(at(r, "d"), 0755);
    mkdir(at(r, "e"), 0755);
    put(at(r, "e/x"), "x");
    expect_error(rename(at(r, "d"), at(r, "e")), ENOTEMPTY);
    assert_int_equal(rename(at(r, "e"), at(r, "d")), 0);
    rig_wait(r, "touch RENAMED e d over folder");
    expect_text(at(r, "d/x"), "x");
}

static void test_links_and_special_files(void **state)
{
    struct rig *r = *state;
    char target[16] = "";
    assert_int_equal(symlink("a/b", at(r, "l")), 0);
    assert_int_equal(readlink(at(r, "l"), target, sizeof(target) - 1), 3);
    assert_string_equal(target, "a/b");
    assert_true(S_ISLNK(look(below(r, "l")).st_mode));
    assert_int_equal(mkfifo(at(r, "p"), 0600), 0);
    assert_true(S_ISFIFO(look(at(r, "p")).st_mode));
    expect_error(open(r->mnt, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), EOPNOTSUPP);
}

static void test_attributes(void **state)
{
    struct rig *r = *state;
    char buf[64] = "";
    put(at(r, "a.txt"), "x");
    assert_int_equal(setxattr(at(r, "a.txt"), "user.note", "hello", 5, 0), 0);
    assert_int_equal(getxattr(at(r, "a.txt"), "user.note", buf, sizeof(buf)), 5);
    assert_int_equal(getxattr(below(r, "a.txt"), "user.note", buf, sizeof(buf)), 5);
    assert_int_equal(listxattr(at(r, "a.txt"), buf, sizeof(buf)), 10);
    assert_string_equal(buf, "user.note");
    expect_error((int)getxattr(at(r, "a.txt"), "user.note", buf, 2), ERANGE);
    assert_int_equal(removexattr(at(r, "a.txt"), "user.note"), 0);
    expect_error((int)getxattr(at(r, "a.txt"), "user.note", buf, sizeof(buf)), ENODATA);
    /* Ours: known of some, kept of none. */
    expect_error((int)getxattr(at(r, "a.txt"), "user.ymago.state", buf, sizeof(buf)), ENODATA);
    assert_int_equal(rig_tell(r, "state a.txt running"), 0);
    memset(buf, 0, sizeof(buf));
    assert_int_equal(getxattr(at(r, "a.txt"), "user.ymago.state", buf, sizeof(buf)), 7);
    assert_string_equal(buf, "running");
    assert_int_equal(getxattr(at(r, "a.txt"), "user.ymago.cost_usd", buf, sizeof(buf)), 8);
    assert_memory_equal(buf, "0.033600", 8);
    expect_error((int)getxattr(at(r, "a.txt"), "user.ymago.progress", buf, sizeof(buf)), ENODATA);
    assert_int_equal(setxattr(at(r, "a.txt"), "user.ymago.state", "done", 4, 0), 0);
    assert_int_equal(getxattr(at(r, "a.txt"), "user.ymago.state", buf, sizeof(buf)), 7);
    assert_int_equal(listxattr(at(r, "a.txt"), buf, sizeof(buf)), 0);
    assert_int_equal(listxattr(below(r, "a.txt"), buf, sizeof(buf)), 0);
    /* A gesture. */
    assert_int_equal(setxattr(at(r, "a.txt"), "user.ymago.do", "again", 5, 0), 0);
    rig_wait(r, "call again a.txt");
    expect_error(setxattr(at(r, "a.txt"), "user.ymago.do", "cancel", 6, 0),
                 EINVAL); /* the fake refuses it */
    expect_error(setxattr(at(r, "a.txt"), "user.ymago.do", "dance", 5, 0), EINVAL);
    assert_int_equal(rig_count_prefix(r, "call dance"), 0);
}

static void test_space(void **state)
{
    struct rig *r = *state;
    struct statvfs a, b;
    assert_int_equal(statvfs(r->mnt, &a), 0);
    assert_int_equal(statvfs(r->lib, &b), 0);
    assert_int_equal(a.f_blocks, b.f_blocks);
    assert_true(a.f_bavail > 0);
    assert_int_equal(a.f_namemax, 255);
}

static void test_holes_and_ranges(void **state)
{
    struct rig *r = *state;
    int fd = open(at(r, "a"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(pwrite(fd, "x", 1, 1 << 20), 1);
    assert_int_equal(lseek(fd, 0, SEEK_DATA), 1 << 20);
    assert_int_equal(lseek(fd, 0, SEEK_HOLE), 0);
    assert_int_equal(fallocate(fd, 0, 0, 4096), 0);
    int to = open(at(r, "b"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    off_t from = 1 << 20;
    assert_int_equal(copy_file_range(fd, &from, to, NULL, 1, 0), 1);
    expect_text(below(r, "b"), "x");
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
    assert_true(map != MAP_FAILED);
    map[0] = 'y';
    assert_int_equal(msync(map, 4096, MS_SYNC), 0);
    munmap(map, 4096);
    expect_text(below(r, "b"), "y");
    assert_int_equal(fsync(to), 0);
    close(fd);
    close(to);
    fd = open(at(r, "c"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, "12", 2) + write(fd, "34", 2), 4);
    close(fd);
    expect_text(at(r, "c"), "1234");
}

static void test_a_large_folder(void **state)
{
    struct rig *r = *state;
    enum { FILES = 2000 };
    char name[32];
    static char seen[FILES];
    memset(seen, 0, sizeof(seen));
    mkdir(below(r, "d"), 0755);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "d/a-rather-long-%d", i);
        int fd = open(below(r, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        close(fd);
    }
    DIR *d = opendir(at(r, "d"));
    long middle = 0;
    char after[256] = "";
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        assert_int_equal(e->d_type, DT_REG);
        long i = strtol(e->d_name + 14, NULL, 10);
        assert_true(i >= 0 && i < FILES && !seen[i]);
        seen[i] = 1;
        if (++n == 1000)
            middle = telldir(d);
        else if (n == 1001)
            snprintf(after, sizeof(after), "%s", e->d_name);
    }
    assert_int_equal(n, FILES);
    seekdir(d, middle);
    assert_string_equal(readdir(d)->d_name, after);
    put(at(r, "d/new"), "x");
    rewinddir(d);
    bool found = false;
    for (struct dirent *e; (e = readdir(d));)
        found = found || strcmp(e->d_name, "new") == 0;
    assert_true(found);
    closedir(d);
    sh(r, "test $(ls -l $MNT/d | wc -l) = 2002; rm -r $MNT/d");
}

/* ---- noticing ---- */

static void expect_once(struct rig *r, const char *line)
{
    rig_wait(r, line);
    assert_int_equal(rig_count(r, line), 1);
}

static void test_a_redirection(void **state)
{
    struct rig *r = *state;
    mkdir(at(r, "images"), 0755);
    rig_forget(r);
    sh(r, "echo sunset > $MNT/images/a.txt");
    expect_once(r, "touch CLOSED images/a.txt dirty");
    expect_once(r, "touch CREATED images/a.txt");
    expect_once(r, "touch OPENED images/a.txt");
    assert_int_equal(rig_count_prefix(r, "touch "), 3);
    rig_forget(r);
    sh(r, "( echo one; sh -c 'echo two'; echo three ) > $MNT/images/a.txt"); /* several flushes, one
                                                                                release */
    expect_once(r, "touch CLOSED images/a.txt dirty");
    expect_once(r, "touch OPENED images/a.txt");
    assert_int_equal(rig_count_prefix(r, "touch "), 2);
    rig_forget(r);
    sh(r, ": > $MNT/images/a.txt");
    expect_once(r, "touch CLOSED images/a.txt dirty"); /* emptying is writing */
    rig_forget(r);
    sh(r, ": >> $MNT/images/a.txt");
    expect_once(r, "touch CLOSED images/a.txt");
}

static void test_the_process_is_told(void **state)
{
    struct rig *r = *state;
    char line[32];
    snprintf(line, sizeof(line), "pid %d", (int)getpid());
    put(at(r, "a.txt"), "x");
    rig_wait(r, line);
}

static void test_two_writers_are_one_opening(void **state)
{
    struct rig *r = *state;
    int a = open(at(r, "a.txt"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    int b = open(at(r, "a.txt"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(a, "x", 1), 1);
    close(a);
    put(at(r, "other"), "x"); /* after this a's release would have been told */
    rig_wait(r, "touch CLOSED other dirty");
    assert_int_equal(rig_count_prefix(r, "touch CLOSED a.txt"), 0);
    close(b);
    expect_once(r, "touch CLOSED a.txt dirty");
    expect_once(r, "touch OPENED a.txt");
}

static void test_reading_is_not_noticed(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "x");
    put(at(r, "a.png"), "x");
    rig_wait(r, "touch CLOSED a.txt dirty");
    rig_wait(r, "touch CLOSED a.png dirty");
    rig_forget(r);
    sh(r, "exec >/dev/null; cat $MNT/a.txt; ls -laR $MNT; grep -r x $MNT; cp -r $MNT $DIR/copy; "
          "chmod 600 $MNT/a.txt; "
          "touch -d 2001-01-01 $MNT/a.png");
    rig_wait(r, "touch CLOSED a.png"); /* touch(1) opens; it wrote nothing */
    assert_int_equal(rig_count_prefix(r, "touch OPENED a.txt"), 0);
    assert_int_equal(rig_count_prefix(r, "touch NOW"), 0);
    assert_int_equal(rig_count_prefix(r, "preserve"), 0);
}

static void test_touch_is_noticed(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "x");
    rig_wait(r, "touch CLOSED a.txt dirty");
    rig_forget(r);
    sh(r, "touch $MNT/a.txt");
    expect_once(r, "touch NOW a.txt");
    expect_once(r, "touch CLOSED a.txt");
}

static void test_saves(void **state)
{
    struct rig *r = *state;
    mkdir(at(r, "images"), 0755);
    put(at(r, "images/a.txt"), "old");
    rig_wait(r, "touch CLOSED images/a.txt dirty");
    rig_forget(r);
    /* vim: probe, swap file, the old one renamed away, the new one written in its place. */
    sh(r, "cd $DIR; D=$MNT/images; : > $D/4913; rm $D/4913; echo s > $D/.a.txt.swp; mv $D/a.txt "
          "$D/a.txt~;"
          "echo new > $D/a.txt; rm $D/a.txt~ $D/.a.txt.swp");
    expect_once(r, "touch RENAMED images/a.txt images/a.txt~");
    expect_once(r, "touch CREATED images/a.txt");
    expect_once(r, "touch CLOSED images/a.txt dirty");
    expect_once(r, "touch UNLINKED images/a.txt~");
    rig_forget(r);
    /* GTK, rsync, sed -i: a temporary file renamed over the old one. */
    sh(r, "D=$MNT/images; echo newer > $D/.goutputstream-1; sync -f $D/.goutputstream-1; mv "
          "$D/.goutputstream-1 $D/a.txt");
    expect_once(r, "touch RENAMED images/.goutputstream-1 images/a.txt over");
    expect_text(at(r, "images/a.txt"), "newer\n");
    rig_forget(r);
    sh(r, "sed -i s/newer/newest/ $MNT/images/a.txt");
    expect_text(at(r, "images/a.txt"), "newest\n");
    assert_int_equal(rig_count_prefix(r, "touch RENAMED images/sed"), 1);
}

static void test_a_real_vim(void **state)
{
    struct rig *r = *state;
    if (access("/usr/bin/vim", X_OK) != 0)
        skip();
    put(at(r, "a.txt"), "old\n");
    rig_wait(r, "touch CLOSED a.txt dirty");
    rig_forget(r);
    sh(r, "vim -u NONE -es -c 's/old/new/' -c wq $MNT/a.txt </dev/null >/dev/null 2>&1");
    expect_text(at(r, "a.txt"), "new\n");
    rig_wait(r, "touch CLOSED a.txt dirty");
}

static void test_other_changes(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.txt"), "old");
    rig_wait(r, "touch CLOSED a.txt dirty");
    rig_forget(r);
    assert_int_equal(truncate(at(r, "a.txt"), 1), 0);
    expect_once(r, "touch TRUNCATED a.txt");
    assert_int_equal(link(at(r, "a.txt"), at(r, "b.txt")), 0);
    expect_once(r, "touch LINKED b.txt");
    rig_forget(r);
    put(at(r, "a.txt"), "both"); /* one file, two prompts */
    expect_once(r, "touch CLOSED a.txt dirty");
    expect_once(r, "touch CLOSED b.txt dirty");
    assert_int_equal(unlink(at(r, "b.txt")), 0);
    expect_once(r, "touch UNLINKED b.txt");
    int fd = open(at(r, "a.txt"), O_RDWR | O_CLOEXEC);
    rig_forget(r);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    expect_once(r, "touch CLOSED a.txt dirty");
    assert_int_equal(rig_count_prefix(r, "touch TRUNCATED"), 0);
    assert_int_equal(mknod(at(r, "c.txt"), S_IFREG | 0644, 0), 0);
    expect_once(r, "touch CREATED c.txt");
}

static void test_paid_bytes_are_kept_first(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.png"), "picture");
    put(at(r, "b.png"), "picture");
    put(at(r, "c.txt"), "text");
    rig_wait(r, "touch CLOSED b.png dirty");
    rig_forget(r);
    int fd = open(at(r, "a.png"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(rig_count_prefix(r, "preserve"), 0); /* nothing has happened yet */
    assert_int_equal(write(fd, "1", 1) + write(fd, "2", 1), 2);
    assert_int_equal(rig_count(r, "preserve a.png write"), 1);
    close(fd);
    rig_wait(r, "touch CLOSED a.png dirty");
    rig_forget(r);
    put(at(r, "a.png"), "x");
    assert_int_equal(rig_count(r, "preserve a.png write"), 1); /* once for each time it is opened */
    assert_int_equal(truncate(at(r, "b.png"), 0), 0);
    assert_int_equal(rig_count(r, "preserve b.png write"), 1);
    assert_int_equal(rename(at(r, "a.png"), at(r, "b.png")), 0);
    assert_int_equal(rig_count(r, "preserve b.png remove"), 1);
    assert_int_equal(unlink(at(r, "b.png")), 0);
    assert_int_equal(rig_count(r, "preserve b.png remove"), 2);
    rig_forget(r);
    put(at(r, "c.txt"), "y");
    assert_int_equal(unlink(at(r, "c.txt")), 0);
    assert_int_equal(rig_count_prefix(r, "preserve"), 0);
}

static void test_what_cannot_be_kept_is_not_destroyed(void **state)
{
    struct rig *r = *state;
    put(at(r, "a.png"), "picture");
    rig_wait(r, "touch CLOSED a.png dirty");
    assert_int_equal(rig_tell(r, "preserve %d", EIO), 0);
    expect_error(open(at(r, "a.png"), O_WRONLY | O_TRUNC | O_CLOEXEC), EIO);
    expect_error(truncate(at(r, "a.png"), 0), EIO);
    expect_error(unlink(at(r, "a.png")), EIO);
    expect_text(at(r, "a.png"), "picture");
    assert_int_equal(rig_tell(r, "preserve %d", ENOSPC), 0);
    expect_error(truncate(at(r, "a.png"), 0), ENOSPC);
    assert_int_equal(unlink(at(r, "a.png")), 0); /* the way out of a full disk */
}

int main(int argc, char **argv)
{
    int r = rig_main(argc, argv);
    if (r >= 0)
        return r;
#define T(f) cmocka_unit_test_setup_teardown(f, rig_apart, rig_stop)
    const struct CMUnitTest tests[] = {
        T(test_what_is_written_lies_below),
        T(test_modes_and_times),
        T(test_names_of_one_file),
        T(test_unlinked_files_go_on),
        T(test_rename_flags),
        T(test_links_and_special_files),
        T(test_attributes),
        T(test_space),
        T(test_holes_and_ranges),
        T(test_a_large_folder),
        T(test_a_redirection),
        T(test_the_process_is_told),
        T(test_two_writers_are_one_opening),
        T(test_reading_is_not_noticed),
        T(test_touch_is_noticed),
        T(test_saves),
        T(test_a_real_vim),
        T(test_other_changes),
        T(test_paid_bytes_are_kept_first),
        T(test_what_cannot_be_kept_is_not_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
