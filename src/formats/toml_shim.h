/* The border to the one C++ file. No exception and no C++ type passes it. */
#ifndef YMAGO_FORMATS_TOML_SHIM_H
#define YMAGO_FORMATS_TOML_SHIM_H

#include <cjson/cJSON.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct toml_fault {
    int line, column; /* 0 = not known */
    char what[160];   /* a phrase */
};

/* Parses text whose nesting the caller has bounded. The value (cJSON_Delete), or NULL and *fault.
 */
cJSON *toml_shim_parse(const char *text, size_t len, struct toml_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
