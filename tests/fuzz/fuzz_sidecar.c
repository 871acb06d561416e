/* Sidecars come from anywhere: what is read stays beside the sidecar, and is bounded. */
#include "fuzz.h"

#include <ymago/library.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = "images/trip/fox.png.json";
    struct ym_sidecar_row row;
    struct ym_err e;
    int r = ym_sidecar_parse(path, (const char *)data, size, &row, &e);
    if (r < 0) {
        ym_assert(e.cls != YM_OK && e.msg[0]);
        return 0;
    }
    ym_assert(strcmp(row.path, path) == 0 && row.media && !ym_path_hidden(row.media));
    ym_assert(strncmp(row.media, "images/trip/", 12) == 0 && !strchr(row.media + 12, '/'));
    ym_sidecar_row_fini(&row);
    return 0;
}
