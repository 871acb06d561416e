/* All drivers of this program; NULL-terminated. */
#ifndef MAIN_REGISTRY_H
#define MAIN_REGISTRY_H

#include <ymago/config.h>
#include <ymago/driver.h>

extern const struct ym_driver *const drivers[];
/* What the configuration knows of them: names, and the variables with their keys and addresses. */
const struct ym_config_provider *config_providers(void);

#endif
