#include "unit.h"

#include <ymago/formats.h>

static void lines_and_prompts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *prompt, *fields; /* fields NULL = none are there */
    } cases[] = {
        {"a fox\nNegative prompt: people, text\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x768, "
         "Model hash: abc, Model: dream, Clip skip: 2, Denoising strength: 0.4",
         "a fox\n",
         "{\"steps\":20,\"sampler\":\"Euler a\",\"cfg_scale\":7,\"seed\":42,\"width\":512,\"height\":768,"
         "\"clip_skip\":2,\"strength\":0.4,\"negative_prompt\":\"people, text\"}"},
        {"a fox\nNegative prompt: people,\nmany of them\n", "a fox\n", "{\"negative_prompt\":\"people,\\nmany of them\"}"},
        {"a\nfox\r\nSteps: 9, Seed: 1\r\n\n", "a\nfox\r\n", "{\"steps\":9,\"seed\":1}"},
        {"Steps: 9, Seed: 1", "", "{\"steps\":9,\"seed\":1}"},
        {"a fox\nSteps: 9, Size: 12, Seed: , Sampler: x", "a fox\n", "{\"steps\":9,\"sampler\":\"x\"}"},
        {"a fox\nNegative prompt:\nSteps: 9, x", "a fox\n", "{\"steps\":9}"},
        {"a fox\nNegative prompt:", "", NULL},
        {"a fox", "", NULL},
        {"", "", NULL},
        {"\n", "", NULL},
        {"a fox climbs.\nSteps: worn and old", "", NULL},
        {"Steps: 3, 2, 1, go\na fox runs", "", NULL},
        {"a fox with Negative prompt: in its mouth", "", NULL},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct ym_span p = {cases[i].text, 0};
        YM_AUTOJSON cJSON *got = NULL;
        bool found = ym_parameter_lines(cases[i].text, strlen(cases[i].text), &p, &got);
        assert_int_equal(found, cases[i].fields != NULL);
        if (!found)
            continue;
        YM_AUTOJSON cJSON *want = cJSON_Parse(cases[i].fields);
        YM_AUTOFREE char *a = ym_json_canonical(want), *b = ym_json_canonical(got);
        assert_string_equal(b, a);
        assert_int_equal(p.len, strlen(cases[i].prompt));
        assert_memory_equal(p.s, cases[i].prompt, p.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_and_prompts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
