#ifndef CBATON_ALLOCATIONS_H
#define CBATON_ALLOCATIONS_H

/// How often the calling thread has asked for memory. Does not move where allocations cannot be counted: with sanitizers, which
/// have an allocator of their own, and elsewhere than on glibc.
unsigned long baton_thread_allocations(void);

/// Asks for memory once and gives it back.
void baton_allocate_once(void);

#endif
