#define _GNU_SOURCE 1
#include "CBatonSockets.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
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

int baton_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
    return bind(descriptor, (const struct sockaddr *)address, length) == 0 ? 0 : errno;
}

int baton_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
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

int baton_socket_address(int descriptor, int peer, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address;
    memset(address, 0, sizeof *address);
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

ssize_t baton_send(int descriptor, const void *bytes, size_t count) {
    for (;;) {
        ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ssize_t baton_send_vector(int descriptor, const struct iovec *parts, int count) {
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

ssize_t baton_receive(int descriptor, void *bytes, size_t count) {
    for (;;) {
        ssize_t received = recv(descriptor, bytes, count, 0);
        if (received >= 0) return received;
        if (errno != EINTR) return -errno;
    }
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
