/* Names of the user's and names of the server's: people write "euler a", one server says "Euler a" and
 * the next "euler_a". */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "a1111.h"

#define NAMES_MAX 500

static const char *skip(const char *s)
{
    while (*s == ' ' || *s == '-' || *s == '_')
        s++;
    return s;
}

size_t a1111_prefix(const char *word, const char *prefix)
{
    const char *w = word;
    for (const char *p = skip(prefix); *p; p = skip(p + 1), w++) {
        w = skip(w);
        if (!*w || tolower((unsigned char)*w) != tolower((unsigned char)*p))
            return 0;
    }
    return (size_t)(w - word);
}

bool a1111_same(const char *a, const char *b)
{
    size_t n = a1111_prefix(a, b);
    return n > 0 && !*skip(a + n);
}

const char *a1111_name(const cJSON *item, const char *key)
{
    return cJSON_IsString(item) ? item->valuestring : ym_json_str(item, key);
}

static bool says(const char *name, const char *want, bool exactly)
{
    return name && (exactly ? strcmp(name, want) == 0 : a1111_same(name, want));
}

static bool is_called(const cJSON *item, const char *const *keys, const char *want, bool exactly)
{
    const cJSON *alias;
    for (; *keys; keys++) {
        if (says(a1111_name(item, *keys), want, exactly))
            return true;
        cJSON_ArrayForEach (alias, ym_json_get(item, *keys))
            if (says(cJSON_GetStringValue(alias), want, exactly))
                return true;
    }
    return false;
}

const cJSON *a1111_find(const cJSON *list, const char *const *keys, const char *want)
{
    const cJSON *item;
    for (int exactly = 1; exactly >= 0; exactly--)
        cJSON_ArrayForEach (item, list)
            if (is_called(item, keys, want, exactly))
                return item;
    return NULL;
}

/* The nearest of the names, or one that holds the word or is held by it. */
static const char *nearest(const char *want, const char *const *names)
{
    const char *near = ym_text_suggest(want, names);
    for (size_t i = 0; !near && names[i]; i++)
        for (const char *p = names[i]; *p && !near; p++)
            if (a1111_prefix(p, want) > 0)
                near = names[i];
    for (size_t i = 0; !near && names[i]; i++)
        if (a1111_prefix(want, names[i]) > 2)
            near = names[i];
    return near;
}

int a1111_no_such(const cJSON *state, const char *what, const char *want, const cJSON *list, const char *key,
                  struct ym_err *e)
{
    const char *names[NAMES_MAX + 1];
    char show[60], all[90] = "";
    size_t n = 0, at = 0;
    const cJSON *item;
    cJSON_ArrayForEach (item, list)
        if (n < NAMES_MAX && a1111_name(item, key))
            names[n++] = a1111_name(item, key);
    names[n] = NULL;
    const char *near = nearest(want, names), *who = a1111_who(state);
    ym_text_show(want, show, sizeof show);
    if (near)
        return ym_fail(e, YM_INVALID, ENOENT, "%s has no %s \"%s\"; did you mean \"%.60s\"?", who, what, show, near);
    for (size_t i = 0; i < n && at + strlen(names[i]) + 8 < sizeof all; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, "%s%s%s", i ? ", " : "", names[i],
                               names[i + 1] && at + 2 * strlen(names[i]) + 12 >= sizeof all ? " ..." : "");
    return ym_fail(e, YM_INVALID, ENOENT, "%s has no %s \"%s\"%s%s.", who, what, show, *all ? "; it has " : "", all);
}

/* ---- checkpoints ---- */

char *a1111_stem(const char *path)
{
    const char *base = path;
    for (const char *p = path; *p; p++)
        if (*p == '/' || *p == '\\')
            base = p + 1;
    const char *dot = strrchr(base, '.');
    return ym_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

/* "sub/x.safetensors [hash]": without the hash. */
static char *title_name(const char *title)
{
    const char *hash = strstr(title, " [");
    return ym_strndup(title, hash ? (size_t)(hash - title) : strlen(title));
}

static bool model_is(const cJSON *item, const char *want, bool exactly)
{
    static const char *const keys[] = {"title", "model_name", "hash", "sha256", NULL};
    YM_AUTOFREE char *name = title_name(ym_json_str_or(item, "title", ""));
    YM_AUTOFREE char *stem = a1111_stem(ym_json_str_or(item, "filename", name));
    return is_called(item, keys, want, exactly) || says(name, want, exactly) || says(stem, want, exactly);
}

const cJSON *a1111_model_find(const cJSON *list, const char *want)
{
    const cJSON *item;
    for (int exactly = 1; exactly >= 0; exactly--)
        cJSON_ArrayForEach (item, list)
            if (model_is(item, want, exactly))
                return item;
    return NULL;
}

bool a1111_names_model(const cJSON *state, const char *name)
{
    static const char *const keys[] = {"name", "stem"};
    YM_AUTOFREE char *stem = a1111_stem(name);
    for (size_t i = 0; i < YM_COUNT(keys); i++) {
        const char *want = ym_json_str_or(state, keys[i], "");
        if (*want && (a1111_same(want, name) || a1111_same(want, stem)))
            return true;
    }
    return false;
}
