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
         "\"clip_skip\":2,\"strength\":0.4,\"negative_prompt\":\"people, text\",\"model\":\"dream\"}"},
        /* as newer versions print it, with a second pass */
        {"a fox <lora:ink:0.8>\nSteps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1, Size: 512x768, "
         "Model hash: 879db523c3, Model: 1234, Denoising strength: 0.45, Clip skip: 2, Hires upscale: 1.5, Hires steps: 12, "
         "Hires upscaler: 4x-UltraSharp, Lora hashes: \"ink: 1a2b, fox: 3c4d, Steps: 9\", Version: v1.10.1",
         "a fox <lora:ink:0.8>\n",
         "{\"steps\":28,\"sampler\":\"DPM++ 2M\",\"scheduler\":\"Karras\",\"cfg_scale\":6.5,\"seed\":1,\"width\":512,"
         "\"height\":768,\"model\":\"1234\",\"clip_skip\":2,\"hires\":{\"upscale_factor\":1.5,\"steps\":12,"
         "\"upscaler\":\"4x-UltraSharp\",\"denoising_strength\":0.45}}"},
        {"x\nSteps: 1, Size: 512x768, Hires resize: 1024x1536, Denoising strength: 0.7", "x\n",
         "{\"steps\":1,\"width\":512,\"height\":768,\"hires\":{\"upscale_factor\":2,\"denoising_strength\":0.7}}"},
        {"x\nSteps: 1, Hires resize: 1024x1536", "x\n", "{\"steps\":1}"},
        {"x\nSteps: 1, Size: 512x512, Size: 9x9, Hires resize: 9x9, Seed: 4, Seed: 5", "x\n",
         "{\"steps\":1,\"width\":512,\"height\":512,\"seed\":4}"},
        /* values in quotes; a quote that never ends is text like any other */
        {"x\nSteps: 1, Model: \"a, b: \\\"c\\\"\", Seed: 2", "x\n", "{\"steps\":1,\"model\":\"a, b: \\\"c\\\"\",\"seed\":2}"},
        {"x\nSteps: 1, Sampler: \"a, Seed: 2", "x\n", "{\"steps\":1,\"sampler\":\"\\\"a\",\"seed\":2}"},
        {"x\nSteps: 1, Sampler: \"a\\u0000\", Seed: 2", "x\n", "{\"steps\":1,\"sampler\":\"\\\"a\\\\u0000\\\"\",\"seed\":2}"},
        {"x\nSteps: 1, Hires prompt: \"b, Seed: 3\"", "x\n", "{\"steps\":1}"},
        {"x\nSteps: 1,, Seed , : 5, Sampler:, Clip skip: 2", "x\n", "{\"steps\":1,\"clip_skip\":2}"},
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
