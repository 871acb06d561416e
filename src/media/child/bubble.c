/* bubblewrap's command line. A limit of --die-with-parent: when the daemon is killed in the few milliseconds
 * before bubblewrap has armed it inside, the child is not told; it then ends with its work, or with its CPU
 * time. In every other case the group is killed from here. */
#include <sys/stat.h>

#include "cage.h"

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

size_t bubble_argv(const char *out[static BUBBLE_MAX], int seccomp, char number[static 16])
{
    /* Since the merge of /usr these are links into it; before, folders of their own. */
    static const char *const roots[][2] = {{"usr/bin", "/bin"}, {"usr/lib", "/lib"}, {"usr/lib64", "/lib64"}};
    static const char *const start[] = {
        "/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
        "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives"};
    size_t n = 0;
    for (; n < YM_COUNT(start); n++)
        out[n] = start[n];
    for (size_t i = 0; i < YM_COUNT(roots); i++) {
        bool link = is_link(roots[i][1]);
        out[n++] = link ? "--symlink" : "--ro-bind-try";
        out[n++] = link ? roots[i][0] : roots[i][1];
        out[n++] = roots[i][1];
    }
    if (seccomp >= 0) {
        snprintf(number, 16, "%d", seccomp);
        out[n++] = "--seccomp";
        out[n++] = number;
    }
    /* Its root is a file system in memory: nobody shall fill that. */
    static const char *const end[] = {"--remount-ro", "/", "--chdir", "/", "--"};
    for (size_t i = 0; i < YM_COUNT(end); i++)
        out[n++] = end[i];
    out[n] = NULL;
    ym_assert(n < BUBBLE_MAX);
    return n;
}
