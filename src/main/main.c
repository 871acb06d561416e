/* The program: the command line over the rooms, or the publisher's own process. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <ymago/cli.h>

/* The first configuration read: variables that hold keys are gone from the environment after it, so
 * later readings take them from here. */
static struct ym_config *first_config;

static struct ym_config_sources sources_of(const struct ym_cli_common *c)
{
    return (struct ym_config_sources){.providers = config_providers(), .file = c->config_file, .cwd_file = "./ymago.toml", .environ = environ,
                                      .api_key_file = c->api_key_file, .api_key = c->api_key,
                                      .previous = first_config};
}

static struct ym_config *hook_config(const struct ym_cli_common *c, struct ym_err *e)
{
    struct ym_config_sources s = sources_of(c);
    struct ym_config *cfg = NULL;
    if (ym_config_load(&s, &cfg, e) < 0)
        return NULL;
    if (!first_config)
        first_config = ym_config_ref(cfg);
    return cfg;
}

static int hook_mount(const struct ym_cli_mount *m)
{
    struct wire_wish w = {.library = m->library, .mountpoint = m->mountpoint, .create = true,
                          .allow_other = m->allow_other, .options = m->options,
                          .sources = sources_of(&m->common), .log_to_stderr = m->foreground};
    return mount_run(&w, m->foreground);
}

static int hook_engine_start(const struct ym_cli_common *c, const char *library, bool create,
                             struct ym_service **ret, void **handle, struct ym_err *e)
{
    struct wire_wish w = {.library = library, .create = create, .sources = sources_of(c), .paused = c->send_nothing};
    struct wire *started = NULL;
    int r = wire_start(&w, &started, e);
    if (r < 0)
        return r;
    *ret = started->service;
    *handle = started;
    return 0;
}

static void hook_engine_end(void *handle)
{
    wire_stop(handle, YM_SEC(30));
}

/* The library that is mounted at dir, as the mount itself says; dir when it does not. */
static char *library_of(const char *dir)
{
    YM_AUTOFREE char *text = NULL;
    YM_AUTOJSON cJSON *status = NULL;
    size_t len = 0;
    YM_AUTOCLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && ym_read_whole(fd, ".ymago/status.json", 1 << 20, &text, &len) == 0)
        ym_json_parse(text, len, 1 << 20, &status, NULL);
    return ym_strdup(ym_json_str_or(status, "library", dir));
}

/* Returns once the engine has let go of the library, so that what follows finds a plain folder. */
static int hook_umount(const char *dir, bool lazy, struct ym_err *e)
{
    struct ym_store s;
    struct timespec nap = {.tv_nsec = 20000000};
    YM_AUTOFREE char *library = library_of(dir);
    int r = ym_fs_umount(dir, lazy, e);
    if (r < 0 || ym_store_open(library, false, &s, NULL) < 0)
        return r;
    for (int i = 0; i < 2000 && ym_store_holder(&s) != 0; i++)
        nanosleep(&nap, NULL);
    ym_store_close(&s);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct ym_cli_hooks hooks = {drivers, hook_mount, hook_engine_start, hook_engine_end, hook_config, hook_umount};
    if (argc == 3 && strcmp(argv[1], "__publisher") == 0)
        return ym_publisher_main((int)strtol(argv[2], NULL, 10));
    int r = ym_cli_main(argc, argv, &hooks);
    ym_config_unref(first_config);
    return r;
}
