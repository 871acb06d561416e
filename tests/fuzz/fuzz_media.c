/* Whatever bytes come as media: an answer within bounds, and the type that was sniffed. */
#include "fuzz.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ymago/media.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    ym_assert(fd >= 0 && ftruncate(fd, 0) == 0);
    ym_assert(pwrite(fd, data, size, 0) == (ssize_t)size);
    const struct ym_media_type *t = ym_media_sniff(data, size);
    struct ym_media_info m;
    struct ym_err e;
    int r = ym_media_probe_fd(fd, (int64_t)size, &m, &e);
    if (r < 0) {
        ym_assert(r == -EBADMSG && e.cls == YM_EMPTY && e.msg[0]);
        return 0;
    }
    ym_assert(t && (m.type == t || (strcmp(m.type->ext, "m4a") == 0 && t->kind == YM_MEDIA_VIDEO)));
    ym_assert(m.duration_ms >= -1);
    ym_assert(ym_media_is_ext(m.type->ext));
    /* A still picture that is whole has a size. */
    if (strcmp(m.type->ext, "png") == 0 || strcmp(m.type->ext, "webp") == 0)
        ym_assert(m.width > 0 && m.height > 0);
    return 0;
}
