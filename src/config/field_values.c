/* One field's value: what people and spreadsheets write -> what is hashed and sent. */
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "settings.h"

#define PATH_LEN_MAX 2000

/* ---- spreadsheets ---- */

static bool is_sheet_error(const char *s)
{
    static const char *const words[] = {"#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!"};
    for (size_t i = 0; i < YM_COUNT(words); i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return strncmp(s, "Err:", 4) == 0 && strlen(s) == 7 && strspn(s + 4, "0123456789") == 3;
}

/* "1.5E+09": what a spreadsheet makes of a long number; its last digits are lost. */
static bool is_sheet_exponent(const char *s)
{
    size_t n = strspn(s, "+-0123456789.,");
    return n > 0 && (s[n] == 'E' || s[n] == 'e') && s[n + 1] &&
           strspn(s + n + 1, "+-0123456789") == strlen(s + n + 1);
}

/* A number as text: plain, or with one comma for the point. */
static bool number_text(const char *s, double *ret)
{
    char copy[48];
    if (strlen(s) >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%s", s);
    char *comma = strchr(copy, ',');
    if (comma && !strchr(copy, '.'))
        *comma = '.';
    return plain_number(copy, ret);
}

/* ---- numbers ---- */

static bool number_of(const cJSON *in, const struct ym_field *f, double *ret, struct field_why *why)
{
    if (cJSON_IsNumber(in)) {
        *ret = in->valuedouble;
        return true;
    }
    if (!cJSON_IsString(in))
        return false;
    YM_AUTOFREE char *s = ym_strdup(in->valuestring);
    size_t n = strlen(s);
    if (strcmp(f->name, "duration") == 0 && n > 1 && s[n - 1] == 's')
        s[s[n - 2] == ' ' ? n - 2 : n - 1] = '\0';
    if (is_sheet_exponent(s)) {
        snprintf(why->text, sizeof why->text,
                 "\"%.30s\" was shortened by a spreadsheet; format the column as text and enter it again.", s);
        return false;
    }
    return number_text(s, ret);
}

static cJSON *number_value(const struct ym_field *f, const cJSON *in, bool *ret_drop, struct field_why *why)
{
    double n;
    if (!number_of(in, f, &n, why) || !(n >= f->min && n <= f->max))
        return NULL;
    if (f->type == YM_F_INT && n > floor(n))
        return NULL;
    if (strcmp(f->name, "seed") == 0 && n < 0) { /* -1: none */
        *ret_drop = true;
        return NULL;
    }
    return cJSON_CreateNumber(f->type == YM_F_INT ? n + 0.0 : n);
}

static cJSON *money_value(const struct ym_field *f, const cJSON *in)
{
    ym_money m;
    double n;
    int r = -1;
    if (cJSON_IsNumber(in))
        r = ym_money_from_double(in->valuedouble, &m);
    else if (cJSON_IsString(in) && ym_money_parse(in->valuestring, &m) == 0)
        r = 0;
    else if (cJSON_IsString(in) && number_text(in->valuestring, &n))
        r = ym_money_from_double(n, &m);
    if (r < 0 || ym_money_usd(m) > f->max)
        return NULL;
    return cJSON_CreateNumber(ym_money_usd(m));
}

static cJSON *bool_value(const cJSON *in)
{
    char word[8];
    if (cJSON_IsBool(in))
        return cJSON_CreateBool(cJSON_IsTrue(in));
    if (cJSON_IsString(in) &&
        values_match("true|yes|on|1 false|no|off|0", in->valuestring, word, sizeof word))
        return cJSON_CreateBool(word[0] == 't');
    return NULL;
}

/* ---- ratios ---- */

static long gcd(long a, long b)
{
    while (b) {
        long t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static const char *skip(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* Up to five digits; NULL when there is none. */
static const char *digits(const char *p, long *ret)
{
    size_t n = strspn(p, "0123456789");
    if (n == 0 || n > 5)
        return NULL;
    *ret = strtol(p, NULL, 10);
    return p + n;
}

static const char *separator(const char *p)
{
    p = skip(p);
    if (*p == ':' || *p == '/' || *p == 'x' || *p == 'X')
        return skip(p + 1);
    if (strncmp(p, "\xc3\x97", 2) == 0) /* the multiplication sign */
        return skip(p + 2);
    return NULL;
}

/* 16:9, 16x9, 16/9; and 16:09, 16:09:00, 04:09:00 PM, which spreadsheets make of it. */
static bool ratio_text(const char *s, char *out, size_t size)
{
    long w = 0, h = 0, zero = 0;
    const char *p = digits(skip(s), &w);
    p = p ? separator(p) : NULL;
    p = p ? digits(p, &h) : NULL;
    if (!p)
        return false;
    if (*p == ':' && (!(p = digits(p + 1, &zero)) || zero != 0))
        return false;
    p = skip(p);
    if (strncasecmp(p, "pm", 2) == 0 || strncasecmp(p, "am", 2) == 0) {
        if (w < 1 || w > 12)
            return false;
        w = w % 12 + (tolower((unsigned char)*p) == 'p' ? 12 : 0);
        p += 2;
    }
    if (*skip(p) || w < 1 || h < 1)
        return false;
    if (w > 99 || h > 99) { /* pixels */
        long g = gcd(w, h);
        w /= g;
        h /= g;
        if (w == 7 && h == 3) { /* the industry says 21:9 */
            w = 21;
            h = 9;
        }
    }
    if (w > 99 || h > 99)
        return false;
    snprintf(out, size, "%ld:%ld", w, h);
    return true;
}

/* ---- texts of a certain shape ---- */

/* "1k" -> "1K", "720P" -> "720p", "512". */
static bool resolution_text(const char *s, char *out, size_t size)
{
    long n = 0;
    const char *p = digits(s, &n);
    if (!p || n < 1 || (p[0] && p[1]))
        return false;
    char unit = (char)(*p == 'k' ? 'K' : *p == 'P' ? 'p' : *p);
    if (unit && ((unit != 'K' || n > 16) && (unit != 'p' || n > 8640)))
        return false;
    if (!unit && (n < 64 || n > 16384))
        return false;
    snprintf(out, size, "%ld%s", n, unit == 'K' ? "K" : unit == 'p' ? "p" : "");
    return true;
}

/* A path below the library's root or the prompt's folder, or an https address. */
static bool reference_ok(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > PATH_LEN_MAX || ym_text_has_control(s, n))
        return false;
    if (strncasecmp(s, "https://", 8) == 0)
        return s[8] && s[8] != '/' && !strpbrk(s, " \\\"<>") && !memchr(s + 8, '@', strcspn(s + 8, "/?#"));
    if (strstr(s, "://") || strncasecmp(s, "file:", 5) == 0 || strncasecmp(s, "data:", 5) == 0 ||
        strchr("/~@\\", s[0]))
        return false;
    for (const char *p = s; *p; p += strcspn(p, "/"), p += *p == '/')
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
            return false;
    return true;
}

/* A declared name, or an address. file:// is for the configuration and the command line. */
static bool target_ok(const char *s)
{
    static const char *const schemes[] = {"s3://", "r2://", "gs://", "https://"};
    if (ym_text_has_control(s, strlen(s)) || strchr(s, ' ') || strlen(s) > PATH_LEN_MAX)
        return false;
    for (size_t i = 0; i < YM_COUNT(schemes); i++)
        if (strncmp(s, schemes[i], strlen(schemes[i])) == 0)
            return s[strlen(schemes[i])] != '\0';
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(s);
}

static bool is_reserved(const char *s)
{
    static const char *const whole[] = {"con", "prn", "aux", "nul", "ctl", "folder.toml"};
    static const char *const start[] = {"readme", "status"};
    for (size_t i = 0; i < YM_COUNT(whole); i++)
        if (strcasecmp(s, whole[i]) == 0)
            return true;
    for (size_t i = 0; i < YM_COUNT(start); i++)
        if (strcasecmp(s, start[i]) == 0 || strncasecmp(s, start[i], 6) == 0)
            return strlen(s) == 6 || s[6] == '.';
    return (strncasecmp(s, "com", 3) == 0 || strncasecmp(s, "lpt", 3) == 0) && s[3] >= '1' &&
           s[3] <= '9' && !s[4];
}

static bool filename_ok(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= 200 && ym_utf8_valid(s, n) == n && !ym_text_has_control(s, n) &&
           !memchr(s, '\t', n) && !strpbrk(s, "<>:\"/\\|?*") && !strchr(".-#_", s[0]) &&
           s[n - 1] != '.' && s[n - 1] != ' ' && s[n - 1] != '~' && !is_reserved(s);
}

static bool is_text_name(const char *field)
{
    static const char *const free_text[] = {"prompt", "negative_prompt", "system"};
    for (size_t i = 0; i < YM_COUNT(free_text); i++)
        if (strcmp(field, free_text[i]) == 0)
            return true;
    return false;
}

/* The canonical text, or NULL. */
static char *shape_text(const char *field, const char *s, struct field_why *why)
{
    char out[64];
    size_t n = strlen(s);
    if (strcmp(field, "aspect_ratio") == 0)
        return ratio_text(s, out, sizeof out) ? ym_strdup(out) : NULL;
    if (strcmp(field, "resolution") == 0)
        return resolution_text(s, out, sizeof out) ? ym_strdup(out) : NULL;
    if (strcmp(field, "from_image") == 0 || strcmp(field, "last_frame") == 0 || strcmp(field, "workflow") == 0)
        return reference_ok(s) ? ym_strdup(s) : NULL;
    if (strcmp(field, "destination") == 0 || strcmp(field, "webhook") == 0)
        return target_ok(s) ? ym_strdup(s) : NULL;
    if (strcmp(field, "output_filename") == 0)
        return filename_ok(s) ? ym_strdup(s) : NULL;
    if (ym_utf8_valid(s, n) != n) {
        snprintf(why->text, sizeof why->text, "the text is not valid UTF-8.");
        return NULL;
    }
    if (is_text_name(field)) /* any text; lines and tabs belong in it */
        return ym_strdup(s);
    return n <= 500 && !ym_text_has_control(s, n) ? ym_strdup(s) : NULL;
}

static cJSON *text_value(const struct ym_field *f, const cJSON *in, struct field_why *why)
{
    char number[40];
    const char *s = in->valuestring;
    size_t n;
    if (cJSON_IsNumber(in)) { /* id: 7 */
        snprintf(number, sizeof number, "%.15g", in->valuedouble);
        s = number;
    } else if (cJSON_IsBool(in)) {
        s = cJSON_IsTrue(in) ? "true" : "false";
    } else if (!cJSON_IsString(in)) {
        return NULL;
    }
    n = strlen(s);
    s = ym_text_trim(s, &n);
    YM_AUTOFREE char *trimmed = ym_strndup(s, n);
    if (is_sheet_error(trimmed)) {
        snprintf(why->text, sizeof why->text,
                 "\"%s\" is an error of a spreadsheet; correct the cell.", trimmed);
        return NULL;
    }
    YM_AUTOFREE char *text = shape_text(f->name, trimmed, why);
    return text ? cJSON_CreateString(text) : NULL;
}

static cJSON *enum_value(const struct ym_field *f, const cJSON *in)
{
    for (const char *const *v = f->values; cJSON_IsString(in) && *v; v++)
        if (strcasecmp(*v, in->valuestring) == 0)
            return cJSON_CreateString(*v);
    return NULL;
}

/* ---- lists ---- */

static bool lora_ok(const cJSON *item)
{
    const char *id = ym_json_str(item, "id");
    double weight = ym_json_num_or(item, "weight", 1);
    int keys = cJSON_GetArraySize(item);
    return cJSON_IsObject(item) && id && *id && weight >= 0 && weight <= 2 &&
           keys == 1 + (ym_json_get(item, "weight") != NULL);
}

static bool list_add(const struct ym_field *f, cJSON *out, const char *s, size_t len)
{
    s = ym_text_trim(s, &len);
    YM_AUTOFREE char *item = ym_strndup(s, len);
    bool path = strcmp(f->name, "references") == 0 || strcmp(f->name, "include") == 0;
    if (len == 0)
        return true;
    if (len > PATH_LEN_MAX || ym_text_has_control(item, len) || (path && !reference_ok(item)))
        return false;
    if (strcmp(f->name, "include") == 0 && strstr(item, "://"))
        return false;
    cJSON_AddItemToArray(out, cJSON_CreateString(item));
    return true;
}

/* A cell: "a; b", else "a, b"; a lone address may hold commas. */
static bool list_from_text(const struct ym_field *f, const char *s, cJSON *out)
{
    char sep = strchr(s, ';') ? ';' : strstr(s, "://") ? '\n' : ',';
    bool ok = true;
    for (const char *p = s; ok;) {
        const char *end = strchr(p, sep);
        ok = list_add(f, out, p, end ? (size_t)(end - p) : strlen(p));
        if (!end)
            break;
        p = end + 1;
    }
    return ok;
}

static cJSON *list_value(const struct ym_field *f, const cJSON *in)
{
    YM_AUTOJSON cJSON *out = cJSON_CreateArray();
    const cJSON *item;
    bool ok = true;
    if (cJSON_IsString(in)) {
        ok = list_from_text(f, in->valuestring, out);
    } else if (cJSON_IsArray(in)) {
        cJSON_ArrayForEach (item, in) {
            if (cJSON_IsString(item))
                ok = ok && list_add(f, out, item->valuestring, strlen(item->valuestring));
            else if (strcmp(f->name, "loras") == 0 && lora_ok(item))
                cJSON_AddItemToArray(out, cJSON_Duplicate(item, true));
            else
                ok = false;
        }
    } else {
        ok = false;
    }
    return ok && cJSON_GetArraySize(out) <= 64 ? ym_steal(&out) : NULL;
}

/* ---- tables ---- */

static cJSON *object_value(const struct ym_field *f, const cJSON *in)
{
    const cJSON *item;
    if (strcmp(f->name, "safety") == 0) {
        if (cJSON_IsString(in))
            return strlen(in->valuestring) <= 64 ? cJSON_CreateString(in->valuestring) : NULL;
        cJSON_ArrayForEach (item, in)
            if (!cJSON_IsString(item) || strlen(item->valuestring) > 64)
                return NULL;
    }
    return cJSON_IsObject(in) ? cJSON_Duplicate(in, true) : NULL;
}

/* ---- times ---- */

/* "Z", "+02:00" or nothing (this machine's zone) after a time. */
static bool zone(const char *p, struct tm *tm, time_t *ret)
{
    int hours, minutes, used = 0;
    p = skip(p);
    if (!*p) {
        tm->tm_isdst = -1;
        *ret = mktime(tm);
        return *ret != (time_t)-1;
    }
    time_t t = timegm(tm);
    if ((*p == 'Z' || *p == 'z') && !p[1]) {
        *ret = t;
        return true;
    }
    if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
        p[1 + used] || hours > 14 || minutes > 59 || hours < 0 || minutes < 0)
        return false;
    time_t offset = hours * 3600 + minutes * 60;
    *ret = *p == '+' ? t - offset : t + offset;
    return true;
}

static cJSON *time_value(const cJSON *in)
{
    struct tm tm = {0}, back;
    int used = 0, more = 0;
    time_t t;
    char iso[32];
    if (!cJSON_IsString(in))
        return NULL;
    const char *s = in->valuestring;
    if (sscanf(s, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 || used != 10)
        return NULL;
    const char *p = s + used;
    if ((*p == 'T' || *p == 't' || *p == ' ') &&
        sscanf(p + 1, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &more) == 2 && more == 5) {
        p += 1 + more;
        if (*p == ':' && sscanf(p + 1, "%2d%n", &tm.tm_sec, &more) == 1 && more == 2)
            p += 3;
        if (*p == '.')
            p += 1 + strspn(p + 1, "0123456789");
    }
    if (tm.tm_mon < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_year < 1970)
        return NULL;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    back = tm;
    timegm(&back); /* moves the 30th of February */
    if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon || !zone(p, &tm, &t))
        return NULL;
    gmtime_r(&t, &back);
    strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &back);
    return cJSON_CreateString(iso);
}

/* ---- all of them ---- */

cJSON *field_value(const struct ym_field *f, const cJSON *in, bool *ret_drop, struct field_why *why)
{
    YM_AUTOJSON cJSON *trimmed = NULL;
    *ret_drop = false;
    if (cJSON_IsString(in)) {
        size_t n = strlen(in->valuestring);
        const char *s = ym_text_trim(in->valuestring, &n);
        YM_AUTOFREE char *copy = ym_strndup(s, n);
        if (n == 0) {
            *ret_drop = true;
            return NULL;
        }
        in = trimmed = cJSON_CreateString(copy);
        if (f->type != YM_F_STR && is_sheet_error(copy)) {
            snprintf(why->text, sizeof why->text, "\"%s\" is an error of a spreadsheet; correct the cell.", copy);
            return NULL;
        }
    }
    switch (f->type) {
    case YM_F_STR:
        return text_value(f, in, why);
    case YM_F_INT:
    case YM_F_NUM:
        return number_value(f, in, ret_drop, why);
    case YM_F_BOOL:
        return bool_value(in);
    case YM_F_ENUM:
        return enum_value(f, in);
    case YM_F_LIST:
        return list_value(f, in);
    case YM_F_MONEY:
        return money_value(f, in);
    case YM_F_OBJECT:
        return object_value(f, in);
    case YM_F_TIME:
        return time_value(in);
    }
    return NULL;
}

static const char *expects_text(const char *field)
{
    static const struct {
        const char *field, *expects;
    } rows[] = {
        {"aspect_ratio", "a ratio such as 16:9"},
        {"resolution", "a size such as 1K, 2K, 4K or 1080p"},
        {"from_image", "a path inside the library or an https:// address"},
        {"last_frame", "a path inside the library or an https:// address"},
        {"workflow", "the path of a JSON file inside the library"},
        {"destination", "a destination's name or an s3://, r2:// or gs:// address"},
        {"webhook", "a webhook's name or an https:// address"},
        {"output_filename", "a plain file name without < > : \" / \\ | ? * and no leading . - _ or #"},
        {"references", "a list of paths inside the library or https:// addresses"},
        {"include", "a list of paths inside the library"},
        {"loras", "a list of names or of {id, weight from 0 to 2}"},
        {"safety", "one threshold or a table of category = threshold"},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++)
        if (strcmp(rows[i].field, field) == 0)
            return rows[i].expects;
    return NULL;
}

const char *field_expects(const struct ym_field *f, char *out, size_t size)
{
    const char *own = expects_text(f->name);
    size_t at = 0;
    out[0] = '\0';
    if (own) {
        snprintf(out, size, "%s", own);
        return out;
    }
    switch (f->type) {
    case YM_F_STR:
        snprintf(out, size, "%s", is_text_name(f->name) ? "a text" : "a text of one line");
        break;
    case YM_F_INT:
        snprintf(out, size, "a whole number from %.0f to %.0f", f->min, f->max);
        break;
    case YM_F_NUM:
        snprintf(out, size, "a number from %g to %g", f->min, f->max);
        break;
    case YM_F_BOOL:
        snprintf(out, size, "true or false");
        break;
    case YM_F_ENUM:
        for (const char *const *v = f->values; *v && at < size; v++)
            at += (size_t)snprintf(out + at, size - at, "%s%s", v == f->values ? "" : v[1] ? ", " : " or ", *v);
        break;
    case YM_F_LIST:
        snprintf(out, size, "a list of texts");
        break;
    case YM_F_MONEY:
        snprintf(out, size, "an amount in dollars from %.0f to %.0f", f->min, f->max);
        break;
    case YM_F_OBJECT:
        snprintf(out, size, "a table of keys and values");
        break;
    case YM_F_TIME:
        snprintf(out, size, "a time such as 2026-12-31T18:00");
        break;
    }
    return out;
}
