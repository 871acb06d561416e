/* The line of a key in a TOML text. The parser gives values only; a sentence about a wrong value is
 * of more use with a line. A guess that fails gives 0, never a wrong sentence. */
#include <string.h>

#include "settings.h"

/* Appends a dotted key without quotes and white space; stops at `end` or a character of `stop`. */
static const char *key_add(struct ym_buf *out, const char *p, const char *end, char stop)
{
    char quote = 0;
    for (; p < end && (quote || *p != stop); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? 0 : *p;
        else if (quote || (*p != ' ' && *p != '\t'))
            ym_buf_add(out, p, 1);
    }
    return p;
}

int toml_line(const char *text, size_t len, const char *dotted)
{
    YM_AUTOBUF struct ym_buf table, key;
    ym_buf_init(&table, 4096);
    ym_buf_init(&key, 8192);
    int line = 0;
    for (const char *p = text, *stop = text + len; p < stop;) {
        const char *end = memchr(p, '\n', (size_t)(stop - p));
        end = end ? end : stop;
        line++;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        bool header = p < end && *p == '[';
        struct ym_buf *into = header ? &table : &key;
        into->len = 0;
        if (header) {
            key_add(into, p + 1, end, ']');
        } else if (p < end && *p != '#') {
            ym_buf_add(into, table.data, table.len);
            if (table.len)
                ym_buf_adds(into, ".");
            if (key_add(into, p, end, '=') == end)
                into->len = 0;
        }
        if (into->len == strlen(dotted) && memcmp(into->data, dotted, into->len) == 0)
            return line;
        p = end + 1;
    }
    return 0;
}
