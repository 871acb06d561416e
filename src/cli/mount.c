/* ymago mount, ymago umount, and the form of mount(8). */
#include <fnmatch.h>
#include <string.h>

#include "cli_private.h"
#include "path.h"

struct mounting {
    struct ym_cli_mount m;
    char *library, *mountpoint;
    char *config_file, *api_key_file;
    char **options; /* NULL-terminated */
    size_t n;
};

static void mounting_fini(struct mounting *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->options[i]);
    free(m->options);
    free(m->library);
    free(m->mountpoint);
    free(m->config_file);
    free(m->api_key_file);
}

/* Links resolved where it exists; else as written. */
static char *place(const struct cli *c, const char *p)
{
    char *real = realpath(p, NULL);
    return real ? real : path_absolute(c->cwd, p);
}

static void set(char **at, char *value)
{
    free(*at);
    *at = value;
}

/* What fstab and mount(8) say to mount(8) itself, not to us. */
static bool option_is_noise(const char *o)
{
    static const char *const noise[] = {"_netdev", "nofail", "noauto",    "auto",  "user",
                                        "users",   "nouser", "owner",     "group", "rw",
                                        "dev",     "suid",   "exec",      "async", "defaults",
                                        "x-*",     "X-*",    "comment=*", "user=*"};
    for (size_t i = 0; i < YM_COUNT(noise); i++)
        if (fnmatch(noise[i], o, 0) == 0)
            return true;
    return false;
}

static void option_add(const struct cli *c, struct mounting *m, char *o /* taken */)
{
    YM_AUTOFREE char *text = o;
    if (!*o || option_is_noise(o))
        return;
    if (strcmp(o, "allow_other") == 0)
        m->m.allow_other = true;
    else if (strncmp(o, "library=", 8) == 0)
        set(&m->library, place(c, o + 8));
    else if (strncmp(o, "config=", 7) == 0)
        set(&m->config_file, path_absolute(c->cwd, o + 7));
    else if (strncmp(o, "api_key_file=", 13) == 0)
        set(&m->api_key_file, path_absolute(c->cwd, o + 13));
    else
        m->options[m->n++] = ym_steal(&text);
}

/* "a,b=c\,d": a backslash keeps a comma. */
static void options_split(const struct cli *c, struct mounting *m, const char *text)
{
    m->options = ym_realloc(m->options, (m->n + strlen(text) / 2 + 3) * sizeof(*m->options));
    while (*text) {
        char *o = ym_alloc(strlen(text) + 1);
        size_t n = 0;
        for (; *text && *text != ','; text++) {
            if (text[0] == '\\' && text[1])
                text++;
            o[n++] = *text;
        }
        option_add(c, m, o);
        text += *text == ',';
    }
    m->options[m->n] = NULL;
}

static void options_read(const struct cli *c, struct mounting *m)
{
    const char *o;
    options_split(c, m, "");
    for (size_t i = 0; (o = arg_nth(&c->a, "o", i)); i++)
        options_split(c, m, o);
}

static bool shell_stands_in(const struct cli *c, const char *dir)
{
    return path_below(dir, c->cwd) != NULL;
}

static int mounting_run(struct cli *c, struct mounting *m)
{
    struct ym_cli_common *common = &m->m.common;
    if (m->config_file)
        common->config_file = m->config_file;
    if (m->api_key_file)
        common->api_key_file = m->api_key_file;
    m->m.library = m->library ? m->library : m->mountpoint;
    m->m.mountpoint = m->mountpoint;
    m->m.options = (const char *const *)m->options;
    bool under = shell_stands_in(c, m->mountpoint);
    int code = c->h->mount(&m->m);
    if (code == YM_EXIT_DONE && under && !m->m.foreground)
        out_warn(c, "your shell stands in the folder below the mount and does not see it: run  cd "
                    "\"$PWD\"");
    mounting_fini(m);
    return code;
}

int cmd_mount(struct cli *c)
{
    struct mounting m = {.m = {.common = c->common,
                               .foreground = arg_has(&c->a, "foreground"),
                               .allow_other = arg_has(&c->a, "allow-other")}};
    const char *library = arg_get(&c->a, "library");
    m.mountpoint = place(c, c->a.pos[0]);
    options_read(c, &m);
    if (library)
        set(&m.library, place(c, library));
    return mounting_run(c, &m);
}

/* ymago LIB DIR -o OPTIONS, as mount(8) calls it. */
int cmd_mount_form(struct cli *c)
{
    struct mounting m = {.m = {.common = c->common}};
    bool fake = c->a.cmd == &cmd_mount_helper && arg_has(&c->a, "f");
    if (fake)
        return YM_EXIT_DONE;
    m.m.foreground = arg_has(&c->a, "foreground");
    m.mountpoint = place(c, c->a.pos[1]);
    options_read(c, &m);
    set(&m.library, place(c, c->a.pos[0]));
    return mounting_run(c, &m);
}

int cmd_umount(struct cli *c)
{
    struct ym_err err;
    /* By text alone: a dead mount cannot be looked at. */
    YM_AUTOFREE char *dir = path_absolute(c->cwd, c->a.pos[0]);
    if (c->h->umount(dir, arg_has(&c->a, "lazy"), &err) < 0)
        return out_fail(c, &err);
    out_note(c, "Unmounted %s.", dir);
    return out_json(c, cJSON_CreateObject(), YM_EXIT_DONE);
}
