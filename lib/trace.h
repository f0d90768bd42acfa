/* SPDX-License-Identifier: MIT */
/* trace.h - who called: return addresses, as far as frame pointers lead. */
#ifndef LIB_TRACE_H
#define LIB_TRACE_H

#include <tern/safety.h>

/* The return addresses of the caller of the function whose frame this is, and of those above it. */
struct tern_trace tern_trace_from(const void *frame);

#endif
