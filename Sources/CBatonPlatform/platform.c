#define _GNU_SOURCE 1
#include "CBatonPlatform.h"
#include <errno.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#else
#include <stdlib.h>
#endif

int baton_random_bytes(void *buffer, size_t count) {
#ifdef __linux__
    uint8_t *next = buffer;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        next += got;
        count -= (size_t)got;
    }
#else
    arc4random_buf(buffer, count);
#endif
    return 0;
}
