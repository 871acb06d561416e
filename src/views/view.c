#include "view.h"

#include <string.h>
#include <time.h>

void view_add(struct view *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    YM_AUTOFREE char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    ym_assert(n >= 0);
    if (v->r == 0)
        v->r = ym_buf_add(v->out, text, (size_t)n);
}

void view_text(struct view *v, const char *s, size_t max)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, max + 1);
    if (s)
        ym_text_escape(&b, s, strlen(s), max);
    if (v->r == 0 && b.len)
        v->r = ym_buf_add(v->out, b.data, b.len);
}

void view_cell(struct view *v, const char *s)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 64 * 1024);
    if (s && *s && strchr("=+-@\t\r", *s))
        ym_buf_adds(&b, "'");
    if (s)
        ym_text_escape(&b, s, strlen(s), 32 * 1024);
    const char *text = b.len ? b.data : "";
    if (!strpbrk(text, "\",;")) {
        view_add(v, "%s", text);
        return;
    }
    view_add(v, "\"");
    for (; *text; text++)
        view_add(v, *text == '"' ? "\"\"" : "%c", *text);
    view_add(v, "\"");
}

void view_money(struct view *v, ym_money m)
{
    char text[32];
    view_add(v, "%s", m.micro_usd < 0 ? "none" : ym_money_format(m, text));
}

void view_clock(struct view *v, ym_wall t)
{
    time_t s = (time_t)(t.ms / 1000);
    struct tm tm;
    if (localtime_r(&s, &tm))
        view_add(v, "%02d:%02d", tm.tm_hour, tm.tm_min);
}

void view_length(struct view *v, int64_t seconds)
{
    long long s = seconds < 0 ? 0 : (long long)seconds;
    if (s < 60)
        view_add(v, "%lld s", s);
    else if (s < 3600)
        view_add(v, "%lld min", s / 60);
    else if (s < 86400)
        view_add(v, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        view_add(v, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

void view_json(struct view *v, cJSON *o, bool pretty)
{
    YM_AUTOJSON cJSON *mine = o;
    YM_AUTOFREE char *text = ym_json_print(mine, pretty);
    view_add(v, "%s\n", text);
}

void view_json_money(cJSON *o, const char *key, ym_money m)
{
    cJSON_AddItemToObject(
        o, key, m.micro_usd < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(ym_money_usd(m)));
}

void view_json_time(cJSON *o, const char *key, ym_wall t)
{
    char iso[32];
    view_json_text(o, key, t.ms > 0 ? ym_wall_iso(t, iso) : NULL);
}

void view_json_text(cJSON *o, const char *key, const char *s)
{
    cJSON_AddItemToObject(o, key, s ? cJSON_CreateString(s) : cJSON_CreateNull());
}
