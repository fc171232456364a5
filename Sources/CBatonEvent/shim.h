// The core of libevent: loop, timers, signals, listener. Never evhttp, bufferevent, evbuffer or evdns.
#ifndef CBATONEVENT_SHIM_H
#define CBATONEVENT_SHIM_H
// First, because event-config.h defines _GNU_SOURCE, under which these spell their structs (fd_set) in another way than the Glibc
// module does: importing both into one file would then fail.
#include <sys/types.h>
#include <sys/time.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#endif
