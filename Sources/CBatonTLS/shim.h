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
#endif
