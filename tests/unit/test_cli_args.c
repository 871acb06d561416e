/* Arguments by table. */
#include "unit.h"

#include <errno.h>

#include "../../src/cli/args.h"

static const struct opt common[] = {
    {"json", 0, NULL, "json", false, false},
    {"library", 0, "DIR", "library", false, false},
    {"key", 0, "KEY", "key", false, true},
    {"help", 'h', NULL, "help", false, false},
    {0},
};
static const struct opt paint_opts[] = {
    {"seed", 0, "N", "seed", false, false},
    {"from", 0, "FILE", "from", true, false},
    {"force", 'f', NULL, "force", false, false},
    {NULL, 'o', "OPTS", "options", true, false},
    {0},
};
static const struct cmd paint = {
    .name = "paint", .args = "PROMPT", .min = 1, .max = 2, .opts = paint_opts};
static const struct cmd many = {.name = "many", .args = "[PATH ...]", .min = 0, .max = -1};
static const struct cmd form = {
    .name = "LIB", .args = "DIR", .min = 2, .max = 2, .opts = paint_opts};

static const struct cmd *find(const char *word, bool *ret_keep, struct ym_err *e)
{
    *ret_keep = word[0] == '/';
    if (*ret_keep)
        return &form;
    if (strcmp(word, "paint") == 0)
        return &paint;
    if (strcmp(word, "many") == 0)
        return &many;
    ym_fail(e, YM_INVALID, EINVAL, "no such command");
    return NULL;
}

static const struct arg_rules rules = {.common = common, .find = find};

/* Splits at '|' into writable words, as argv is. */
struct words {
    char *v[32];
    int n;
};

static void words_of(struct words *w, const char *line)
{
    *w = (struct words){0};
    w->v[w->n++] = ym_strdup("ymago");
    for (const char *p = line; p;) {
        const char *bar = strchr(p, '|');
        w->v[w->n++] = bar ? ym_strndup(p, (size_t)(bar - p)) : ym_strdup(p);
        p = bar ? bar + 1 : NULL;
    }
}

static void words_free(struct words *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->v[i]);
}

static void good(const char *line, struct words *w, struct args *a)
{
    struct ym_err e = {0};
    words_of(w, line);
    if (args_parse(&rules, w->n, w->v, a, &e) < 0)
        fail_msg("%s: %s", line, e.msg);
}

