#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static char *logged(int fd)
{
    static char text[16384];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return text;
}

static void lines(void **state)
{
    (void)state;
    YM_AUTOCLOSE int fd = memfd_create("log", MFD_CLOEXEC);
    ym_log_open(fd, YM_INFO);
    errno = EBUSY;
    ym_log(YM_INFO, "engine", "job=%s went\non", "ID");
    assert_int_equal(errno, EBUSY);
    char *line = logged(fd);
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    assert_string_equal(line + 24, " info engine: job=ID went\\x0Aon\n");
    ym_log(YM_DEBUG, "engine", "quiet");
    assert_string_equal(logged(fd), "");
    ym_log(YM_ERROR, "net", "loud");
    assert_string_equal(logged(fd) + 24, " error net: loud\n");
    ym_log_open(-1, YM_INFO);
}

static void secrets_are_masked_before_the_cut(void **state)
{
    (void)state;
    YM_AUTOCLOSE int fd = memfd_create("log", MFD_CLOEXEC);
    ym_log_open(fd, YM_DEBUG);
    struct ym_secret *s = ym_secret_new("sk-0123456789", 13);
    YM_AUTOFREE char *lead = ym_alloc(5000);
    for (size_t n = 4030; n < 4100; n++) {
        memset(lead, ' ', n);
        lead[n] = '\0';
        ym_log(YM_WARN, "net", "%s%s", lead, "sk-0123456789");
        char *line = logged(fd);
        assert_null(strstr(line, "sk"));
        assert_true(strlen(line) <= 4096);
        assert_int_equal(line[strlen(line) - 1], '\n');
    }
    ym_secret_free(s);
    ym_log_open(-1, YM_INFO);
}

static void levels(void **state)
{
    (void)state;
    enum ym_level l = YM_ERROR;
    assert_int_equal(ym_log_level_parse("debug", &l), 0);
    assert_int_equal(l, YM_DEBUG);
    assert_int_equal(ym_log_level_parse("warn", &l), 0);
    assert_int_equal(l, YM_WARN);
    assert_int_equal(ym_log_level_parse("loud", &l), -EINVAL);
    assert_int_equal(ym_log_level_parse(NULL, &l), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(secrets_are_masked_before_the_cut),
        cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
