/* A fresh folder for one test, below $TMPDIR (else the working directory, which is the build's). */
#ifndef YM_TESTS_TMPDIR_H
#define YM_TESTS_TMPDIR_H

#include <ftw.h>
#include <unistd.h>
#include <ymago/base.h>

static int tmpdir_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Absolute; free with tmpdir_remove, which takes what lies in it along. */
static inline char *tmpdir_new(void)
{
    const char *top = getenv("TMPDIR");
    YM_AUTOFREE char *cwd = getcwd(NULL, 0);
    char *dir = ym_asprintf("%s/ymago-test-XXXXXX", top && top[0] == '/' ? top : cwd);
    ym_assert(mkdtemp(dir) != NULL);
    return dir;
}

static inline void tmpdir_remove(char *dir)
{
    nftw(dir, tmpdir_unlink, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(dir);
}

#endif
