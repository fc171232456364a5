// Shows ThreadSanitizer the locks of Swift's Synchronization.Mutex. Preloaded by scripts/sanitize, and part of nothing else.
//
// On Linux a Mutex is a futex with priority inheritance. Taking a free one and giving up one that nobody waits for are atomic operations that are
// compiled into the caller, so ThreadSanitizer sees them. Where threads meet, the kernel hands the lock over, inside functions of the runtime that are
// not instrumented: without this, everything that a contended Mutex guards would be reported as a race.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

// A Mutex cannot be moved, so the methods get its address where Swift passes `self`.
#define SELF __attribute__((swift_context)) void *mutex
#define SWIFT __attribute__((swiftcall))

// Absent in processes without ThreadSanitizer, such as the servers that tests start.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void baton_lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void baton_lock(uint32_t thread, SELF) {
    SWIFT void (*runtime)(uint32_t, SELF) = dlsym(RTLD_NEXT, LOCK);
    runtime(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT bool baton_try_lock(SELF) __asm__(TRY_LOCK);
SWIFT bool baton_try_lock(SELF) {
    SWIFT bool (*runtime)(SELF) = dlsym(RTLD_NEXT, TRY_LOCK);
    bool taken = runtime(mutex);
    if (taken && __tsan_acquire) __tsan_acquire(mutex);
    return taken;
}

SWIFT void baton_unlock(SELF) __asm__(UNLOCK);
SWIFT void baton_unlock(SELF) {
    SWIFT void (*runtime)(SELF) = dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(mutex);
    runtime(mutex);
}
