/* SPDX-License-Identifier: MIT */
/* version.c - which tern this is. */
#include <tern/tern.h>

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *tern_version(void)
{
	return TEXT(TERN_VERSION_MAJOR) "." TEXT(TERN_VERSION_MINOR) "." TEXT(
		TERN_VERSION_PATCH) " (" TERN_BUILD ")";
}
