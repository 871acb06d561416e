/* Draws prompts with the offline painter, to look at and to time:
 *   sketch_sheet DIR < LIST     each line of LIST: "WIDTHxHEIGHT SEED prompt"; DIR/001.png ... */
#include <errno.h>
#include <ymago/base.h>

#include "../../src/providers/sketch/sketch.h"

static int file_write(void *ctx, const void *data, size_t len)
{
    return fwrite(data, 1, len, ctx) == len ? 0 : -EIO;
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int line_draw(const char *dir, int n, const char *line)
{
    int w, h, at = 0;
    unsigned long long seed;
    struct ym_err e;
    if (sscanf(line, "%dx%d %llu %n", &w, &h, &seed, &at) < 3 || !at)
        return -EINVAL;
    YM_AUTOFREE char *path = ym_asprintf("%s/%03d.png", dir, n);
    FILE *f = fopen(path, "wbe");
    if (!f)
        return -errno;
    struct sketch_wish wish = {
        .prompt = line + at, .seed = seed, .width = w, .height = h, .quality = SKETCH_STANDARD};
    double t0 = cpu_ms();
    int rc = sketch_draw(&wish, file_write, f, &e);
    double ms = cpu_ms() - t0;
    printf("%03d %4dx%-4d %7.1f ms %8ld bytes  %s%s\n", n, w, h, ms, ftell(f), line + at,
           rc ? e.msg : "");
    return fclose(f) ? -errno : rc;
}

int main(int argc, char **argv)
{
    char line[4096];
    if (argc != 2) {
        fprintf(stderr, "usage: sketch_sheet DIR < LIST\n");
        return 2;
    }
    for (int n = 1; fgets(line, sizeof(line), stdin); n++) {
        line[strcspn(line, "\n")] = '\0';
        int rc = line_draw(argv[1], n, line);
        if (rc) {
            fprintf(stderr, "line %d: %s\n", n, strerror(-rc));
            return 1;
        }
    }
    return 0;
}
