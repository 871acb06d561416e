/* Running a child in a given cage. */
#ifndef YM_MEDIA_CHILD_H
#define YM_MEDIA_CHILD_H

#include "cage.h"

/* As ym_child_run, but neither the program nor the cage is looked for. */
int child_run_in(enum cage cage, const struct ym_child *c, struct ym_err *e);

#endif
