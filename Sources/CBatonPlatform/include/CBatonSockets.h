// Sockets and threads: GNU names, constants that are macros, and addresses without casts. Includes no header of the system's, whose
// structs could then be spelled in another way than in the Glibc module: `address` is a sockaddr_storage, `parts` are iovecs.
#ifndef CBATONSOCKETS_H
#define CBATONSOCKETS_H
#include <stddef.h>
#include <stdint.h>

/// Opens a non-blocking, close-on-exec stream socket; returns the descriptor, or minus an errno.
int baton_socket(int family);
/// Binds; returns 0, or an errno.
int baton_bind(int descriptor, const void *address, uint32_t length);
/// Starts a non-blocking connect; returns 0, or an errno (EINPROGRESS when it is under way).
int baton_connect(int descriptor, const void *address, uint32_t length);
/// Accepts a non-blocking, close-on-exec connection; returns the descriptor, or minus an errno.
int baton_accept(int listener);
/// The address of this end (`peer` = 0) or of the other end; returns its length, or minus an errno.
int baton_socket_address(int descriptor, int peer, void *address);
/// The error a non-blocking connect ended with (SO_ERROR); 0 when it succeeded.
int baton_socket_error(int descriptor);
/// TCP_NODELAY, SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY; each returns 0, or an errno.
int baton_set_no_delay(int descriptor);
int baton_set_reuse_address(int descriptor);
int baton_set_reuse_port(int descriptor);
int baton_set_dual_stack(int descriptor);
/// TCP_USER_TIMEOUT in milliseconds, where the platform has it.
int baton_set_user_timeout(int descriptor, unsigned milliseconds);
/// Keep-alive: first probe after `idle` seconds, then each `interval` seconds, `count` times.
int baton_set_keep_alive(int descriptor, int idle, int interval, int count);
/// SO_SNDBUF in bytes.
int baton_set_send_buffer(int descriptor, int bytes);
/// TCP_NOTSENT_LOWAT in bytes.
int baton_set_not_sent_low_watermark(int descriptor, int bytes);

/// send(2) and writev(2) that never raise SIGPIPE and retry EINTR; bytes taken, or minus an errno.
ptrdiff_t baton_send(int descriptor, const void *bytes, size_t count);
ptrdiff_t baton_send_vector(int descriptor, const void *parts, int count);
/// recv(2) that retries EINTR; bytes, 0 at the end of input, or minus an errno.
ptrdiff_t baton_receive(int descriptor, void *bytes, size_t count);

/// Writes `signal` as one byte to `descriptor` whenever it arrives; -1 restores what was in force before. Returns 0, or an errno.
int baton_deliver_signal(int signal, int descriptor);
/// A non-blocking, close-on-exec pipe; returns 0, or an errno.
int baton_pipe(int ends[2]);

/// Names the calling thread (at most 15 bytes are kept).
void baton_name_thread(const char *name);
/// One pointer per thread: the loop whose thread this is.
void *baton_current_loop(void);
void baton_set_current_loop(void *loop);
/// Raises the soft limit of open descriptors to the hard one; returns the limit in force, or minus an errno.
long baton_raise_descriptor_limit(void);

#endif
