/* Makes ymago.1 from ymago.1.in: lines that begin with '@' are replaced by what the program's own
 * tables say. A command that the page does not treat is an error, so the build finds it.
 *   @COMMAND name    heading and one line of a command     @OPTIONS name   its options
 *   @COMMON          options of all commands               @VERBS          headings of all verbs
 *   @CONFIGURATION   settings, and the keys of a prompt */
#include <errno.h>
#include <string.h>

#include "../../src/cli/cli_private.h"
#include "../../src/main/registry.h"

#define LINE_MAX_BYTES 4096

static void roff(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s; s++) {
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else if (*s == '~')
            fputs("\\(ti", stdout);
        else
            putchar(*s);
    }
}

/* Texts of the tables begin with a small letter and end without a full stop, as usage texts do. */
static void sentence(const char *s)
{
    char first[2] = {*s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s, 0};
    roff(first);
    roff(s + 1);
    fputs(".\n", stdout);
}

static void options(const struct opt *list)
{
    for (const struct opt *o = list; o && (o->name || o->letter); o++) {
        fputs(".TP\n", stdout);
        if (o->letter)
            printf("\\fB\\-%c\\fR%s", o->letter, o->name ? ", " : "");
        if (o->name) {
            fputs("\\fB\\-\\-", stdout);
            roff(o->name);
            fputs("\\fR", stdout);
        }
        if (o->value) {
            fputs(" \\fI", stdout);
            roff(o->value);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        sentence(o->help);
    }
}

static void heading(const struct cmd *c)
{
    fputs(".SS ymago ", stdout);
    roff(c->name);
    if (*c->args) {
        putchar(' ');
        roff(c->args);
    }
    if (c->opts)
        fputs(" [options]", stdout);
    putchar('\n');
    sentence(c->help);
}

struct page {
    int line;
    bool treated[64]; /* by the place in the table */
    bool bad;
};

static const struct cmd *command(struct page *p, const char *name)
{
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (strcmp(c->name, name) == 0) {
            ym_assert(i < YM_COUNT(p->treated));
            p->treated[i] = true;
            return c;
        }
    fprintf(stderr, "line %d: there is no command %s\n", p->line, name);
    p->bad = true;
    return NULL;
}

static void verbs(struct page *p)
{
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (c->run == cmd_verb) {
            heading(c);
            p->treated[i] = true;
        }
}

static void directive(struct page *p, char *line)
{
    char *arg = strchr(line, ' ');
    const struct cmd *c = NULL;
    if (arg)
        *arg++ = 0;
    if (arg && !(c = command(p, arg)))
        return;
    if (c && strcmp(line, "@COMMAND") == 0) {
        heading(c);
    } else if (c && strcmp(line, "@OPTIONS") == 0) {
        options(c->opts);
    } else if (!c && strcmp(line, "@COMMON") == 0) {
        options(common_opts);
    } else if (!c && strcmp(line, "@VERBS") == 0) {
        verbs(p);
    } else if (!c && strcmp(line, "@CONFIGURATION") == 0) {
        ym_config_manual(stdout, config_providers());
    } else {
        fprintf(stderr, "line %d: what is %s?\n", p->line, line);
        p->bad = true;
    }
}

int main(int argc, char **argv)
{
    struct page p = {0};
    char line[LINE_MAX_BYTES];
    const struct cmd *c;
    FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!in) {
        fprintf(stderr, "usage: manual ymago.1.in\n");
        return 2;
    }
    while (fgets(line, sizeof(line), in)) {
        char *version = strstr(line, "@VERSION@");
        p.line++;
        if (version) {
            printf("%.*s%s%s", (int)(version - line), line, YM_VERSION,
                   version + strlen("@VERSION@"));
        } else if (*line == '@') {
            line[strcspn(line, "\n")] = 0;
            directive(&p, line);
        } else {
            fputs(line, stdout);
        }
    }
    fclose(in);
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (!c->hidden && !p.treated[i]) {
            fprintf(stderr, "the page says nothing of `ymago %s`\n", c->name);
            p.bad = true;
        }
    return p.bad || fflush(stdout) != 0;
}
