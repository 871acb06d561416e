/* Reading the arguments. */
#include "args.h"

#include <errno.h>
#include <string.h>

struct reader {
    const struct arg_rules *rules;
    char **argv;
    int argc, at;
    struct args *out;
    bool only_operands; /* after "--" */
};

const char *opt_show(const struct opt *o, char out[static 48])
{
    if (o->name)
        snprintf(out, 48, "--%s", o->name);
    else
        snprintf(out, 48, "-%c", o->letter);
    return out;
}

static bool opt_is(const struct opt *o, const char *name)
{
    return o->name ? strcmp(o->name, name) == 0 : o->letter == name[0] && !name[1];
}

/* ---- finding options ---- */
static const struct opt *find_in(const struct opt *list, const char *name, size_t len, char letter)
{
    for (const struct opt *o = list; o && (o->name || o->letter); o++)
        if (name ? o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0
                 : o->letter == letter)
            return o;
    return NULL;
}

static const struct opt *find_opt(const struct reader *r, const char *name, size_t len, char letter)
{
    const struct opt *o = r->out->cmd ? find_in(r->out->cmd->opts, name, len, letter) : NULL;
    return o ? o : find_in(r->rules->common, name, len, letter);
}

static size_t names_add(const char **list, size_t n, const struct opt *opts)
{
    for (const struct opt *o = opts; o && (o->name || o->letter); o++)
        if (o->name)
            list[n++] = o->name;
    return n;
}

static size_t opts_count(const struct opt *opts)
{
    size_t n = 0;
    while (opts && (opts[n].name || opts[n].letter))
        n++;
    return n;
}

static int fail_unknown(const struct reader *r, const char *name, size_t len, struct ym_err *e)
{
    const struct cmd *c = r->out->cmd;
    const struct opt *own = c ? c->opts : NULL;
    YM_AUTOFREE const char **names =
        ym_alloc_array(opts_count(own) + opts_count(r->rules->common) + 1, sizeof(*names));
    YM_AUTOFREE char *word = ym_strndup(name, len);
    char shown[64];
    names_add(names, names_add(names, 0, own), r->rules->common);
    const char *near = ym_text_suggest(word, names);
    const char *of = c ? c->name : "", *space = c ? " " : "";
    ym_text_show(word, shown, sizeof(shown));
    if (near)
        return ym_fail(e, YM_INVALID, EINVAL, "ymago%s%s has no option --%s; did you mean --%s?",
                       space, of, shown, near);
    return ym_fail(e, YM_INVALID, EINVAL,
                   "ymago%s%s has no option --%s; `ymago%s%s --help` lists them.", space, of, shown,
                   space, of);
}

/* ---- taking ---- */
static void take(struct reader *r, const struct opt *o, char *value)
{
    struct args *a = r->out;
    a->v = ym_realloc(a->v, (a->n + 1) * sizeof(*a->v));
    a->v[a->n] = (struct arg){.opt = o, .value = value ? value : ""};
    if (o->secret) {
        a->v[a->n].secret = ym_secret_new(value, strlen(value));
        explicit_bzero(value, strlen(value));
    }
    a->n++;
}

/* value: what stands after "=" or the letter; NULL = the next argument. */
static int take_valued(struct reader *r, const struct opt *o, char *value, struct ym_err *e)
{
    char name[48];
    if (!value && r->at + 1 < r->argc)
        value = r->argv[++r->at];
    if (!value)
        return ym_fail(e, YM_INVALID, EINVAL, "%s needs a value: %s %s.", opt_show(o, name), name,
                       o->value);
    take(r, o, value);
    return 0;
}

static int read_long(struct reader *r, char *word, struct ym_err *e)
{
    char name[48];
    char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) : strlen(word);
    const struct opt *o = find_opt(r, word, len, 0);
    if (!o)
        return fail_unknown(r, word, len, e);
    if (o->value)
        return take_valued(r, o, eq ? eq + 1 : NULL, e);
    if (eq)
        return ym_fail(e, YM_INVALID, EINVAL, "%s takes no value.", opt_show(o, name));
    take(r, o, NULL);
    return 0;
}

