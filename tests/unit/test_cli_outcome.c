/* Exit codes. */
#include "unit.h"

#include "../../src/cli/cli_private.h"

static void of_one_job(void **state)
{
    (void)state;
    assert_int_equal(exit_of_state("done", YM_OK), 0);
    assert_int_equal(exit_of_state("held", YM_HELD), 4);
    assert_int_equal(exit_of_state("failed", YM_REFUSED), 3);
    assert_int_equal(exit_of_state("failed", YM_INVALID), 2);
    assert_int_equal(exit_of_state("failed", YM_AUTH), 1);
    assert_int_equal(exit_of_state("failed", YM_OK), 3); /* never 0 */
    assert_int_equal(exit_of_state("unknown", YM_AMBIGUOUS), 3);
    assert_int_equal(exit_of_state("cancelled", YM_CANCELLED),
                     3); /* 130 is for this process alone */
    assert_int_equal(exit_of_state("blocked", YM_AUTH), 1);
    assert_int_equal(exit_of_state("none", YM_OK), 1);
    assert_int_equal(exit_of_state("", YM_OK), 1);
}

static void of_several(void **state)
{
    (void)state;
    static const int rows[][3] = {
        {0, 0, 0}, {0, 4, 4}, {4, 4, 4}, {0, 3, 3},     {3, 4, 3},     {0, 1, 3},
        {1, 1, 1}, {2, 2, 2}, {0, 2, 3}, {130, 0, 130}, {3, 130, 130},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        assert_int_equal(exit_join(rows[i][0], rows[i][1]), rows[i][2]);
        assert_int_equal(exit_join(rows[i][1], rows[i][0]), rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_one_job), cmocka_unit_test(of_several)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
