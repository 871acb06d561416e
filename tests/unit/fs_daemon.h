/* The other side of the tests of src/fs: a daemon of its own process with a fake service behind the
 * mount. It does what it is told on one socket and tells every touch on the same one. */
#ifndef TESTS_FS_DAEMON_H
#define TESTS_FS_DAEMON_H

/* argv: "__daemon" SOCKET LIBRARY MOUNTPOINT [-o option ...]; returns the exit code. */
int fs_daemon_main(int argc, char **argv);

#endif
