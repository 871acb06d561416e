#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/net/body.h"

static int file_of(size_t size)
{
    int fd = memfd_create("piece", MFD_CLOEXEC);
    assert_true(fd >= 0);
    YM_AUTOFREE uint8_t *data = ym_alloc(size + 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 131 + i / 256);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    return fd;
}

/* What the pieces give, made the plain way. */
static char *expected(const struct ym_piece *p, size_t n, size_t *ret_len)
{
    struct ym_buf out;
    ym_buf_init(&out, 1 << 24);
    for (size_t i = 0; i < n; i++) {
        if (p[i].type == YM_PIECE_BYTES) {
            assert_int_equal(ym_buf_add(&out, p[i].data, p[i].len), 0);
            continue;
        }
        size_t size = (size_t)p[i].size;
        YM_AUTOFREE uint8_t *raw = ym_alloc(size + 1);
        YM_AUTOFREE char *text = ym_alloc(size * 2 + 8);
        assert_int_equal(pread(p[i].fd, raw, size, p[i].offset), (ssize_t)size);
        if (p[i].type == YM_PIECE_FILE)
            assert_int_equal(ym_buf_add(&out, raw, size), 0);
        else
            assert_int_equal(ym_buf_add(&out, text, ym_b64_encode(raw, size, text)), 0);
    }
    *ret_len = out.len;
    return ym_buf_steal(&out);
}

static void check_reads(struct ym_body *b, const char *want, size_t len, size_t step)
{
    YM_AUTOFREE char *buf = ym_alloc(step);
    size_t have = 0;
    ssize_t r;
    while ((r = ym_body_read(b, buf, step)) > 0) {
        assert_true(have + (size_t)r <= len);
        assert_memory_equal(buf, want + have, (size_t)r);
        have += (size_t)r;
    }
    assert_int_equal(r, 0);
    assert_int_equal(have, len);
}

static void test_stream(void **state)
{
    (void)state;
    YM_AUTOCLOSE int fd = file_of(50000);
    const struct ym_piece p[] = {
        {.type = YM_PIECE_BYTES, .data = "{\"a\":\"", .len = 6},
        {.type = YM_PIECE_FILE_B64, .fd = fd, .offset = 0, .size = 50000},
        {.type = YM_PIECE_BYTES, .data = NULL, .len = 0},
        {.type = YM_PIECE_FILE_B64, .fd = fd, .offset = 7, .size = 1},
        {.type = YM_PIECE_FILE_B64, .fd = fd, .offset = 7, .size = 0},
        {.type = YM_PIECE_FILE_B64, .fd = fd, .offset = 100, .size = 12288},
        {.type = YM_PIECE_FILE, .fd = fd, .offset = 3, .size = 40001},
        {.type = YM_PIECE_BYTES, .data = "\"}", .len = 2},
    };
    size_t len;
    YM_AUTOFREE char *want = expected(p, YM_COUNT(p), &len);
    assert_int_equal(ym_pieces_length(p, YM_COUNT(p)), len);
    static const size_t steps[] = {1, 2, 3, 7, 4096, 16384, 65536, 1 << 20};
    for (size_t i = 0; i < YM_COUNT(steps); i++) {
        struct ym_body *b = ym_body_new(p, YM_COUNT(p));
        check_reads(b, want, len, steps[i]);
        body_rewind(b);
        check_reads(b, want, len, steps[i]);
        ym_body_free(b);
    }
    struct ym_body *b = ym_body_new(p, YM_COUNT(p));
    char some[9000];
    assert_int_equal(ym_body_read(b, some, sizeof(some)), sizeof(some));
    body_rewind(b); /* in the middle of a chunk */
    check_reads(b, want, len, 4096);
    ym_body_free(b);
}

static void test_short_file(void **state)
{
    (void)state;
    YM_AUTOCLOSE int fd = file_of(100);
    for (int type = YM_PIECE_FILE; type <= YM_PIECE_FILE_B64; type++) {
        struct ym_piece p = {.fd = fd, .size = 101};
        memcpy(&p.type, &type, sizeof(p.type));
        struct ym_body *b = ym_body_new(&p, 1);
        char buf[4096];
        assert_int_equal(ym_body_read(b, buf, sizeof(buf)), -EIO);
        ym_body_free(b);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    const struct ym_piece none = {.type = YM_PIECE_FILE, .fd = -1, .size = 1};
    const struct ym_piece negative = {.type = YM_PIECE_FILE, .fd = 0, .size = -1};
    const struct ym_piece before = {.type = YM_PIECE_FILE, .fd = 0, .offset = -1, .size = 1};
    const struct ym_piece huge[] = {
        {.type = YM_PIECE_FILE_B64, .fd = 0, .size = INT64_MAX / 4},
        {.type = YM_PIECE_FILE_B64, .fd = 0, .size = INT64_MAX / 4},
        {.type = YM_PIECE_FILE_B64, .fd = 0, .size = INT64_MAX / 4},
        {.type = YM_PIECE_FILE_B64, .fd = 0, .size = INT64_MAX / 4},
    };
    assert_int_equal(ym_pieces_length(NULL, 0), 0);
    assert_int_equal(ym_pieces_length(&none, 1), -EINVAL);
    assert_int_equal(ym_pieces_length(&negative, 1), -EINVAL);
    assert_int_equal(ym_pieces_length(&before, 1), -EINVAL);
    assert_int_equal(ym_pieces_length(huge, 4), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stream),
                                       cmocka_unit_test(test_short_file),
                                       cmocka_unit_test(test_lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
