#include "url.h"
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>

static void url_cleanup(CURLU **u)
{
    curl_url_cleanup(*u);
}
#define AUTOURL __attribute__((cleanup(url_cleanup)))

static void part_free(char **s)
{
    curl_free(*s);
}
#define AUTOPART __attribute__((cleanup(part_free)))

/* Blanks and control characters have no business in a URL that goes on the wire. */
static bool text_is_clean(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

static bool part_present(CURLU *u, CURLUPart what)
{
    AUTOPART char *s = NULL;
    return curl_url_get(u, what, &s, 0) == CURLUE_OK;
}

int url_parse(const char *text, struct url *ret)
{
    AUTOURL CURLU *u = curl_url();
    AUTOPART char *scheme = NULL, *host = NULL, *port = NULL;
    struct url out = {0};
    if (!u || !text || !text_is_clean(text) ||
        curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return -EINVAL;
    out.https = strcmp(scheme, "https") == 0;
    if (!out.https && strcmp(scheme, "http") != 0)
        return -EINVAL;
    size_t n = strlen(host);
    if (n == 0 || n >= sizeof(out.host))
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        out.host[i] = (char)tolower((unsigned char)host[i]);
    out.userinfo = part_present(u, CURLUPART_USER) || part_present(u, CURLUPART_PASSWORD);
    int len = snprintf(out.origin, sizeof(out.origin), "%s://%s:%s", scheme, out.host, port);
    if (len < 0 || (size_t)len >= sizeof(out.origin))
        return -EINVAL;
    *ret = out;
    return 0;
}

char *url_join(const char *base, const char *location)
{
    AUTOURL CURLU *u = curl_url();
    AUTOPART char *whole = NULL;
    if (!u || !location[0] || !text_is_clean(location) ||
        curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        return NULL;
    return ym_strdup(whole);
}

int ym_url_origin(const char *url, char *out, size_t size)
{
    struct url u;
    if (url_parse(url, &u) < 0 || strlen(u.origin) >= size)
        return -EINVAL;
    memcpy(out, u.origin, strlen(u.origin) + 1);
    return 0;
}
