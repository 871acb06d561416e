/* The program: the command line over the rooms, or the publisher's own process. */
#include "wire.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The options of `mount` alone, until the command line's room is here to read them. */
static int mount_main(int argc, char **argv)
{
    struct wire_wish w = {.create = true, .sources = {.environ = environ}};
    bool foreground = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-f") == 0)
            foreground = true;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            w.sources.file = argv[++i];
        else if (strcmp(argv[i], "--library") == 0 && i + 1 < argc)
            w.library = realpath(argv[++i], NULL);
        else
            w.mountpoint = realpath(argv[i], NULL);
    }
    if (!w.mountpoint)
        return YM_EXIT_USAGE;
    if (!w.library)
        w.library = w.mountpoint;
    return mount_run(&w, foreground);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "__publisher") == 0)
        return ym_publisher_main((int)strtol(argv[2], NULL, 10));
    if (argc >= 3 && strcmp(argv[1], "mount") == 0)
        return mount_main(argc - 2, argv + 2);
    return YM_EXIT_USAGE;
}
