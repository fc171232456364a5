#include "CBatonAllocations.h"

#include <errno.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BATON_SANITIZED 1
#endif
#endif

// A thread-local of the executable needs no memory and no lock, so counting is safe from the first allocation of a thread to its last,
// between fork and exec too, and what other threads do is not counted.
static __thread unsigned long count;

unsigned long baton_thread_allocations(void) { return count; }

void baton_allocate_once(void) {
    void *volatile memory = malloc(1);
    free(memory);
}

#if defined(__GLIBC__) && !defined(BATON_SANITIZED)
// What an executable defines stands before the libraries' own (gnu.org, glibc manual, "Replacing malloc"). Each of these counts and
// hands on to glibc's, so `free` and the rest of the family stay as they are.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    count += 1;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count += 1;
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count += 1;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count += 1;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    count += 1;
    void *made = __libc_memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *memory = made;
    return 0;
}
#endif
