#define _GNU_SOURCE 1
#include "CBatonSockets.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

#ifndef __linux__
static int prepare(int descriptor) {
    int one = 1;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
    return descriptor;
}
#endif

int baton_socket(int family) {
#ifdef __linux__
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return descriptor < 0 ? -errno : descriptor;
#else
    int descriptor = socket(family, SOCK_STREAM, 0);
    return descriptor < 0 ? -errno : prepare(descriptor);
#endif
}

int baton_bind(int descriptor, const void *address, uint32_t length) {
    return bind(descriptor, (const struct sockaddr *)address, length) == 0 ? 0 : errno;
}

int baton_connect(int descriptor, const void *address, uint32_t length) {
    if (connect(descriptor, (const struct sockaddr *)address, length) == 0) return 0;
    // An interrupted connect goes on in the background (POSIX), exactly like one that is in progress.
    return errno == EINTR ? EINPROGRESS : errno;
}

int baton_accept(int listener) {
    for (;;) {
#ifdef __linux__
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) return descriptor;
#else
        int descriptor = accept(listener, NULL, NULL);
        if (descriptor >= 0) return prepare(descriptor);
#endif
        if (errno != EINTR) return -errno;
    }
}

int baton_socket_address(int descriptor, int peer, void *address) {
    socklen_t length = sizeof(struct sockaddr_storage);
    memset(address, 0, sizeof(struct sockaddr_storage));
    int failed = peer ? getpeername(descriptor, (struct sockaddr *)address, &length)
                      : getsockname(descriptor, (struct sockaddr *)address, &length);
    return failed ? -errno : (int)length;
}

int baton_socket_error(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

static int set(int descriptor, int level, int option, int value) {
    return setsockopt(descriptor, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

int baton_set_no_delay(int descriptor) { return set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1); }
int baton_set_reuse_address(int descriptor) { return set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1); }
int baton_set_reuse_port(int descriptor) { return set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1); }
int baton_set_dual_stack(int descriptor) { return set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0); }
int baton_set_send_buffer(int descriptor, int bytes) { return set(descriptor, SOL_SOCKET, SO_SNDBUF, bytes); }

int baton_set_user_timeout(int descriptor, unsigned milliseconds) {
#ifdef TCP_USER_TIMEOUT
    return setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds) == 0 ? 0 : errno;
#else
    return 0;
#endif
}

int baton_set_keep_alive(int descriptor, int idle, int interval, int count) {
    int failed = set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    if (!failed) failed = set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, idle);
#elif defined(TCP_KEEPALIVE)
    if (!failed) failed = set(descriptor, IPPROTO_TCP, TCP_KEEPALIVE, idle);
#endif
    if (!failed) failed = set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    if (!failed) failed = set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, count);
    return failed;
}

int baton_set_not_sent_low_watermark(int descriptor, int bytes) {
#ifdef TCP_NOTSENT_LOWAT
    return set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
#else
    return 0;
#endif
}

ptrdiff_t baton_send(int descriptor, const void *bytes, size_t count) {
    for (;;) {
        ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ptrdiff_t baton_send_vector(int descriptor, const void *parts, int count) {
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = (struct iovec *)parts;
    message.msg_iovlen = count;
    for (;;) {
        ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ptrdiff_t baton_receive(int descriptor, void *bytes, size_t count) {
    for (;;) {
        ssize_t received = recv(descriptor, bytes, count, 0);
        if (received >= 0) return received;
        if (errno != EINTR) return -errno;
    }
}

#define HIGHEST_SIGNAL 64
static atomic_int signal_descriptors[HIGHEST_SIGNAL + 1];
static atomic_int signals_being_delivered;
static struct sigaction previous_actions[HIGHEST_SIGNAL + 1];

// Only what is async-signal-safe (signal-safety(7)): an atomic load and write(2).
static void deliver(int signal) {
    int before = errno;
    atomic_fetch_add(&signals_being_delivered, 1);
    int descriptor = atomic_load(&signal_descriptors[signal]) - 1;
    unsigned char byte = (unsigned char)signal;
    if (descriptor >= 0) (void)!write(descriptor, &byte, 1);
    atomic_fetch_sub(&signals_being_delivered, 1);
    errno = before;
}

int baton_deliver_signal(int signal, int descriptor) {
    if (signal < 1 || signal > HIGHEST_SIGNAL) return EINVAL;
    // Kept one higher, so that the zero of a static means "none".
    int before = atomic_exchange(&signal_descriptors[signal], descriptor + 1);
    if (descriptor >= 0 && before == 0) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = deliver;
        action.sa_flags = SA_RESTART;
        sigfillset(&action.sa_mask);
        if (sigaction(signal, &action, &previous_actions[signal]) != 0) {
            atomic_store(&signal_descriptors[signal], 0);
            return errno;
        }
    } else if (descriptor < 0 && before != 0) {
        int failed = sigaction(signal, &previous_actions[signal], NULL) == 0 ? 0 : errno;
        // The caller closes the descriptor now; a handler on another thread must not write to whatever gets its number next.
        while (atomic_load(&signals_being_delivered) != 0) sched_yield();
        return failed;
    }
    return 0;
}

int baton_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 ? 0 : errno;
#else
    if (pipe(ends) != 0) return errno;
    for (int end = 0; end < 2; end++) {
        fcntl(ends[end], F_SETFD, FD_CLOEXEC);
        fcntl(ends[end], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

void baton_name_thread(const char *name) {
#ifdef __linux__
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(pthread_self(), kept);
#else
    pthread_setname_np(name);
#endif
}

static _Thread_local void *current_loop;

void *baton_current_loop(void) { return current_loop; }
void baton_set_current_loop(void *loop) { current_loop = loop; }

long baton_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    }
    return (long)limit.rlim_cur;
}
