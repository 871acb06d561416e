/* A library in a fresh folder, opened, as every test of src/store wants it. */
#ifndef YM_TESTS_STORE_FIXTURE_H
#define YM_TESTS_STORE_FIXTURE_H

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ymago/store.h>

#include "tmpdir.h"

struct fixture {
    char *dir;
    struct ym_store s;
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = ym_alloc(sizeof(*f));
    f->dir = tmpdir_new();
    struct ym_err e;
    ym_assert(ym_store_open(f->dir, true, &f->s, &e) == 0);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    ym_store_close(&f->s);
    tmpdir_remove(f->dir);
    free(f);
    return 0;
}

/* Writes a file below dirfd by plain calls. */
static inline void file_put(int dirfd, const char *name, const char *text)
{
    YM_AUTOCLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline bool exists(int dirfd, const char *name)
{
    struct stat st;
    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Entries of a folder whose names contain `part`. */
static inline int count_names(int dirfd, const char *part)
{
    DIR *d = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(d);
    int n = 0;
    struct dirent *de;
    while ((de = readdir(d)))
        n += de->d_name[0] != '\0' && strcmp(de->d_name, ".") != 0 &&
             strcmp(de->d_name, "..") != 0 && strstr(de->d_name, part) != NULL;
    closedir(d);
    return n;
}

#endif
