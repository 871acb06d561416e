/* The list of all drivers: a new provider is one row here. Order matters only for defaults: of the
 * providers whose key is set, the first that makes a kind of media is its default. */
#include "registry.h"

#define DRIVERS(D)                                                                                 \
    D(gemini)                                                                                      \
    D(sketch)

#define DECLARE(name) extern const struct ym_driver ym_driver_##name;
#define LIST(name)    &ym_driver_##name,
DRIVERS(DECLARE)

const struct ym_driver *const drivers[] = {DRIVERS(LIST) NULL};
