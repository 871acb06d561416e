/* Arguments by table: what a command takes is data. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <ymago/base.h>

struct cli;
struct opt {           /* rows end with { 0 } */
    const char *name;  /* long name; "o" style options have only a letter: NULL */
    char letter;       /* 0 = none */
    const char *value; /* what its value is called; NULL = a switch */
    const char *help;
    bool many;   /* may be given more than once; else the last one counts */
    bool secret; /* its value is wiped from argv as soon as it is seen */
};
struct cmd {
    const char *name;
    const char *args;          /* "PROMPT|-": for people */
    int min, max;              /* number of operands; max -1 = any */
    const struct opt *opts;    /* NULL = only those of all commands */
    int (*run)(struct cli *c); /* returns the exit code */
    const char *help;          /* one line */
    const char *more;          /* paragraphs for --help, or NULL */
    bool hidden;               /* not listed */
};

struct arg {
    const struct opt *opt;
    const char *value; /* "" for a switch; borrowed from argv */
    struct ym_secret *secret;
};
struct args {
    const struct cmd *cmd; /* NULL when no command was named */
    const char **pos;      /* operands, NULL-terminated; borrowed from argv */
    int npos;
    struct arg *v;
    size_t n;
};
struct arg_rules {
    const struct opt *common;
    /* The command that the first operand names; *ret_keep: the word is an operand itself. NULL with
     * *e. */
    const struct cmd *(*find)(const char *word, bool *ret_keep, struct ym_err *e);
    const struct cmd *fixed; /* the command is already known: all operands are its own; or NULL */
};
/* Options and operands in any order; "--" ends options; "-" is an operand. -EINVAL with a sentence
 * that names the nearest option. Values of secret options are wiped in argv also when it fails. */
int args_parse(const struct arg_rules *rules, int argc, char **argv, struct args *ret,
               struct ym_err *e);
void args_fini(struct args *a);
/* By long name, else the letter. The last value, NULL when it was not given. */
const char *arg_get(const struct args *a, const char *name);
bool arg_has(const struct args *a, const char *name);
/* The i-th value of an option that may be given more than once, or NULL. */
const char *arg_nth(const struct args *a, const char *name, size_t i);
const struct ym_secret *arg_secret(const struct args *a, const char *name);
const char *opt_show(const struct opt *o, char out[static 48]); /* "--seed" or "-o" */

#endif
