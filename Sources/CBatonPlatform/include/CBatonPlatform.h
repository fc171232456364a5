// What the Glibc module does not export, or exports in a form Swift cannot call.
#ifndef CBATONPLATFORM_H
#define CBATONPLATFORM_H
#include "CBatonSockets.h"
#include <stddef.h>
#include <stdint.h>

/// Fills `buffer` with random bytes from the kernel; returns 0, or an errno.
int baton_random_bytes(void *buffer, size_t count);

#endif
