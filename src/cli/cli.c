/* From argv to an exit code. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli_private.h"
#include "path.h"

static bool is_mount_helper(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    const char *base = slash ? slash + 1 : argv0 ? argv0 : "";
    return strncmp(base, "mount.", 6) == 0;
}

static bool asks_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int usage(struct cli *c, int argc, char **argv, const struct ym_err *e)
{
    c->json = asks_json(argc, argv);
    out_fail(c, e);
    return YM_EXIT_USAGE;
}

/* A mount goes on from another folder and reads its files again at a reload. */
static char *file_path(const struct cli *c, const char *option)
{
    const char *p = arg_get(&c->a, option);
    return p ? path_absolute(c->cwd, p) : NULL;
}

static void common_read(struct cli *c)
{
    c->json = arg_has(&c->a, "json");
    c->config_file = file_path(c, "config");
    c->api_key_file = file_path(c, "api-key-file");
    c->common = (struct ym_cli_common){.config_file = c->config_file,
                                       .api_key_file = c->api_key_file,
                                       .api_key = arg_secret(&c->a, "api-key")};
    if (c->common.api_key)
        out_warn(c, "--api-key can be seen by other users while the program starts; --api-key-file "
                    "or GOOGLE_API_KEY is safer");
}

static int dispatch(struct cli *c)
{
    if (arg_has(&c->a, "version"))
        return cmd_version(c);
    if (arg_has(&c->a, "help")) {
        if (c->a.cmd)
            help_command(stdout, c->a.cmd);
        else
            help_overview(stdout);
        return YM_EXIT_DONE;
    }
    if (!c->a.cmd) {
        help_overview(stderr);
        return YM_EXIT_USAGE;
    }
    return c->a.cmd->run(c);
}

/* What was printed must have arrived: a full disk or a closed pipe is an error too. */
static int streams_end(int code)
{
    bool bad = ferror(stdout) || fflush(stdout) != 0;
    if (bad && code == YM_EXIT_DONE) {
        fprintf(stderr, "ymago: standard output cannot be written: %s.\n", strerrordesc_np(errno));
        return YM_EXIT_ERROR;
    }
    return code;
}

int ym_cli_main(int argc, char **argv, const struct ym_cli_hooks *h)
{
    struct cli c = {.h = h};
    struct ym_err err;
    struct arg_rules rules = {.common = common_opts, .find = cmd_of_word};
    int code;
    if (argc > 0 && is_mount_helper(argv[0]))
        rules.fixed = &cmd_mount_helper;
    int r = args_parse(&rules, argc, argv, &c.a, &err);
    c.umask = umask(077);
    umask(c.umask);
    c.cwd = getcwd(NULL, 0);
    if (!c.cwd)
        c.cwd = ym_strdup("/");
    out_init(&c);
    if (r < 0) {
        code = usage(&c, argc, argv, &err);
    } else {
        common_read(&c);
        code = dispatch(&c);
    }
    code = streams_end(code);
    args_fini(&c.a);
    free(c.cwd);
    free(c.shown);
    free(c.config_file);
    free(c.api_key_file);
    return code;
}
