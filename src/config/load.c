/* Where settings come from, in order: built-in, the file, ./ymago.toml, the environment, systemd's
 * credentials, the command line. What comes later wins. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

#define FILE_MAX (1024 * 1024)
enum rank { RANK_FILE = 1, RANK_CWD, RANK_ENV, RANK_CREDENTIAL, RANK_FLAG };

struct loader {
    const struct ym_config_sources *src;
    struct ym_config *c;
    const char *home;
    struct env_row *rows;
    struct stat main_file; /* st_ino 0 = none */
};

static const char *env_get(const struct loader *l, const char *name)
{
    size_t len = strlen(name);
    for (char *const *p = l->src->environ; p && *p; p++)
        if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
            return (*p)[len + 1] ? *p + len + 1 : NULL;
    return NULL;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ym_strdup(".");
    return slash == path ? ym_strdup("/") : ym_strndup(path, (size_t)(slash - path));
}

/* ---- files ---- */

static int file_apply(struct loader *l, int fd, const char *path, struct table_source *t, struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf text;
    YM_AUTOJSON cJSON *doc = NULL;
    YM_AUTOFREE char *dir = dir_of(path);
    struct ym_err inner;
    char shown[120];
    ym_buf_init(&text, FILE_MAX + 1);
    ym_text_show(path, shown, sizeof shown);
    int r = text_read_fd(fd, shown, FILE_MAX, &text, e);
    if (r < 0)
        return r;
    const char *s = text.len ? text.data : "";
    if (ym_toml_parse(s, text.len, &doc, NULL, &inner) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%s: %s", shown, inner.msg);
    t->shown = shown;
    t->text = s;
    t->len = text.len;
    t->base_dir = dir;
    t->home = l->home;
    t->providers = l->src->providers;
    return table_apply(l->c, doc, t, e);
}

/* The first of the usual places where there is a file. */
static int main_file_open(const struct loader *l, char **ret_path, struct ym_err *e)
{
    const char *xdg = env_get(l, "XDG_CONFIG_HOME");
    char *places[3] = {
        xdg && xdg[0] == '/' ? ym_asprintf("%s/ymago/ymago.toml", xdg)
        : l->home            ? ym_asprintf("%s/.config/ymago/ymago.toml", l->home)
                             : NULL,
        l->home ? ym_asprintf("%s/.ymago.toml", l->home) : NULL,
        ym_strdup("/etc/ymago/ymago.toml"),
    };
    int fd = -ENOENT;
    for (size_t i = 0; i < YM_COUNT(places); i++) {
        if (fd == -ENOENT && places[i]) {
            fd = open(places[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
            fd = fd < 0 ? (errno == ENOTDIR ? -ENOENT : -errno) : fd;
            if (fd >= 0)
                *ret_path = ym_steal(&places[i]);
            else if (fd != -ENOENT)
                ym_fail(e, YM_INVALID, -fd, "%s cannot be opened: %s.", places[i], strerrordesc_np(-fd));
        }
        free(places[i]);
    }
    return fd;
}

static bool holds_secret(const struct ym_config *c)
{
    for (size_t i = 0; i < c->nset; i++)
        if (c->set[i].secret)
            return true;
    return false;
}

static int load_main_file(struct loader *l, struct ym_err *e)
{
    struct table_source t = {.rank = RANK_FILE};
    YM_AUTOFREE char *path = ym_strdup(l->src->file);
    YM_AUTOCLOSE int fd = -1;
    if (path) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return ym_fail(e, YM_INVALID, errno, "%s cannot be opened: %s.", path, strerrordesc_np(errno));
    } else {
        int r = main_file_open(l, &path, e);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        fd = r;
    }
    if (fstat(fd, &l->main_file) < 0)
        return ym_fail(e, YM_LOCAL, errno, "%s cannot be read: %s.", path, strerrordesc_np(errno));
    int r = file_apply(l, fd, path, &t, e);
    if (r < 0)
        return r;
    if ((l->main_file.st_mode & 077) && holds_secret(l->c))
        ym_log(YM_WARN, "config", "%s holds a key and can be read by others: run chmod 600 on it", path);
    l->c->file = ym_steal(&path);
    return 0;
}

/* True when the folder of path or one above it is a library: what lies in one was perhaps unpacked
 * or copied there, and may set nothing. */
static bool inside_library(const char *path)
{
    YM_AUTOFREE char *dir = dir_of(path);
    YM_AUTOFREE char *real = realpath(dir, NULL);
    while (real && *real) {
        YM_AUTOFREE char *state = ym_asprintf("%s/.ymago", real);
        if (faccessat(AT_FDCWD, state, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
        *strrchr(real, '/') = '\0';
    }
    return false;
}

static int load_cwd_file(struct loader *l, struct ym_err *e)
{
    static const char *const only[] = {"defaults", "models", NULL};
    struct table_source t = {
        .rank = RANK_CWD,
        .only = only,
        .only_says = "a ymago.toml of the current folder sets [defaults] and [models] only.",
    };
    const char *path = l->src->cwd_file;
    struct stat st;
    if (!path || inside_library(path))
        return 0;
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        ym_log(YM_WARN, "config", "%s is left out: %s", path, strerrordesc_np(errno));
        return 0;
    }
    if (st.st_ino == l->main_file.st_ino && st.st_dev == l->main_file.st_dev)
        return 0;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022)) {
        ym_log(YM_WARN, "config", "%s is left out: it is not yours, or others may write to it", path);
        return 0;
    }
    return file_apply(l, fd, path, &t, e);
}

/* ---- environment ---- */

static int env_row_apply(struct loader *l, const struct env_row *row, const char *text, struct ym_err *e)
{
    struct setting v = {.rank = RANK_ENV};
    char expects[160], show[64];
    bool empty;
    v.opt = opt_find(row->option, &v.name);
    ym_assert(v.opt != NULL);
    if (!value_from_text(v.opt, text, &v, &empty)) {
        const struct opt *o = v.opt;
        setting_fini(&v);
        opt_expects(o, expects, sizeof expects);
        if (o->hidden)
            return ym_fail(e, YM_INVALID, EINVAL, "The environment variable %s must be %s.", row->var, expects);
        return ym_fail(e, YM_INVALID, EINVAL, "The environment variable %s must be %s, not %s.", row->var,
                       expects, ym_text_show(text, show, sizeof show));
    }
    if (v.opt->type == OPT_PATH) {
        char *whole = path_whole(v.text, NULL, l->home);
        free(v.text);
        v.text = whole;
    }
    v.source = ym_asprintf("environment variable %s", row->var);
    config_put(l->c, &v);
    return 0;
}

/* A key that an earlier load took out of the environment is still in the earlier configuration. */
static void env_from_previous(struct loader *l)
{
    const struct ym_config *old = l->src->previous;
    for (size_t i = 0; old && i < old->nset; i++) {
        const struct setting *v = &old->set[i];
        if (!v->secret || v->rank < RANK_ENV || v->rank == RANK_CREDENTIAL)
            continue;
        const char *s = ym_secret_reveal(v->secret);
        struct setting n = {.opt = v->opt, .name = ym_strdup(v->name), .rank = v->rank};
        n.source = ym_strdup(v->source);
        n.secret = ym_secret_new(s, strlen(s));
        config_put(l->c, &n);
    }
}

static int load_environment(struct loader *l, struct ym_err *e)
{
    int r = 0;
    size_t rows = 0;
    env_from_previous(l);
    while (l->rows[rows].var)
        rows++;
    for (size_t i = rows; i-- > 0 && r == 0;) { /* upwards: the upper row wins */
        const char *text = env_get(l, l->rows[i].var);
        if (text)
            r = env_row_apply(l, &l->rows[i], text, e);
    }
    return r;
}

static void forget_environment(const struct loader *l)
{
    for (const struct env_row *row = l->rows; l->src->environ && row->var; row++) {
        YM_AUTOFREE char *name = NULL;
        if (opt_find(row->option, &name)->type == OPT_SECRET)
            secret_forget_env(row->var);
    }
}

/* ---- keys ---- */

static void put_secret(struct loader *l, const char *dotted, struct ym_secret *s, int rank, const char *source)
{
    struct setting v = {.rank = rank, .secret = s, .source = ym_strdup(source)};
    v.opt = opt_find(dotted, &v.name);
    config_put(l->c, &v);
}

/* $CREDENTIALS_DIRECTORY/google_api_key and so on: the variables' names in small letters. */
static int load_credentials(struct loader *l, struct ym_err *e)
{
    const char *dir = env_get(l, "CREDENTIALS_DIRECTORY");
    size_t rows = 0;
    while (l->rows[rows].var)
        rows++;
    for (size_t i = rows; dir && i-- > 0;) {
        const struct env_row *row = &l->rows[i];
        YM_AUTOFREE char *name = NULL;
        YM_AUTOFREE char *file = ym_strdup(row->var);
        char source[80];
        struct ym_secret *s = NULL;
        if (opt_find(row->option, &name)->type != OPT_SECRET)
            continue;
        for (char *p = file; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p + 32);
        int r = secret_read_credential(dir, file, &s, e);
        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        snprintf(source, sizeof source, "credential %s", file);
        put_secret(l, row->option, s, RANK_CREDENTIAL, source);
    }
    return 0;
}

/* providers.NAME.api_key_file, for those who have no better key already. */
static int load_key_files(struct loader *l, struct ym_err *e)
{
    const struct opt *file_opt = opt_in("providers", true, "api_key_file");
    const struct opt *key_opt = opt_in("providers", true, "api_key");
    const char *name;
    for (size_t i = 0; (name = ym_config_name(l->c, "providers", i)); i++) {
        const struct setting *file = config_find(l->c, file_opt, name);
        const struct setting *key = config_find(l->c, key_opt, name);
        YM_AUTOFREE char *dotted = ym_asprintf("providers.%s.api_key", name);
        struct ym_secret *s = NULL;
        if (!file || (key && key->rank > RANK_FILE))
            continue;
        if (key)
            return ym_fail(e, YM_INVALID, EINVAL,
                           "%s: providers.%s has both api_key and api_key_file; keep one of them.",
                           file->source, name);
        int r = secret_read_file(file->text, "The key file", &s, e);
        if (r < 0)
            return r;
        YM_AUTOFREE char *source = ym_asprintf("api_key_file %s", file->text);
        put_secret(l, dotted, s, RANK_FILE, source);
    }
    return 0;
}

static int load_flags(struct loader *l, struct ym_err *e)
{
    const char *dotted = "providers.gemini.api_key";
    struct ym_secret *s = NULL;
    if (l->src->api_key) {
        const char *text = ym_secret_reveal(l->src->api_key);
        put_secret(l, dotted, ym_secret_new(text, strlen(text)), RANK_FLAG, "--api-key");
        return 0;
    }
    if (!l->src->api_key_file)
        return 0;
    int r = secret_read_file(l->src->api_key_file, "The key file", &s, e);
    if (r == 0)
        put_secret(l, dotted, s, RANK_FLAG, "--api-key-file");
    return r;
}

int ym_config_load(const struct ym_config_sources *s, struct ym_config **ret, struct ym_err *e)
{
    struct loader l = {.src = s, .c = config_new(), .rows = env_rows_all(s->providers)};
    l.home = env_get(&l, "HOME");
    int r = load_main_file(&l, e);
    if (r == 0)
        r = load_cwd_file(&l, e);
    if (r == 0)
        r = load_environment(&l, e);
    if (r == 0)
        r = load_credentials(&l, e);
    if (r == 0)
        r = load_flags(&l, e);
    if (r == 0)
        r = load_key_files(&l, e);
    /* Last: env_get borrows the very strings that are wiped here. */
    forget_environment(&l);
    env_rows_free(l.rows);
    if (r < 0) {
        ym_config_unref(l.c);
        return r;
    }
    config_allow_rebuild(l.c);
    *ret = l.c;
    return 0;
}
