/* Printing. Results go to standard output, what is said about them to standard error, so that
 * `feh "$(ymago image ...)"` works. Text from outside is escaped wherever a terminal may show it.
 */
#include <string.h>
#include <unistd.h>

#include "cli_private.h"

void out_init(struct cli *c)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    c->live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    c->colour = c->live && !(no && *no);
}

/* Removes the line that is being drawn over. */
static void clear_line(struct cli *c)
{
    if (c->live && c->shown)
        fputs("\r\033[K", stderr);
    if (c->live)
        free(ym_steal(&c->shown));
}

static void say(struct cli *c, const char *colour, const char *label, const char *text)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 65536);
    ym_text_escape(&b, text, strlen(text), 8192);
    clear_line(c);
    fprintf(stderr, "%s%s%s%s\n", c->colour ? colour : "", label,
            c->colour && *colour ? "\033[0m" : "", b.data ? b.data : "");
}

int out_json(struct cli *c, cJSON *o, int code)
{
    if (c->json) {
        cJSON_DeleteItemFromObjectCaseSensitive(o, "ok");
        cJSON_DeleteItemFromObjectCaseSensitive(o, "exit");
        cJSON_AddBoolToObject(o, "ok", code == YM_EXIT_DONE);
        cJSON_AddNumberToObject(o, "exit", code);
        YM_AUTOFREE char *text = ym_json_print(o, true);
        puts(text);
    }
    cJSON_Delete(o);
    return code;
}

int out_fail(struct cli *c, const struct ym_err *e)
{
    int code = e->cls == YM_OK ? YM_EXIT_ERROR : ym_class_exit(e->cls);
    if (c->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "error", e->msg);
        cJSON_AddStringToObject(o, "class", ym_class_name(e->cls));
        return out_json(c, o, code);
    }
    say(c, "\033[31m", "ymago: ", e->msg);
    if (e->words[0])
        say(c, "", "  ", e->words);
    return code;
}

void out_warn(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    YM_AUTOFREE char *text = NULL;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        say(c, "\033[33m", "ymago: warning: ", text);
}

void out_note(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    YM_AUTOFREE char *text = NULL;
    if (c->json)
        return;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        say(c, "", "", text);
}

void out_progress(struct cli *c, const char *text)
{
    if (c->json)
        return;
    if (!*text) {
        clear_line(c);
        fflush(stderr);
        return;
    }
    if (c->shown && strcmp(c->shown, text) == 0)
        return;
    if (!c->live) {
        say(c, "", "", text);
    } else {
        char shown[160]; /* one line of a narrow terminal at most: a longer one cannot be drawn over
                          */
        fprintf(stderr, "\r\033[K%s", ym_text_show(text, shown, 78));
        fflush(stderr);
    }
    free(c->shown);
    c->shown = ym_strdup(text);
}

void out_line(const char *text)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 65536);
    if (isatty(STDOUT_FILENO)) {
        ym_text_escape(&b, text, strlen(text), 32768);
        text = b.data ? b.data : "";
    }
    puts(text);
}

void out_text(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n\t");
        YM_AUTOBUF struct ym_buf b;
        ym_buf_init(&b, 65536);
        ym_text_escape(&b, text, n, 32768);
        fputs(b.data ? b.data : "", stdout);
        putchar(text[n] ? text[n] : '\n');
        text += n + (text[n] != 0);
    }
}

const char *status_text(const cJSON *answer)
{
    const char *text = ym_json_str_or(answer, "text", ""), *nl = strchr(text, '\n');
    return *text == '#' && nl ? nl + 1 : text;
}
