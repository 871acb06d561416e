/* The list of all drivers: a new provider is one row here. Order matters only for defaults: of the
 * providers whose key is set, the first that makes a kind of media is its default. */
#include "registry.h"

#define DRIVERS(D)                                                                                 \
    D(gemini)                                                                                      \
    D(openai)                                                                                      \
    D(fal)                                                                                         \
    D(kie)                                                                                         \
    D(elevenlabs)                                                                                  \
    D(a1111)                                                                                       \
    D(comfyui)                                                                                     \
    D(sketch)

#define DECLARE(name) extern const struct ym_driver ym_driver_##name;
#define LIST(name)    &ym_driver_##name,
DRIVERS(DECLARE)

const struct ym_driver *const drivers[] = {DRIVERS(LIST) NULL};

const struct ym_config_provider *config_providers(void)
{
    static struct ym_config_provider rows[YM_COUNT(drivers)];
    for (size_t i = 0; drivers[i]; i++) {
        const struct ym_driver *d = drivers[i];
        rows[i] = (struct ym_config_provider){d->name, {d->key_env, d->key_env_more}, d->base_env};
    }
    return rows;
}