/* "-f", "-fo OPTS", "-oOPTS" */
static int read_short(struct reader *r, char *word, struct ym_err *e)
{
    for (; *word; word++) {
        const struct opt *o = find_opt(r, NULL, 0, *word);
        char letter[8];
        if (!o)
            return ym_fail(
                e, YM_INVALID, EINVAL,
                "There is no option -%s here; put -- before a word that begins with a dash.",
                ym_text_show((char[2]){*word, 0}, letter, sizeof(letter)));
        if (o->value)
            return take_valued(r, o, word[1] ? word + 1 : NULL, e);
        take(r, o, NULL);
    }
    return 0;
}

static int read_operand(struct reader *r, const char *word, struct ym_err *e)
{
    struct args *a = r->out;
    bool keep = a->cmd != NULL;
    if (!a->cmd) {
        a->cmd = r->rules->find(word, &keep, e);
        if (!a->cmd)
            return -EINVAL;
    }
    if (keep)
        a->pos[a->npos++] = word;
    return 0;
}

/* A secret stands in argv until it is read: whatever fails before must not leave it there. */
static void wipe_rest(struct reader *r)
{
    struct ym_err ignored;
    for (r->at++; r->at < r->argc; r->at++) {
        char *w = r->argv[r->at];
        if (strcmp(w, "--") == 0)
            return;
        if (strncmp(w, "--", 2) != 0)
            continue;
        char *eq = strchr(w, '=');
        const struct opt *o = find_opt(r, w + 2, eq ? (size_t)(eq - w - 2) : strlen(w + 2), 0);
        if (o && o->secret && take_valued(r, o, eq ? eq + 1 : NULL, &ignored) < 0)
            return;
    }
}

static int read_one(struct reader *r, struct ym_err *e)
{
    char *w = r->argv[r->at];
    if (r->only_operands || w[0] != '-' || !w[1])
        return read_operand(r, w, e);
    if (strcmp(w, "--") == 0) {
        r->only_operands = true;
        return 0;
    }
    return w[1] == '-' ? read_long(r, w + 2, e) : read_short(r, w + 1, e);
}

static int check_count(const struct args *a, struct ym_err *e)
{
    const struct cmd *c = a->cmd;
    if (!c || arg_has(a, "help"))
        return 0;
    if (a->npos < c->min)
        return ym_fail(e, YM_INVALID, EINVAL, "Something is missing: ymago %s %s", c->name,
                       c->args);
    if (c->max < 0 || a->npos <= c->max)
        return 0;
    char shown[64];
    ym_text_show(a->pos[c->max], shown, sizeof(shown));
    return ym_fail(e, YM_INVALID, EINVAL, "\"%s\" is one word too many: ymago %s%s%s%s", shown,
                   c->name, *c->args ? " " : "", c->args,
                   strstr(c->args, "PROMPT") ? " (put the prompt in quotes)" : "");
}

int args_parse(const struct arg_rules *rules, int argc, char **argv, struct args *ret,
               struct ym_err *e)
{
    struct args a = {.cmd = rules->fixed, .pos = ym_alloc_array((size_t)argc + 1, sizeof(*a.pos))};
    struct reader r = {.rules = rules, .argv = argv, .argc = argc, .out = &a};
    int rc = 0;
    for (r.at = 1; r.at < argc && rc == 0; r.at++)
        rc = read_one(&r, e);
    if (rc < 0) {
        r.at--;
        wipe_rest(&r);
    } else {
        rc = check_count(&a, e);
    }
    if (rc < 0)
        args_fini(&a);
    else
        *ret = a;
    return rc;
}

void args_fini(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        ym_secret_free(a->v[i].secret);
    free(a->v);
    free(a->pos);
    *a = (struct args){0};
}

/* ---- asking ---- */
static const struct arg *last(const struct args *a, const char *name)
{
    for (size_t i = a->n; i-- > 0;)
        if (opt_is(a->v[i].opt, name))
            return &a->v[i];
    return NULL;
}

const char *arg_get(const struct args *a, const char *name)
{
    const struct arg *v = last(a, name);
    return v ? v->value : NULL;
}

bool arg_has(const struct args *a, const char *name)
{
    return last(a, name) != NULL;
}

const char *arg_nth(const struct args *a, const char *name, size_t i)
{
    for (size_t k = 0; k < a->n; k++)
        if (opt_is(a->v[k].opt, name) && i-- == 0)
            return a->v[k].value;
    return NULL;
}

const struct ym_secret *arg_secret(const struct args *a, const char *name)
{
    const struct arg *v = last(a, name);
    return v ? v->secret : NULL;
}
