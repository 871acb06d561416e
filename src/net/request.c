/* The copy of a request, and its headers as they go on the wire. */
#include "transfer.h"
#include <ctype.h>
#include <errno.h>
#include <strings.h>

/* Methods that always tell the length of a body, be it 0. */
static const struct {
    const char *name;
    bool body;
} methods[] = {
    {"GET", false}, {"HEAD", false}, {"POST", true},
    {"PUT", true},  {"PATCH", true}, {"DELETE", false},
};

static size_t method_row(const char *name)
{
    size_t i = 0;
    while (i < YM_COUNT(methods) && strcmp(methods[i].name, name) != 0)
        i++;
    return i;
}

bool method_has_body(const char *method)
{
    size_t i = method_row(method);
    return i < YM_COUNT(methods) && methods[i].body;
}

static struct ym_secret *secret_copy(const struct ym_secret *s)
{
    const char *text = s ? ym_secret_reveal(s) : NULL;
    return text ? ym_secret_new(text, strlen(text)) : NULL;
}

static void copy_fields(struct transfer *t, const struct ym_header *h)
{
    while (h && h[t->nfields].name)
        t->nfields++;
    t->fields = ym_alloc_array(t->nfields + 1, sizeof(*t->fields));
    for (size_t i = 0; i < t->nfields; i++)
        t->fields[i] = (struct field){.name = ym_strdup(h[i].name),
                                      .value = ym_strdup(h[i].value),
                                      .prefix = ym_strdup(h[i].prefix),
                                      .secret = secret_copy(h[i].secret)};
}

static ym_dur dur_or(ym_dur d, int seconds)
{
    return d.ms > 0 ? d : YM_SEC(seconds);
}

struct transfer *transfer_new(const struct ym_net_request *r)
{
    struct transfer *t = ym_alloc(sizeof(*t));
    t->method = ym_strdup(r->method ? r->method : "");
    t->url = ym_strdup(r->url ? r->url : "");
    copy_fields(t, r->headers);
    t->npieces = r->npieces;
    t->pieces = ym_alloc_array(r->npieces + 1, sizeof(*t->pieces));
    if (r->npieces)
        memcpy(t->pieces, r->pieces, r->npieces * sizeof(*t->pieces));
    t->body_len = ym_pieces_length(r->pieces, r->npieces);
    t->effect = r->effect;
    t->connect_timeout = dur_or(r->connect_timeout, 10);
    t->timeout = dur_or(r->timeout, 300);
    t->stall = dur_or(r->stall, 60);
    t->max_reply = r->max_reply > 0 ? r->max_reply : 256LL << 20;
    t->sink = r->sink;
    head_init(&t->head);
    return t;
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->nfields; i++) {
        free(t->fields[i].name);
        free(t->fields[i].value);
        free(t->fields[i].prefix);
        ym_secret_free(t->fields[i].secret);
    }
    free(t->fields);
    free(t->pieces);
    free(t->method);
    free(t->url);
    free(t->redirect);
    slist_wipe(t->slist);
    ym_body_free(t->body);
    head_fini(&t->head);
    free(t);
}

/* RFC 9110's token. */
static bool name_ok(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    return true;
}

static bool value_ok(const char *s)
{
    for (; s && *s; s++)
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
            return false;
    return true;
}

int request_check(const struct transfer *t, struct ym_err *e)
{
    char shown[48];
    if (method_row(t->method) == YM_COUNT(methods))
        return ym_fail(e, YM_INVALID, EINVAL, "The HTTP method \"%s\" is not known here.",
                       ym_text_show(t->method, shown, sizeof(shown)));
    if (t->body_len < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The body of the request has no valid length.");
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (!name_ok(f->name) || !value_ok(f->value) || !value_ok(f->prefix) ||
            !value_ok(f->secret ? ym_secret_reveal(f->secret) : NULL))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "The header \"%s\" holds characters that no header may hold; look for a "
                           "line break in the key.",
                           ym_text_show(f->name, shown, sizeof(shown)));
    }
    return 0;
}

/* A foreign host is told no more than what it needs to answer. */
static bool goes_abroad(const char *name)
{
    return strcasecmp(name, "accept") == 0 || strcasecmp(name, "range") == 0 ||
           strcasecmp(name, "content-type") == 0;
}

static void line_add(struct curl_slist **l, char *line)
{
    struct curl_slist *more = curl_slist_append(*l, line);
    ym_assert(more);
    *l = more;
    explicit_bzero(line, strlen(line));
    free(line);
}

static bool has_field(const struct transfer *t, const char *name)
{
    for (size_t i = 0; i < t->nfields; i++)
        if (strcasecmp(t->fields[i].name, name) == 0)
            return true;
    return false;
}

struct curl_slist *request_headers(const struct transfer *t)
{
    struct curl_slist *l = NULL;
    bool home = strcmp(t->at.origin, t->home) == 0;
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (!home && (f->secret || !goes_abroad(f->name)))
            continue;
        const char *value = f->secret ? ym_secret_reveal(f->secret) : f->value;
        if (value && *value)
            line_add(&l, ym_asprintf("%s: %s%s", f->name, f->prefix ? f->prefix : "", value));
        else
            line_add(&l, ym_asprintf("%s;", f->name)); /* libcurl's way to send an empty one */
    }
    line_add(&l, ym_strdup("Expect:")); /* a wait for "100 Continue" gains nothing */
    if (!has_field(t, "content-type"))
        line_add(&l, ym_strdup("Content-Type:")); /* else libcurl says it is a form */
    return l;
}

void slist_wipe(struct curl_slist *l)
{
    for (struct curl_slist *s = l; s; s = s->next)
        explicit_bzero(s->data, strlen(s->data));
    curl_slist_free_all(l);
}
