/* Runs a fuzz target over the files of the folders that are named: the corpus as a test. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

/* In a block of exactly its size, so that the sanitizer sees a read behind the end. */
static void run_file(int dir, const char *name)
{
    YM_AUTOCLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ym_assert(fd >= 0 && fstat(fd, &st) == 0);
    YM_AUTOFREE uint8_t *data = malloc((size_t)st.st_size);
    ym_assert(read(fd, data, (size_t)st.st_size) == st.st_size);
    LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
}

static int run_folder(const char *path)
{
    DIR *d = opendir(path);
    int files = 0;
    ym_assert(d != NULL);
    for (struct dirent *ent; (ent = readdir(d));) {
        if (ent->d_name[0] == '.')
            continue;
        fprintf(stderr, "%s/%s\n", path, ent->d_name); /* the last line names the culprit */
        run_file(dirfd(d), ent->d_name);
        files++;
    }
    closedir(d);
    return files;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int files = run_folder(argv[i]);
        ym_assert(files > 0);
        printf("%s: %d files\n", argv[i], files);
    }
    ym_assert(argc > 1);
    return 0;
}
