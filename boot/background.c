/* SPDX-License-Identifier: MIT */
/* background.c - a thread that calls tern_background() as often as that wants it.
 *
 * Locks: none. Context: a thread of its own. There are no priorities here: the work is paced. */
#include "boot/background.h"

#include <tern/scavenge.h>

#include "boot/cmdline.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "lib/log.h"

static void run(void *arg)
{
	(void)arg;
	for (;;)
		thread_sleep(tern_background());
}

void background_start(void)
{
	struct thread *t;
	char word[2];

	if (!cmdline_option(boot_info.cmdline, "background", word, sizeof(word)))
		return;
	t = thread_create("background", run, NULL);
	if (t)
		thread_detach(t);
	else
		log_warn("no memory for the background thread");
}
