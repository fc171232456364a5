// OpenSSL 3: TLS, digests, random bytes. What C spells as macros stands here as inline functions, because Swift imports no macros.
#ifndef CBATONTLS_SHIM_H
#define CBATONTLS_SHIM_H
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/// What every context of Baton has: TLS 1.2 or later, no renegotiation, no compression; buffers given back while idle, writes that may be
/// partial and retried from another buffer; one read for as many records as there are.
static inline int baton_tls_prepare(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// A server keeps no sessions, its tickets do; a client hands its sessions to the callback of SSL_CTX_sess_set_new_cb.
static inline void baton_tls_cache_sessions(SSL_CTX *context, int client) {
    SSL_CTX_set_session_cache_mode(context, client ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
}

/// An encrypted key is an error: nobody sits at a terminal to be asked for its password.
static inline int baton_tls_no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static inline void baton_tls_refuse_passwords(SSL_CTX *context) { SSL_CTX_set_default_passwd_cb(context, baton_tls_no_password); }

static inline int baton_tls_set_server_name(SSL *session, const char *name) { return (int)SSL_set_tlsext_host_name(session, name); }

static inline int baton_tls_print_name(BIO *output, const X509_NAME *name) { return X509_NAME_print_ex(output, name, 0, XN_FLAG_RFC2253); }

static inline int baton_tls_reused(SSL *session) { return SSL_session_reused(session); }
#endif
