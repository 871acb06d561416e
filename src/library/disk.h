/* What the files of this room share about files of the library. */
#ifndef YM_LIBRARY_DISK_H
#define YM_LIBRARY_DISK_H

#include <ymago/library.h>

/* What stands at a path now. Nobody's file is opened for writing and no link is followed. */
struct there {
    bool exists;
    int fd; /* O_RDONLY of a regular file we may read, else -1 */
    struct ym_ident ident;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};
#define DISK_AUTOTHERE __attribute__((cleanup(there_fini)))
void there_fini(struct there *t);
/* 0 also when nothing is there or its folder is missing; -EXDEV for a path that leaves the library;
 * -errno (EIO, EMFILE) when it cannot be known. */
int there_look(const struct ym_store *s, const char *path, struct there *ret);
/* Is it a regular file with exactly these bytes? size < 0: not known. 1, 0 or -errno. */
int there_holds(const struct there *t, const struct ym_digest *b2, int64_t size);

/* "Could not PLACE images/a.png: ...": class and sentence of an errno of the disk. Returns -err. */
int disk_fail(struct ym_err *e, int err, const char *doing, const char *path);
/* fsync of the folder that holds path. */
int disk_sync_folder(const struct ym_store *s, const char *path);

/* Text as a whole staged file, ready to be published with that mode and owner (as far as
 * permitted). ret_name takes 96 bytes. */
int disk_stage_text(const struct ym_store *s, const char *text, size_t len, mode_t mode, uid_t uid,
                    gid_t gid, char ret_name[static 96], struct ym_ident *ret_ident,
                    struct ym_err *e);
/* Owner and mode of a staged file; the time is set to now: it tells when it was published. */
int disk_dress(int fd, mode_t mode, uid_t uid, gid_t gid);

/* Extension and type of a file by its bytes; false when they are no media we know. The extension
 * falls back to that of the path, "bin" when it has none. */
bool disk_sniff(int fd, const char *path, char ret_ext[static 17], char ret_mime[static 40]);

/* The extension under which these bytes lie, or will lie, in objects/: that of a probed result, as
 * the engine gives it (an MP4 of sound only is an m4a). */
void disk_object_ext(int fd, int64_t size, const char *path, char ret_ext[static 17]);

#endif
