/* The walk at mount: every plain file of the library, nothing behind links or other file systems.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "names.h"

struct walk {
    const struct ym_store *s;
    bool (*fn)(void *ctx, const struct ym_scan_file *f);
    void *ctx;
    char **folders; /* still to be visited; a stack, so that memory follows the folders, not the
                       files */
    size_t n, cap;
    bool stopped;
};

static void push(struct walk *w, char *folder)
{
    if (w->n == w->cap)
        w->folders = ym_realloc(w->folders, (w->cap = w->cap ? w->cap * 2 : 32) * sizeof(char *));
    w->folders[w->n++] = folder;
}

static bool is_hidden(const char *folder)
{
    YM_AUTOFREE char *inside = ym_asprintf("%s/x", folder);
    return ym_path_hidden(inside);
}

static void visit(struct walk *w, int dirfd, const char *folder, const char *name)
{
    struct stat st;
    if (name[0] == '.' || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        st.st_dev != w->s->dev)
        return; /* hidden, gone meanwhile, or something mounted */
    YM_AUTOFREE char *path = name_join(folder, strlen(folder), name);
    if (S_ISDIR(st.st_mode)) {
        if (!is_hidden(path))
            push(w, ym_steal(&path));
        return;
    }
    struct ym_scan_file f = {.path = path, .mode = st.st_mode};
    if (!S_ISREG(st.st_mode) || ym_store_ident(dirfd, name, &f.ident) < 0)
        return;
    ym_name_classify(name, &f.name);
    w->stopped = !w->fn(w->ctx, &f);
}

static int walk_folder(struct walk *w, const char *folder)
{
    int fd = ym_store_openat(w->s, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    DIR *d = fdopendir(fd);
    if (!d) {
        int err = errno;
        close(fd);
        return -err;
    }
    int r = 0;
    while (!w->stopped) {
        errno = 0;
        struct dirent *de = readdir(d); // NOLINT(concurrency-mt-unsafe): d is ours alone
        if (!de) {
            r = -errno;
            break;
        }
        visit(w, dirfd(d), folder, de->d_name);
    }
    closedir(d);
    return r;
}

int ym_library_scan(const struct ym_store *s, const char *folder,
                    bool (*fn)(void *ctx, const struct ym_scan_file *f), void *ctx,
                    struct ym_err *e)
{
    struct walk w = {.s = s, .fn = fn, .ctx = ctx};
    int r = 0;
    if (folder[0] && is_hidden(folder))
        return 0;
    push(&w, ym_strdup(folder));
    for (bool top = true; w.n > 0; top = false) {
        YM_AUTOFREE char *next = w.folders[--w.n];
        int one = w.stopped ? 0 : walk_folder(&w, next);
        if (one < 0 && top)
            r = disk_fail(e, -one, "look through", folder[0] ? folder : "the library");
        else if (one < 0 && one != -ENOENT && one != -ENOTDIR)
            ym_log(YM_WARN, "library", "%s: skipped: %s", next, strerrordesc_np(-one));
    }
    free(w.folders);
    return r;
}
