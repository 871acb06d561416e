/* One value: from a file or a text to what the option's type holds. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "settings.h"

#define TEXT_MAX 2000

bool plain_number(const char *s, double *ret)
{
    const char *p = s + (*s == '-' || *s == '+');
    size_t whole = strspn(p, "0123456789"), part = 0;
    const char *rest = p + whole;
    if (*rest == '.') {
        part = strspn(rest + 1, "0123456789");
        rest += 1 + part;
    }
    if (whole + part == 0 || whole + part > 30 || *rest)
        return false;
    *ret = strtod(s, NULL); /* the "C" locale is never left */
    return true;
}

bool values_match(const char *values, const char *s, char *out, size_t size)
{
    size_t len = strlen(s);
    for (const char *group = values; *group;) {
        size_t ngroup = strcspn(group, " ");
        for (const char *w = group; w < group + ngroup;) {
            size_t n = strcspn(w, " |");
            if (n == len && strncasecmp(w, s, n) == 0) {
                snprintf(out, size, "%.*s", (int)strcspn(group, " |"), group);
                return true;
            }
            w += n + (w[n] == '|');
        }
        group += ngroup + (group[ngroup] == ' ');
    }
    return false;
}

static bool port_ok(const char *s, size_t len)
{
    char port[8];
    if (len == 0 || len > 5 || strspn(s, "0123456789") < len)
        return false;
    snprintf(port, sizeof port, "%.*s", (int)len, s);
    long n = strtol(port, NULL, 10);
    return n > 0 && n < 65536;
}

/* "host", "host:80", "[::1]:80"; no user or password. */
static bool authority_ok(const char *s, size_t len)
{
    const char *end = s + len, *host_end;
    if (len == 0 || memchr(s, '@', len))
        return false;
    if (*s == '[') {
        host_end = memchr(s, ']', len);
        if (!host_end || host_end == s + 1)
            return false;
        host_end++;
    } else {
        host_end = memchr(s, ':', len);
        if (!host_end)
            host_end = end;
        if (host_end == s)
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && port_ok(host_end + 1, (size_t)(end - host_end - 1));
}

static bool url_chars_ok(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s == 0x7f || strchr("\"<>\\^`{|}", *s))
            return false;
    return true;
}

char *url_normalise(const char *s)
{
    size_t scheme = strncasecmp(s, "https://", 8) == 0 ? 8 : strncasecmp(s, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0 || strlen(s) > TEXT_MAX || !url_chars_ok(s) || strpbrk(s, "?#"))
        return NULL;
    size_t host = strcspn(s + scheme, "/");
    if (!authority_ok(s + scheme, host))
        return NULL;
    size_t len = strlen(s);
    while (len > scheme + host && s[len - 1] == '/')
        len--;
    char *copy = ym_strndup(s, len);
    for (size_t i = 0; i < scheme + host; i++) /* scheme and host know no case */
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + 32);
    return copy;
}

