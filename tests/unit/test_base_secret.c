#include "unit.h"

static void secrets_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *text, *masked;
    } cases[] = {
        {"sk-abcdef", "key sk-abcdef!", "key *********!"},
        {"sk-abcdef", "sk-abcdefsk-abcdef", "******************"},
        {"sk-abcdef", "sk-abcde", "sk-abcde"},
        {"sk-abcdef", "", ""},
        {"short", "a short text", "a short text"},
        {"sixsix", "sixsixsix", "******six"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct ym_secret *s = ym_secret_new(cases[i].secret, strlen(cases[i].secret));
        YM_AUTOFREE char *text = ym_strdup(cases[i].text);
        ym_secret_mask(text, strlen(text));
        assert_string_equal(text, cases[i].masked);
        assert_string_equal(ym_secret_reveal(s), cases[i].secret);
        ym_secret_free(s);
    }
}

static void a_key_in_a_key_is_masked_whole(void **state)
{
    (void)state;
    struct ym_secret *a = ym_secret_new("abcdef", 6), *b = ym_secret_new("abcdefghij", 10),
                     *c = ym_secret_new("abcdef", 6);
    char text[] = "abcdefghij abcdef";
    ym_secret_mask(text, strlen(text));
    assert_string_equal(text, "********** ******");
    ym_secret_free(a); /* its twin still counts */
    ym_secret_free(b);
    char again[] = "abcdefghij";
    ym_secret_mask(again, strlen(again));
    assert_string_equal(again, "******ghij");
    ym_secret_free(c);
    char last[] = "abcdefghij";
    ym_secret_mask(last, strlen(last));
    assert_string_equal(last, "abcdefghij");
    ym_secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(a_key_in_a_key_is_masked_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