static void bad(const char *line, const char *part)
{
    struct words w;
    struct args a = {0};
    struct ym_err e = {0};
    words_of(&w, line);
    assert_int_equal(args_parse(&rules, w.n, w.v, &a, &e), -EINVAL);
    if (!strstr(e.msg, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", line, e.msg, part);
    words_free(&w);
}

static void options_and_operands_in_any_order(void **state)
{
    (void)state;
    static const char *const lines[] = {"--json|paint|--seed|7|sun|-f",
                                        "paint|sun|--seed=7|--json|-f",
                                        "paint|-f|--seed|7|--json|--|sun"};
    for (size_t i = 0; i < YM_COUNT(lines); i++) {
        struct words w;
        struct args a;
        good(lines[i], &w, &a);
        assert_ptr_equal(a.cmd, &paint);
        assert_int_equal(a.npos, 1);
        assert_string_equal(a.pos[0], "sun");
        assert_null(a.pos[1]);
        assert_string_equal(arg_get(&a, "seed"), "7");
        assert_true(arg_has(&a, "json"));
        assert_true(arg_has(&a, "force"));
        assert_false(arg_has(&a, "help"));
        args_fini(&a);
        words_free(&w);
    }
}

static void values(void **state)
{
    (void)state;
    struct words w;
    struct args a;
    good("paint|-|--seed|-1|--seed|--json|--from|a|--from=b|--from=|-fo|x,y|-oz", &w, &a);
    assert_string_equal(a.pos[0], "-");
    assert_string_equal(arg_get(&a, "seed"),
                        "--json"); /* a value is taken as it is; the last one counts */
    assert_false(arg_has(&a, "json"));
    assert_string_equal(arg_nth(&a, "from", 0), "a");
    assert_string_equal(arg_nth(&a, "from", 1), "b");
    assert_string_equal(arg_nth(&a, "from", 2), "");
    assert_null(arg_nth(&a, "from", 3));
    assert_true(arg_has(&a, "force"));
    assert_string_equal(arg_nth(&a, "o", 0), "x,y");
    assert_string_equal(arg_nth(&a, "o", 1), "z");
    args_fini(&a);
    words_free(&w);
}

static void after_two_dashes_all_are_operands(void **state)
{
    (void)state;
    struct words w;
    struct args a;
    good("paint|--|--seed|-f", &w, &a);
    assert_int_equal(a.npos, 2);
    assert_string_equal(a.pos[0], "--seed");
    assert_string_equal(a.pos[1], "-f");
    assert_null(arg_get(&a, "seed"));
    args_fini(&a);
    words_free(&w);
}

static void the_word_may_be_an_operand(void **state)
{
    (void)state;
    struct words w;
    struct args a;
    good("/lib|/mnt|-o|ro", &w, &a);
    assert_ptr_equal(a.cmd, &form);
    assert_string_equal(a.pos[0], "/lib");
    assert_string_equal(a.pos[1], "/mnt");
    args_fini(&a);
    words_free(&w);
    struct arg_rules fixed = {.common = common, .find = find, .fixed = &form};
    struct ym_err e;
    words_of(&w, "paint|many");
    assert_int_equal(args_parse(&fixed, w.n, w.v, &a, &e), 0);
    assert_ptr_equal(a.cmd, &form);
    assert_int_equal(a.npos, 2);
    args_fini(&a);
    words_free(&w);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    bad("paint|sun|--sede|7", "did you mean --seed?");
    bad("paint|sun|--zzzzzz", "ymago paint --help");
    bad("paint|sun|--seed", "--seed needs a value");
    bad("paint|sun|--json=1", "--json takes no value");
    bad("paint|sun|-x", "no option -x");
    bad("paint", "Something is missing: ymago paint PROMPT");
    bad("paint|a|b|c", "\"c\" is one word too many");
    bad("pint", "no such command");
    bad("--libary|x|paint|sun", "did you mean --library?");
    bad("many|--seed|3", "no option --seed"); /* an option of another command */
}

static void help_excuses_missing_operands(void **state)
{
    (void)state;
    struct words w;
    struct args a;
    good("paint|-h", &w, &a);
    assert_true(arg_has(&a, "help"));
    args_fini(&a);
    words_free(&w);
    good("--help", &w, &a);
    assert_null(a.cmd);
    args_fini(&a);
    words_free(&w);
}

static bool in_argv(const struct words *w, const char *text)
{
    for (int i = 0; i < w->n; i++)
        if (strstr(w->v[i], text))
            return true;
    return false;
}

static void secrets_leave_argv(void **state)
{
    (void)state;
    static const char *const lines[] = {"paint|sun|--key|hush-hush", "--key=hush-hush|paint|sun"};
    for (size_t i = 0; i < YM_COUNT(lines); i++) {
        struct words w;
        struct args a;
        good(lines[i], &w, &a);
        assert_string_equal(ym_secret_reveal(arg_secret(&a, "key")), "hush-hush");
        assert_false(in_argv(&w, "hush"));
        args_fini(&a);
        words_free(&w);
    }
}

static void secrets_leave_argv_on_mistakes_too(void **state)
{
    (void)state;
    static const char *const lines[] = {"paint|--zzzzzz|--key|hush-hush", "pint|--key=hush-hush",
                                        "paint|--key|hush-hush"};
    for (size_t i = 0; i < YM_COUNT(lines); i++) {
        struct words w;
        struct args a;
        struct ym_err e;
        words_of(&w, lines[i]);
        assert_int_equal(args_parse(&rules, w.n, w.v, &a, &e), -EINVAL);
        assert_false(in_argv(&w, "hush"));
        assert_null(strstr(e.msg, "hush"));
        words_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_in_any_order),
        cmocka_unit_test(values),
        cmocka_unit_test(after_two_dashes_all_are_operands),
        cmocka_unit_test(the_word_may_be_an_operand),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(help_excuses_missing_operands),
        cmocka_unit_test(secrets_leave_argv),
        cmocka_unit_test(secrets_leave_argv_on_mistakes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