static bool dest_ok(const char *s)
{
    static const char *const schemes[] = {"s3://", "r2://", "gs://", "file:///"};
    if (!url_chars_ok(s))
        return false;
    for (size_t i = 0; i < YM_COUNT(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (strncmp(s, schemes[i], n) == 0)
            return s[n] && (i == 3 || s[n] != '/');
    }
    return false;
}

static bool hostport_ok(const char *s)
{
    const char *colon = strrchr(s, ':');
    return colon && url_chars_ok(s) && !strpbrk(s, "/?#") && authority_ok(s, strlen(s)) &&
           (s[0] != '[' || colon[-1] == ']');
}

static bool secret_ok(const char *s)
{
    size_t n = strlen(s);
    if (n > TEXT_MAX || strcmp(s, "(set)") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f)
            return false;
    return true;
}

static bool text_value(const struct opt *o, const char *s, struct setting *v)
{
    char word[64];
    switch (o->type) {
    case OPT_STR:
    case OPT_PATH:
    case OPT_CHOICES:
        if (strlen(s) > TEXT_MAX || ym_text_has_control(s, strlen(s)))
            return false;
        v->text = ym_strdup(s);
        if (o->type == OPT_CHOICES) {
            v->list = ym_alloc_array(2, sizeof *v->list);
            v->list[0] = ym_strdup(s);
        }
        return true;
    case OPT_ENUM:
        if (!values_match(o->values, s, word, sizeof word))
            return false;
        v->text = ym_strdup(word);
        return true;
    case OPT_URL:
        v->text = url_normalise(s);
        return v->text != NULL;
    case OPT_DEST:
        if (!dest_ok(s))
            return false;
        v->text = ym_strdup(s);
        return true;
    case OPT_SECRET:
        if (!secret_ok(s))
            return false;
        v->secret = ym_secret_new(s, strlen(s));
        return true;
    case OPT_INT:
    case OPT_NUM:
    case OPT_BOOL:
    case OPT_MONEY:
    case OPT_LIST:
        break;
    }
    return false;
}

static bool number_value(const struct opt *o, double n, struct setting *v)
{
    if (!(n >= o->min && n <= o->max) || (o->type == OPT_INT && n > floor(n)))
        return false;
    v->num = n;
    return true;
}

static bool money_text(const struct opt *o, const char *s, struct setting *v)
{
    ym_money m;
    if (strcasecmp(s, "unlimited") == 0) {
        v->num = -1;
        return true;
    }
    return ym_money_parse(s, &m) == 0 && number_value(o, ym_money_usd(m), v);
}

bool value_from_text(const struct opt *o, const char *s, struct setting *v, bool *ret_empty)
{
    static const char truths[] = "true|yes|on|1 false|no|off|0";
    char word[16];
    double n;
    *ret_empty = *s == '\0';
    if (*ret_empty)
        return true;
    switch (o->type) {
    case OPT_INT:
    case OPT_NUM:
        return plain_number(s, &n) && number_value(o, n, v);
    case OPT_MONEY:
        return money_text(o, s, v);
    case OPT_BOOL:
        if (!values_match(truths, s, word, sizeof word))
            return false;
        v->truth = word[0] == 't';
        return true;
    case OPT_STR:
    case OPT_ENUM:
    case OPT_URL:
    case OPT_DEST:
    case OPT_PATH:
    case OPT_SECRET:
    case OPT_CHOICES:
        return text_value(o, s, v);
    case OPT_LIST:
        break;
    }
    return false;
}

static bool list_value(const cJSON *j, struct setting *v)
{
    int n = cJSON_GetArraySize(j), i = 0;
    const cJSON *item;
    if (!cJSON_IsArray(j) || n > 1000)
        return false;
    v->list = ym_alloc_array((size_t)n + 1, sizeof *v->list);
    cJSON_ArrayForEach (item, j) {
        if (!cJSON_IsString(item) || !hostport_ok(item->valuestring))
            return false;
        v->list[i++] = ym_strdup(item->valuestring);
    }
    return true;
}

static bool choices_value(const cJSON *j, struct setting *v)
{
    int n = cJSON_GetArraySize(j), i = 0;
    const cJSON *item;
    if (n < 1 || n > CHOICES_MAX)
        return false;
    v->list = ym_alloc_array((size_t)n + 1, sizeof *v->list);
    cJSON_ArrayForEach (item, j) {
        const char *s = cJSON_IsString(item) ? item->valuestring : "";
        if (!*s || strlen(s) > TEXT_MAX || ym_text_has_control(s, strlen(s)))
            return false;
        v->list[i++] = ym_strdup(s);
    }
    v->text = ym_strdup(v->list[0]);
    return true;
}

bool value_from_json(const struct opt *o, const cJSON *j, struct setting *v, bool *ret_empty)
{
    *ret_empty = false;
    if (o->type == OPT_LIST)
        return list_value(j, v);
    if (o->type == OPT_CHOICES && cJSON_IsArray(j))
        return choices_value(j, v);
    if (o->type == OPT_BOOL) {
        v->truth = cJSON_IsTrue(j);
        return cJSON_IsBool(j);
    }
    if (o->type == OPT_INT || o->type == OPT_NUM)
        return cJSON_IsNumber(j) && number_value(o, j->valuedouble, v);
    if (o->type == OPT_MONEY && cJSON_IsNumber(j)) {
        ym_money m; /* rounds to whole micro-dollars */
        return ym_money_from_double(j->valuedouble, &m) == 0 && number_value(o, ym_money_usd(m), v);
    }
    return cJSON_IsString(j) && value_from_text(o, j->valuestring, v, ret_empty);
}
