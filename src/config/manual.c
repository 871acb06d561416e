/* The option table and the field table as manual text. */
#include <string.h>

#include "settings.h"

/* Text for roff: a backslash and a leading dot or quote mean something there. */
static void roff(FILE *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", out);
    for (; *s; s++) {
        if (*s == '\\')
            fputs("\\e", out);
        else if (*s == '-')
            fputs("\\-", out);
        else
            fputc(*s, out);
    }
}

static void option_env(FILE *out, const struct opt *o, const struct env_row *rows)
{
    for (const struct env_row *row = rows; row->var; row++) {
        YM_AUTOFREE char *name = NULL;
        if (opt_find(row->option, &name) != o)
            continue;
        fputs("\n.br\nEnvironment: ", out);
        roff(out, row->var);
        if (name) {
            fputs(" (for ", out);
            roff(out, name);
            fputc(')', out);
        }
        fputc('.', out);
    }
}

static void option_entry(FILE *out, const struct opt *o, const struct env_row *rows)
{
    char expects[160];
    fputs(".TP\n.B ", out);
    roff(out, opt_key(o));
    fputc('\n', out);
    roff(out, o->help);
    fputs(" Takes ", out);
    roff(out, opt_expects(o, expects, sizeof expects));
    fputs(o->def ? "; default " : ".", out);
    if (o->def) {
        roff(out, o->def);
        fputc('.', out);
    }
    option_env(out, o, rows);
    fputc('\n', out);
}

static void section_entries(FILE *out, const char *section, bool named, const struct env_row *rows)
{
    YM_AUTOFREE const char **keys = opt_keys(section, named);
    if (!keys[0])
        return;
    fprintf(out, ".SS [%s%s]\n", section, named ? ".NAME" : "");
    for (const char **k = keys; *k; k++)
        option_entry(out, opt_in(section, named, *k), rows);
}

static void field_entry(FILE *out, const struct ym_field *f)
{
    char expects[200];
    fputs(".TP\n.B ", out);
    roff(out, f->name);
    for (const char *const *a = f->aliases; a && *a; a++) {
        fputs(a == f->aliases ? " \\fR(also " : ", ", out);
        roff(out, *a);
    }
    fputs(f->aliases ? ")\n" : "\n", out);
    roff(out, f->help);
    fputs(" Takes ", out);
    roff(out, field_expects(f, expects, sizeof expects));
    fputs(".\n", out);
}

void ym_config_manual(FILE *out, const struct ym_config_provider *providers)
{
    YM_AUTOFREE const char **sections = opt_sections();
    struct env_row *rows = env_rows_all(providers);
    fputs(".SH CONFIGURATION\n", out);
    for (const char **s = sections; *s; s++) {
        section_entries(out, *s, false, rows);
        section_entries(out, *s, true, rows);
    }
    env_rows_free(rows);
    fputs(".SH KEYS OF A PROMPT\n", out);
    for (const struct ym_field *f = ym_fields; f->name; f++)
        field_entry(out, f);
}
