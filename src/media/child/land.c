/* Landlock: which files a child may open. By raw system calls; C libraries have no functions for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cage.h"

/* Younger than the kernel headers of some systems. */
#define FS_REFER     (1ULL << 13) /* ABI 2 */
#define FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define FS_READ      (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

int land_abi(void)
{
    long n = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return n < 0 ? 0 : (int)n;
}

static uint64_t handled(int abi)
{
    return ((1ULL << 13) - 1) | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int rule_add(int set, int fd, uint64_t access)
{
    struct landlock_path_beneath_attr at = {.allowed_access = access, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &at, 0) < 0 ? -errno : 0;
}

static int tree_add(int set, const char *path)
{
    YM_AUTOCLOSE int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? 0 : rule_add(set, fd, FS_READ);
}

/* Pipes and memory files lie in no folder: those Landlock leaves alone. */
static int file_add(int set, int fd, int abi)
{
    struct stat st;
    uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
        access |= LANDLOCK_ACCESS_FS_WRITE_FILE | (abi >= 3 ? FS_TRUNCATE : 0);
    int r = rule_add(set, fd, access);
    return r == -EBADFD ? 0 : r;
}

int land_ruleset(const struct ym_child *c)
{
    static const char *const trees[] = {"/usr", "/bin", "/lib", "/lib64", "/etc/alternatives"};
    int abi = land_abi();
    /* Of the members that later kernels added only the first is set. */
    uint64_t attr = handled(abi);
    YM_AUTOCLOSE int set = abi ? (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0) : -1;
    if (set < 0)
        return abi ? -errno : -EOPNOTSUPP;
    int r = 0;
    for (size_t i = 0; i < YM_COUNT(trees) && r == 0; i++)
        r = tree_add(set, trees[i]);
    for (unsigned i = 0; i < c->nfiles && r == 0; i++)
        r = file_add(set, c->files[i].fd, abi);
    return r < 0 ? r : ym_steal_fd(&set);
}
