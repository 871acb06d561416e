/* Typed look-ups in a value. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <ymago/formats.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: doubles hold every whole number up to here */

const cJSON *ym_json_get(const cJSON *o, const char *key)
{
    return cJSON_IsObject(o) ? cJSON_GetObjectItemCaseSensitive(o, key) : NULL;
}

const char *ym_json_str(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(ym_json_get(o, key));
}

const char *ym_json_str_or(const cJSON *o, const char *key, const char *fallback)
{
    const char *s = ym_json_str(o, key);
    return s ? s : fallback;
}

bool ym_json_bool(const cJSON *o, const char *key, bool fallback)
{
    const cJSON *v = ym_json_get(o, key);
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

/* "-12" and the like; no sign but '-', no white space. */
static int whole_from_text(const char *s, int64_t *ret)
{
    size_t digits = strspn(s + (*s == '-'), "0123456789");
    if (digits == 0 || s[(*s == '-') + digits] != '\0')
        return -EINVAL;
    errno = 0;
    long long n = strtoll(s, NULL, 10);
    if (errno == ERANGE || n > (int64_t)WHOLE_MAX || n < -(int64_t)WHOLE_MAX)
        return -ERANGE;
    *ret = n;
    return 0;
}

static int whole_from_double(double d, int64_t *ret)
{
    if (!(fabs(d) <= WHOLE_MAX))
        return isnan(d) ? -EINVAL : -ERANGE;
    int64_t n = (int64_t)d;
    double back = (double)n;
    if (back < d || back > d)
        return -EINVAL;
    *ret = n;
    return 0;
}

int ym_json_int(const cJSON *o, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const cJSON *v = ym_json_get(o, key);
    int64_t n = 0;
    if (!v)
        return -ENOENT;
    int r = cJSON_IsNumber(v)   ? whole_from_double(v->valuedouble, &n)
            : cJSON_IsString(v) ? whole_from_text(v->valuestring, &n)
                                : -EINVAL;
    if (r < 0)
        return r;
    if (n < min || n > max)
        return -ERANGE;
    *ret = n;
    return 0;
}

int64_t ym_json_int_or(const cJSON *o, const char *key, int64_t fallback)
{
    int64_t n;
    return ym_json_int(o, key, INT64_MIN, INT64_MAX, &n) == 0 ? n : fallback;
}

double ym_json_num_or(const cJSON *o, const char *key, double fallback)
{
    const cJSON *v = ym_json_get(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : fallback;
}

/* "[N]" at *path: steps over it and gives the item. */
static const cJSON *item_at(const cJSON *o, const char **path)
{
    char *end;
    if ((*path)[1] < '0' || (*path)[1] > '9')
        return NULL;
    errno = 0;
    long i = strtol(*path + 1, &end, 10);
    if (errno || *end != ']' || i > INT_MAX || !cJSON_IsArray(o))
        return NULL;
    *path = end + 1;
    return cJSON_GetArrayItem(o, (int)i);
}

const cJSON *ym_json_at(const cJSON *o, const char *path)
{
    char key[128];
    while (o && *path) {
        if (*path == '[') {
            o = item_at(o, &path);
            continue;
        }
        if (*path == '.')
            path++;
        size_t n = strcspn(path, ".[");
        if (n == 0 || n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        o = ym_json_get(o, key);
        path += n;
    }
    return o;
}
