#include "unit.h"

static void ids_sort_by_time(void **state)
{
    (void)state;
    struct ym_id last = ym_id_new((ym_wall){0});
    assert_memory_equal(last.s, "0000000000", 10);
    for (int64_t ms = 1; ms < INT64_C(1) << 47; ms = ms * 3 + 1) {
        struct ym_id id = ym_id_new((ym_wall){ms});
        assert_true(ym_id_valid(id.s));
        assert_true(strcmp(last.s, id.s) < 0);
        last = id;
    }
    struct ym_id end = ym_id_new((ym_wall){(INT64_C(1) << 48) - 1});
    assert_memory_equal(end.s, "7ZZZZZZZZZ", 10);
}

static void ids_of_one_millisecond_sort_as_they_were_made(void **state)
{
    (void)state;
    struct ym_id last = ym_id_new((ym_wall){1795177736330});
    for (int i = 0; i < 1000; i++) {
        struct ym_id next = ym_id_new((ym_wall){1795177736330});
        assert_true(strcmp(last.s, next.s) < 0);
        last = next;
    }
}

static void ids_differ(void **state)
{
    (void)state;
    struct ym_id a[64];
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    bool seen[32] = {false};
    for (size_t i = 0; i < YM_COUNT(a); i++) {
        a[i] = ym_id_new((ym_wall){1});
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(a[i].s, a[j].s);
        for (int k = 10; k < YM_ID_LEN; k++)
            seen[strchr(letters, a[i].s[k]) - letters] = true;
    }
    for (int i = 0; i < 32; i++)
        assert_true(seen[i]);
}

static void what_is_an_id(void **state)
{
    (void)state;
    assert_true(ym_id_valid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    static const char *const bad[] = {
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FAI",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "../../../../../../etc/pass",
        "01ARZ3NDEKTSV4RRFFQ69G5FA/",
    };
    for (size_t i = 0; i < YM_COUNT(bad); i++)
        if (ym_id_valid(bad[i]))
            fail_msg("%s", bad[i]);
    assert_false(ym_id_valid(NULL));
}

static void randomness_is_even(void **state)
{
    (void)state;
    unsigned count[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint64_t r = ym_random_below(10);
        assert_true(r < 10);
        count[r]++;
    }
    for (int i = 0; i < 10; i++) /* 1000 each; ten standard deviations */
        assert_true(count[i] > 700 && count[i] < 1300);
    assert_int_equal(ym_random_below(1), 0);
    for (int i = 0; i < 100; i++)
        assert_true(ym_random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_sort_by_time),
        cmocka_unit_test(ids_of_one_millisecond_sort_as_they_were_made),
        cmocka_unit_test(ids_differ),
        cmocka_unit_test(what_is_an_id),
        cmocka_unit_test(randomness_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
