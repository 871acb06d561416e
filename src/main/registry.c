/* The list of all parts: a new provider is one row here. Order matters only for defaults: of the
 * providers whose key is set, the first that makes a kind of media is its default. */
#include "wire.h"

const struct ym_driver *const drivers[] = {
    &ym_driver_gemini,
    &ym_driver_sketch,
    NULL,
};
