/* All models of one provider: those of its driver's table, of the configuration and of its own list. */
#ifndef YM_VIEWS_MODELS_LIST_H
#define YM_VIEWS_MODELS_LIST_H

#include <ymago/views.h>

struct model_row {
    const char *id;
    char *file;                   /* its name in models/PROVIDER */
    const struct ym_model *known; /* of the driver's table; NULL */
    const cJSON *listed;          /* its entry in the provider's list; NULL */
};
struct model_rows {
    const struct ym_driver *driver;
    const struct ym_list *list;   /* NULL = it has none */
    const char *defaults[YM_KIND_COUNT]; /* its models that are taken when a prompt names none; NULL */
    struct model_row *v;
    size_t n, cap;
};
void model_rows_init(struct model_rows *r, const struct ym_models *m, const struct ym_driver *d);
void model_rows_fini(struct model_rows *r);
const struct ym_driver *models_driver(const struct ym_models *m, const char *name, size_t len); /* or NULL */

#endif
