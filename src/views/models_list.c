#include "models_list.h"

#include <errno.h>
#include <string.h>

#define ROWS_MAX 5000 /* of one provider */
#define NAME_MAX_BYTES 180

const struct ym_driver *models_driver(const struct ym_models *m, const char *name, size_t len)
{
    for (const struct ym_driver *const *d = m->drivers; *d; d++)
        if (strlen((*d)->name) == len && memcmp((*d)->name, name, len) == 0)
            return *d;
    return NULL;
}

/* ---- names of files ---- */

/* Without ".json". What is too long is cut and told apart by its digest. */
static char *stem_of(const char *id)
{
    char hex[65];
    size_t len = strlen(id), cut = len;
    bool odd = ym_text_has_control(id, len) || ym_utf8_valid(id, len) != len;
    if (len > NAME_MAX_BYTES)
        cut = ym_utf8_cut(id, len, NAME_MAX_BYTES);
    char *stem = ym_strndup(id, cut);
    for (char *p = stem; *p; p++) {
        if (*p == '/' || *p == '\\')
            *p = '+';
        else if ((unsigned char)*p < ' ' || *p == 0x7f || (odd && (unsigned char)*p >= 0x80))
            *p = '_';
    }
    if (*stem == '.' || *stem == '-')
        *stem = '_';
    if (cut == len && *stem)
        return stem;
    struct ym_digest d = ym_digest_of(id, len);
    char *longer = ym_asprintf("%s~%.8s", stem, ym_digest_hex(&d, hex));
    free(stem);
    return longer;
}

static int by_file(const void *a, const void *b)
{
    const struct model_row *x = *(struct model_row *const *)a, *y = *(struct model_row *const *)b;
    int c = strcmp(x->file, y->file);
    return c ? c : strcmp(x->id, y->id);
}

/* Two ids may give one name: all but one are told apart by their digest. A server that names a model
 * twice means one. */
static void files_name(struct model_rows *r)
{
    YM_AUTOFREE struct model_row **order = ym_alloc_array(r->n + 1, sizeof(*order));
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        order[i] = &r->v[i];
        r->v[i].file = stem_of(r->v[i].id);
    }
    if (r->n)
        qsort(order, r->n, sizeof(*order), by_file);
    for (size_t i = r->n; i-- > 0;) { /* from the end: the one before still has its bare name */
        const struct model_row *before = i ? order[i - 1] : NULL;
        char hex[65] = "", *stem = order[i]->file;
        bool taken = (before && strcmp(stem, before->file) == 0) || strcmp(stem, "server") == 0;
        bool twice = before && strcmp(order[i]->id, before->id) == 0;
        struct ym_digest d = ym_digest_of(order[i]->id, strlen(order[i]->id));
        if (taken)
            ym_digest_hex(&d, hex);
        order[i]->file = twice ? NULL : ym_asprintf("%s%s%.8s.json", stem, taken ? "~" : "", hex);
        free(stem);
    }
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].file)
            r->v[kept++] = r->v[i];
    r->n = kept;
}

/* ---- rows ---- */

static struct model_row *row_find(const struct model_rows *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].id, id) == 0)
            return &r->v[i];
    return NULL;
}

static struct model_row *row_add(struct model_rows *r, const char *id)
{
    if (r->n == r->cap)
        r->v = ym_realloc(r->v, (r->cap = r->cap ? r->cap * 2 : 32) * sizeof(*r->v));
    r->v[r->n] = (struct model_row){.id = id};
    return &r->v[r->n++];
}

static void rows_configured(struct model_rows *r, const struct ym_config *c)
{
    struct ym_model_conf conf;
    const char *id;
    for (size_t i = 0; (id = ym_config_name(c, "models", i)); i++)
        if (ym_config_model(c, id, &conf) && conf.provider && strcmp(conf.provider, r->driver->name) == 0 &&
            !row_find(r, id))
            row_add(r, id);
}

/* A server may list thousands: they are looked for among the few others only. */
static void rows_listed(struct model_rows *r)
{
    struct model_rows few = *r;
    const cJSON *models = r->list && r->list->doc ? ym_json_get(r->list->doc, "models") : NULL, *item;
    if (!cJSON_IsArray(models))
        return;
    cJSON_ArrayForEach(item, models) {
        const char *id = ym_json_str(item, "id");
        if (!id || !*id || r->n >= ROWS_MAX)
            continue;
        few.v = r->v;
        struct model_row *row = row_find(&few, id);
        row = row ? row : row_add(r, id);
        row->listed = item;
    }
}

static void defaults_find(struct model_rows *r, const struct ym_models *m)
{
    for (enum ym_kind k = 0; k < YM_KIND_COUNT; k++) {
        const struct ym_driver *of = NULL;
        const char *model = NULL;
        struct ym_err ignored;
        if (ym_engine_default(m->config, m->drivers, k, &of, &model, &ignored) == 0 && of == r->driver)
            r->defaults[k] = model;
    }
}

void model_rows_init(struct model_rows *r, const struct ym_models *m, const struct ym_driver *d)
{
    *r = (struct model_rows){.driver = d};
    for (struct ym_list *const *l = m->lists; l && *l; l++)
        if (strcmp((*l)->provider, d->name) == 0)
            r->list = *l;
    for (const struct ym_model *k = d->models; k && k->id; k++)
        row_add(r, k->id)->known = k;
    rows_configured(r, m->config);
    rows_listed(r);
    files_name(r);
    defaults_find(r, m);
}

void model_rows_fini(struct model_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].file);
    free(r->v);
}
