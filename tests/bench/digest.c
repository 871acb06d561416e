/* The processor time of ymago's digest, to be told apart from the rest.   digest BYTES COUNT */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ymago/base.h>

#define PIECE 65536 /* about what arrives at once */

int main(int argc, char **argv)
{
    static char piece[PIECE];
    struct timespec t;
    if (argc != 3) {
        fprintf(stderr, "usage: digest BYTES COUNT\n");
        return 2;
    }
    size_t size = strtoull(argv[1], NULL, 10);
    long count = strtol(argv[2], NULL, 10);
    memset(piece, 'x', sizeof piece);
    for (long i = 0; i < count; i++) {
        struct ym_hash *h = ym_hash_new();
        for (size_t at = 0; at < size; at += PIECE)
            ym_hash_add(h, piece, size - at < PIECE ? size - at : PIECE);
        struct ym_digest d = ym_hash_end(h);
        piece[0] = (char)d.b[0];
        ym_hash_free(h);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    printf("{\"cpu\":%.9f}\n", ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / (double)count);
    return 0;
}
