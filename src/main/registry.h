/* All drivers of this program; NULL-terminated. */
#ifndef MAIN_REGISTRY_H
#define MAIN_REGISTRY_H

#include <ymago/driver.h>

extern const struct ym_driver *const drivers[];

#endif
