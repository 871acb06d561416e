/* Included before every file by the build: these names do not compile. Each has a better form here:
 * ym_buf_addf, snprintf, gmtime_r, localtime_r, strtol with checks, the tokenisers of formats/. */
#ifndef YMAGO_BANNED_H
#define YMAGO_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifndef YM_BANNED_OFF
#undef sprintf /* macros when the C library checks buffers under clang */
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime ctime atoi atol atof
#endif
#endif
