/* Streams: reading blocks until there is something. A blocked read is put aside, no thread waits.
 */
#ifndef FS_STREAM_H
#define FS_STREAM_H

#include "session.h"

struct stream;

void streams_init(struct ym_fs *f);
void streams_fini(struct ym_fs *f);
/* Every blocked and later read gives the end of the file: the daemon is stopping. */
void streams_end(struct ym_fs *f);
/* Answers what can be answered. The notifier's thread only. */
void streams_pump(struct ym_fs *f);

struct stream *stream_events(struct ym_fs *f);                 /* lines from now on */
struct stream *stream_wait(struct ym_fs *f, const char *path); /* until the text at path is done */
void stream_read(fuse_req_t req, struct stream *s, size_t size, bool waits);
void stream_poll(fuse_req_t req, struct stream *s, struct fuse_pollhandle *ph);
void stream_close(struct ym_fs *f, struct stream *s);

#endif
