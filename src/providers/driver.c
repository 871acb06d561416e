/* What drivers share: building requests, finding media, and a check of their tables. */
#include <string.h>
#include <ymago/driver.h>

/* ---- the next step ---- */

static void http_fini(struct ym_http *h)
{
    free(h->url);
    for (unsigned i = 0; i < h->nheaders; i++) {
        free(h->headers[i].name);
        free(h->headers[i].value);
    }
    for (unsigned i = 0; i < h->nparts; i++)
        free(h->parts[i].text);
    free(h->parts);
}

void ym_next_fini(struct ym_next *n)
{
    for (unsigned i = 0; i < n->nhttp; i++)
        http_fini(&n->http[i]);
    free(n->provider_id);
    free(n->model_version);
    free(n->safety);
    free(n->text);
    cJSON_Delete(n->list);
    for (unsigned i = 0; i < n->nitems; i++)
        ym_next_fini(&n->items[i].result);
    free(n->items);
    memset(n, 0, sizeof *n);
}

struct ym_http *ym_next_send(struct ym_next *n, unsigned tag, const char *method, enum ym_effect effect,
                             const char *url)
{
    ym_assert(n->nhttp < YM_COUNT(n->http));
    struct ym_http *h = &n->http[n->nhttp++];
    *h = (struct ym_http){.tag = tag, .method = method, .effect = effect, .url = ym_strdup(url)};
    n->what = YM_NEXT_SEND;
    return h;
}

static struct ym_call_header *header_new(struct ym_http *h, const char *name)
{
    ym_assert(h->nheaders < YM_COUNT(h->headers));
    struct ym_call_header *c = &h->headers[h->nheaders++];
    *c = (struct ym_call_header){.name = ym_strdup(name)};
    return c;
}

void ym_http_header(struct ym_http *h, const char *name, const char *value)
{
    header_new(h, name)->value = ym_strdup(value);
}

void ym_http_credential(struct ym_http *h, const char *name, const char *credential, const char *prefix)
{
    struct ym_call_header *c = header_new(h, name);
    c->credential = credential;
    c->prefix = prefix;
}

static struct ym_part *part_new(struct ym_http *h, int type)
{
    h->parts = ym_realloc(h->parts, (h->nparts + 1) * sizeof *h->parts);
    struct ym_part *p = &h->parts[h->nparts++];
    memset(p, 0, sizeof *p);
    p->type = (typeof(p->type))type;
    return p;
}

void ym_http_text(struct ym_http *h, const char *text, size_t len)
{
    struct ym_part *p = h->nparts ? &h->parts[h->nparts - 1] : NULL;
    if (!p || p->type != YM_PART_TEXT)
        p = part_new(h, YM_PART_TEXT);
    p->text = ym_realloc(p->text, p->len + len + 1);
    memcpy(p->text + p->len, text, len);
    p->len += len;
    p->text[p->len] = '\0';
}

void ym_http_puts(struct ym_http *h, const char *text)
{
    ym_http_text(h, text, strlen(text));
}

void ym_http_json(struct ym_http *h, const cJSON *v)
{
    YM_AUTOFREE char *text = ym_json_print(v, false);
    ym_http_puts(h, text);
}

void ym_http_part(struct ym_http *h, int type, unsigned index)
{
    ym_assert(type != YM_PART_TEXT);
    part_new(h, type)->index = index;
}

/* ---- addresses ---- */

bool ym_url_is_ours(const struct ym_call *call, const char *url)
{
    char a[300], b[300];
    return ym_url_origin(url, a, sizeof a) == 0 && ym_url_origin(call->base_url, b, sizeof b) == 0 && strcmp(a, b) == 0;
}

char *ym_url_encode(const char *s, const char *keep)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 1 << 20);
    for (; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
                     strchr("-._~", *s) || (keep && strchr(keep, *s));
        ym_buf_addf(&b, plain ? "%c" : "%%%02X", (unsigned char)*s);
    }
    return ym_buf_steal(&b);
}

/* ---- replies ---- */

int ym_reply_media(const struct ym_reply *rep, const cJSON *v)
{
    int index = rep->sieve ? ym_sieve_index(rep->sieve, v) : -1;
    unsigned at = rep->media_first + (unsigned)index;
    return index >= 0 && at < rep->nmedia ? (int)at : -1;
}

/* ---- tables ---- */

const struct ym_model *ym_driver_model(const struct ym_driver *d, const char *id)
{
    for (const struct ym_model *m = d->models; m && m->id; m++)
        if (strcmp(m->id, id) == 0)
            return m;
    return NULL;
}

const struct ym_param *ym_driver_params(const struct ym_driver *d, const struct ym_model *m, enum ym_kind k)
{
    return m && m->params ? m->params : d->params[k];
}

const struct ym_param *ym_param_find(const struct ym_param *list, const char *name)
{
    for (; list && list->name; list++)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

static void model_check(const struct ym_driver *d, const struct ym_model *m)
{
    ym_assert(m->kinds != 0 && (m->kinds & ~d->kinds) == 0);
    ym_assert(ym_driver_model(d, m->id) == m); /* no name twice */
    ym_assert(!m->retired || *m->retired);
    ym_assert(!m->price_note || *m->price_note);
}

void ym_driver_check(const struct ym_driver *d)
{
    ym_assert(d->name && *d->name);
    ym_assert(d->kinds != 0 && d->kinds < 1u << YM_KIND_COUNT);
    ym_assert(d->check && d->step);
    ym_assert(d->is_free || d->price);
    ym_assert(!d->needs_key || (d->key_env && d->base_url));
    ym_assert(!d->key_env_more || d->key_env);
    ym_assert(!d->base_url || d->base_url[strlen(d->base_url) - 1] != '/');
    ym_assert(!d->is_local || d->base_url);
    ym_assert(!d->gather || (d->gather->max_jobs > 1 && d->gather->check && d->gather->step));
    ym_assert(d->rate_limit >= 0 && d->concurrency >= 0);
    for (const struct ym_model *m = d->models; m && m->id; m++)
        model_check(d, m);
    for (unsigned k = 0; k < YM_KIND_COUNT; k++) {
        if (!d->default_model[k])
            continue;
        const struct ym_model *m = ym_driver_model(d, d->default_model[k]);
        ym_assert(m && (m->kinds & 1u << k) && !m->retired);
    }
}
