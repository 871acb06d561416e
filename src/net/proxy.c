#include "proxy.h"
#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

static char *env_first(const char *const *names)
{
    for (; *names; names++) {
        const char *v = getenv(*names);
        if (v && *v)
            return ym_strdup(v);
    }
    return NULL;
}

void proxy_init(struct proxy *p)
{
    static const char *const urls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                       NULL};
    static const char *const excepts[] = {"no_proxy", "NO_PROXY", NULL};
    *p = (struct proxy){.url = env_first(urls), .except = env_first(excepts)};
}

void proxy_fini(struct proxy *p)
{
    free(p->url);
    free(p->except);
    *p = (struct proxy){0};
}

/* "10.0.0.0/8" or "fd00::/8" against a host that is an address. */
static bool network_has(const char *token, const char *host)
{
    char net[INET6_ADDRSTRLEN];
    const char *slash = strchr(token, '/');
    if (!slash || (size_t)(slash - token) >= sizeof(net))
        return false;
    memcpy(net, token, (size_t)(slash - token));
    net[slash - token] = '\0';
    char *end;
    unsigned long bits = strtoul(slash + 1, &end, 10);
    uint8_t a[16], b[16];
    int family = strchr(net, ':') ? AF_INET6 : AF_INET;
    if (end == slash + 1 || *end || bits > (family == AF_INET ? 32 : 128) ||
        inet_pton(family, net, a) != 1 || inet_pton(family, host, b) != 1)
        return false;
    size_t whole = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static bool token_matches(const char *token, const char *host)
{
    if (strcmp(token, "*") == 0 || network_has(token, host))
        return true;
    if (*token == '.')
        token++;
    size_t n = strlen(token), h = strlen(host);
    if (n == 0 || n > h || strcasecmp(host + h - n, token) != 0)
        return false;
    return n == h || host[h - n - 1] == '.';
}

static bool is_excepted(const char *list, const char *host)
{
    YM_AUTOFREE char *copy = ym_strdup(list);
    char *rest = NULL;
    for (char *t = strtok_r(copy, ", \t", &rest); t; t = strtok_r(NULL, ", \t", &rest))
        if (token_matches(t, host))
            return true;
    return false;
}

const char *proxy_for(const struct proxy *p, const char *host)
{
    char bare[256];
    size_t n = strlen(host);
    if (!p->url || n >= sizeof(bare))
        return NULL;
    memcpy(bare, host, n + 1);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        memcpy(bare, host + 1, n - 2);
        bare[n - 2] = '\0';
    }
    if (strcmp(bare, "localhost") == 0 || strcmp(bare, "::1") == 0 || strncmp(bare, "127.", 4) == 0)
        return NULL;
    return p->except && is_excepted(p->except, bare) ? NULL : p->url;
}
