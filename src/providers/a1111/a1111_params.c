/* `params`: settings of the server's by its own names, passed on. Everything that a prompt file says may
 * have been written by somebody else, and these servers run programs and write files when they are asked
 * to: what could do that is refused. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "a1111.h"

/* Set by this driver or by fields of their own. */
static const char *const with_field[] = {
    "prompt",       "negative_prompt",
    "seed",         "width",
    "height",       "steps",
    "cfg_scale",    "sampler",
    "sampler_name", "sampler_index",
    "scheduler",    "styles",
    "strength",     "denoising_strength",
    "enable_hr",    "hr_scale",
    "hr_upscaler",  "hr_steps",
    "hires",        "hr_second_pass_steps",
    "clip_skip",    "resize_mode",
    "lora",         "loras",
    "model",        "video_frames",
    "fps",          "batch_size",
    "batch_count",  "n_iter",
    "init_image",   "end_image",
    "init_images",  "ref_images",
    "extra_images", "output_format",
    NULL,
};
/* What runs programs there, writes files there, reads any file there, or says who is asking. An infotext
 * sets all of the others, by their names on the page. */
static const char *const refused[] = {"infotext",
                                      "send_images",
                                      "force_task_id",
                                      "include_init_images",
                                      "override_settings_restore_afterwards",
                                      "sd_cpp_extra_args",
                                      NULL};
static const char *const refused_parts[] = {"script", "save", "path",     "folder",  "file",
                                            "_dir",   "url",  "callback", "webhook", NULL};
/* Of the server's hundreds of options, which name folders among other things. */
static const char *const options_taken[] = {"sd_vae",
                                            "eta_noise_seed_delta",
                                            "randn_source",
                                            "sgm_noise_multiplier",
                                            "token_merging_ratio",
                                            "token_merging_ratio_hr",
                                            "s_min_uncond",
                                            NULL};

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(word, *list) == 0)
            return true;
    return false;
}

static bool is_refused(const char *key)
{
    for (const char *const *part = refused_parts; *part; part++)
        if (strcasestr(key, *part))
            return true;
    return listed(key, refused);
}

static int refuse(const char *key, const char *why, struct ym_err *e)
{
    char show[60];
    return ym_fail(e, YM_INVALID, EPERM, "params: %s %s.", ym_text_show(key, show, sizeof show), why);
}

/* An address makes the server fetch it. */
static bool has_address(const cJSON *v)
{
    const cJSON *child;
    if (cJSON_IsString(v) && strstr(v->valuestring, "://"))
        return true;
    cJSON_ArrayForEach (child, v)
        if (has_address(child))
            return true;
    return false;
}

/* Keys within tables too; depth is bounded by the parsers. */
static int inner_check(const cJSON *v, struct ym_err *e)
{
    const cJSON *child;
    int r = 0;
    if (v->string && is_refused(v->string))
        return refuse(v->string, "is not passed on: it could run, write or read something on the server", e);
    cJSON_ArrayForEach (child, v)
        r = r < 0 ? r : inner_check(child, e);
    return r;
}

static int options_check(const cJSON *options, struct ym_err *e)
{
    const cJSON *o;
    cJSON_ArrayForEach (o, options)
        if (!o->string || !listed(o->string, options_taken))
            return refuse(o->string ? o->string : "override_settings",
                          "is no option that a request may override; sd_vae is, and a few numbers", e);
    return cJSON_IsObject(options) ? 0 : refuse("override_settings", "must be a table", e);
}

int a1111_params_check(const cJSON *params, struct ym_err *e)
{
    const cJSON *p;
    cJSON_ArrayForEach (p, params) {
        int r = 0;
        if (strcasecmp(p->string, "override_settings") == 0)
            r = strcmp(p->string, "override_settings") == 0 ? options_check(p, e)
                                                            : refuse(p->string, "is written in small letters", e);
        else if (listed(p->string, with_field))
            r = refuse(p->string, "is set by a field of its own, beside params", e);
        else
            r = inner_check(p, e);
        if (r == 0 && has_address(p))
            r = refuse(p->string, "holds an address, which the server would fetch; use from_image", e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What is not set yet. Tables are filled up. */
int a1111_params_merge(cJSON *into, const cJSON *extra, struct ym_err *e)
{
    const cJSON *x;
    cJSON_ArrayForEach (x, extra) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(into, x->string);
        int r = 0;
        if (!old)
            cJSON_AddItemToObject(into, x->string, cJSON_Duplicate(x, true));
        else if (cJSON_IsObject(old) && cJSON_IsObject(x))
            r = a1111_params_merge(old, x, e);
        else
            r = refuse(x->string, "is set by a field of its own, beside params", e);
        if (r < 0)
            return r;
    }
    return 0;
}
