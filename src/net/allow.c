#include "allow.h"
#include "url.h"

struct allow {
    size_t n;
    struct {
        bool any_scheme; /* configured as host:port */
        char origin[ORIGIN_MAX];
    } row[];
};

static const char *host_and_port(const char *origin)
{
    return strstr(origin, "://") + 3;
}

struct allow *allow_new(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    struct allow *a = ym_alloc(sizeof(*a) + n * sizeof(a->row[0]));
    for (size_t i = 0; i < n; i++) {
        bool bare = !strstr(list[i], "://");
        YM_AUTOFREE char *url = bare ? ym_asprintf("http://%s", list[i]) : ym_strdup(list[i]);
        char shown[128];
        if (ym_url_origin(url, a->row[a->n].origin, ORIGIN_MAX) < 0)
            ym_log(YM_WARN, "net", "allowed address is no URL and no host:port: %s",
                   ym_text_show(list[i], shown, sizeof(shown)));
        else
            a->row[a->n++].any_scheme = bare;
    }
    return a;
}

void allow_free(struct allow *a)
{
    free(a);
}

bool allow_has(const struct allow *a, const char *origin)
{
    for (size_t i = 0; i < a->n; i++) {
        const char *mine = a->row[i].origin;
        if (strcmp(mine, origin) == 0)
            return true;
        if (a->row[i].any_scheme && strcmp(host_and_port(mine), host_and_port(origin)) == 0)
            return true;
    }
    return false;
}
