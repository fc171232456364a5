// The core of libevent: loop, timers, signals, listener. Never evhttp, bufferevent, evbuffer or evdns.
#ifndef CBATONEVENT_SHIM_H
#define CBATONEVENT_SHIM_H
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#endif
