/* Usage texts and completion, all from the table. */
#include <errno.h>
#include <string.h>

#include "cli_private.h"

#define WIDTH 80

/* Words of text from column `at`, wrapped; the first line goes on where the cursor is. */
static void wrapped(FILE *f, const char *text, size_t at)
{
    size_t col = at;
    for (bool first = true; *text; first = false) {
        size_t n = strcspn(text, " ");
        if (!first && col + 1 + n > WIDTH) {
            fprintf(f, "\n%*s", (int)at, "");
            col = at;
        } else if (!first) {
            fputc(' ', f);
            col++;
        }
        fprintf(f, "%.*s", (int)n, text);
        col += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', f);
}

static void row(FILE *f, const char *left, const char *right, size_t at)
{
    fprintf(f, "  %-*s", (int)at - 2, left);
    if (strlen(left) + 2 >= at)
        fprintf(f, "\n%*s", (int)at, "");
    wrapped(f, right, at);
}

static void options(FILE *f, const struct opt *list)
{
    for (const struct opt *o = list; o && (o->name || o->letter); o++) {
        char letter[8] = "    ", left[64];
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c%s ", o->letter, o->name ? "," : "");
        snprintf(left, sizeof(left), "%s%s%s%s%s", letter, o->name ? "--" : "",
                 o->name ? o->name : "", o->value ? " " : "", o->value ? o->value : "");
        row(f, left, o->help, 28);
    }
}

void help_overview(FILE *f)
{
    const struct cmd *c;
    fputs("ymago: a folder in which pictures appear beside the prompts you save.\n\n"
          "  ymago mount DIR                 then write DIR/images/sunset.txt\n"
          "  ymago image \"A sunset\"          one picture, without a mount\n\nCommands:\n",
          f);
    for (size_t i = 0; (c = cmd_at(i)); i++) {
        YM_AUTOFREE char *left = ym_asprintf("%s %s", c->name, c->args);
        if (!c->hidden)
            row(f, left, c->help, 28);
    }
    fputs("\nOptions of all commands:\n", f);
    options(f, common_opts);
    fputs("\n`ymago COMMAND --help` says more; `man ymago` says all.\n", f);
}

void help_command(FILE *f, const struct cmd *c)
{
    fprintf(f, "ymago %s%s%s%s\n\n", c->name, *c->args ? " " : "", c->args,
            c->opts ? " [OPTIONS]" : "");
    wrapped(f, c->help, 0);
    if (c->more) {
        fputc('\n', f);
        wrapped(f, c->more, 0);
    }
    if (c->opts) {
        fputs("\nOptions:\n", f);
        options(f, c->opts);
    }
    fputs("\nOptions of all commands:\n", f);
    options(f, common_opts);
}

int cmd_help(struct cli *c)
{
    struct ym_err err;
    bool keep;
    if (!c->a.npos) {
        help_overview(stdout);
        return YM_EXIT_DONE;
    }
    const struct cmd *cmd = cmd_of_word(c->a.pos[0], &keep, &err);
    if (!cmd)
        return out_fail(c, &err);
    help_command(stdout, cmd);
    return YM_EXIT_DONE;
}

/* ---- completion ---- */
static void words(const struct opt *list)
{
    for (const struct opt *o = list; o && (o->name || o->letter); o++)
        printf(" %s%s%c", o->name ? "--" : "-", o->name ? o->name : "", o->name ? ' ' : o->letter);
}

static void completion_bash(void)
{
    const struct cmd *c;
    fputs("# bash completion for ymago: eval \"$(ymago completion bash)\"\n"
          "_ymago() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        words='",
          stdout);
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (!c->hidden)
            printf("%s ", c->name);
    fputs("--help --version'\n"
          "    else\n"
          "        case $cmd in\n",
          stdout);
    for (size_t i = 0; (c = cmd_at(i)); i++) {
        if (c->hidden)
            continue;
        printf("            %s) words='", c->name);
        words(c->opts);
        words(common_opts);
        fputs("' ;;\n", stdout);
    }
    fputs("        esac\n"
          "        [ \"${cur#-}\" = \"$cur\" ] && words=\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "}\n"
          "complete -o default -F _ymago ymago\n",
          stdout);
}

/* Text inside single quotes of fish. */
static void fish_quoted(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

static void fish_options(const struct opt *list, const char *of)
{
    for (const struct opt *o = list; o && (o->name || o->letter); o++) {
        fputs("complete -c ymago", stdout);
        if (of)
            printf(" -n '__fish_seen_subcommand_from %s'", of);
        if (o->name)
            printf(" -l %s", o->name);
        if (o->letter)
            printf(" -s %c", o->letter);
        fputs(o->value ? " -r -d " : " -d ", stdout);
        fish_quoted(o->help);
        putchar('\n');
    }
}

static void completion_fish(void)
{
    const struct cmd *c;
    fputs("# fish completion for ymago: ymago completion fish | source\n", stdout);
    for (size_t i = 0; (c = cmd_at(i)); i++) {
        if (c->hidden)
            continue;
        printf("complete -c ymago -n __fish_use_subcommand -f -a %s -d ", c->name);
        fish_quoted(c->help);
        putchar('\n');
        fish_options(c->opts, c->name);
    }
    fish_options(common_opts, NULL);
}

int cmd_completion(struct cli *c)
{
    struct ym_err err;
    const char *shell = c->a.pos[0];
    if (strcmp(shell, "bash") == 0) {
        completion_bash();
    } else if (strcmp(shell, "fish") == 0) {
        completion_fish();
    } else {
        ym_fail(&err, YM_INVALID, EINVAL,
                "There is a completion for bash and for fish; zsh reads that of bash after "
                "`autoload bashcompinit; bashcompinit`.");
        return out_fail(c, &err);
    }
    return YM_EXIT_DONE;
}
