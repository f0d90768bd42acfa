/* SPDX-License-Identifier: MIT */
/* main.c - the monitor: a kernel that answers a person, or runs a script.
 *
 * Job      Without a script, show the machine and a prompt on the console. With one, which is what
 *          follows "--" on the command line, run its lines and leave; its verdict is that all of
 *          them were OK.
 * Promise  The last line on the console is "tern: verdict pass" or "tern: verdict fail", and the
 *          exit status says the same.
 * Context  thread 0. */
#include <tern/tern.h>

#include "boot/bootinfo.h"
#include "boot/cmdline.h"
#include "boot/commands.h"
#include "boot/console.h"
#include "boot/machine.h"
#include "boot/report.h"
#include "boot/start.h"
#include "lib/string.h"
#include "samples/monitor/lineedit.h"
#include "samples/monitor/monitor.h"

static const struct tern_command *const commands[] = {
	boot_commands,    boot_memory_commands, boot_balloon_commands,
	boot_gc_commands, boot_cpu_commands,    tern_page_commands,
	tern_gc_commands, monitor_commands,     NULL
};

static bool script_failed;

static int verdict(bool pass)
{
	pass = pass && !script_failed;
	tern_printf("tern: verdict %s\n", pass ? "pass" : "fail");
	return pass ? 0 : 1;
}

_Noreturn void monitor_leave(bool pass)
{
	mach_exit(verdict(pass));
}

static void run_script(const char *script)
{
	char line[BOOT_CMDLINE_MAX];

	while (*script) {
		size_t len = 0;

		while (script[len] && script[len] != ';')
			len++;
		memcpy(line, script, len);
		line[len] = '\0';
		if (tern_command_run(commands, line) != TERN_COMMAND_OK)
			script_failed = true;
		script += len + (script[len] == ';');
	}
}

static void write_screen(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	console_write(text, len);
}

static const char *complete(void *ctx, const char *text, unsigned index)
{
	(void)ctx;
	return tern_command_complete(commands, text, index);
}

static _Noreturn void prompt(void)
{
	static const struct lineedit_host host = { .prompt = "tern> ",
						   .write = write_screen,
						   .complete = complete };
	static struct lineedit editor;

	lineedit_init(&editor, &host);
	for (;;) {
		lineedit_begin(&editor);
		while (!lineedit_byte(&editor, (unsigned char)console_getc()))
			;
		tern_command_run(commands, editor.line);
	}
}

int kernel_main(void)
{
	const char *script = cmdline_script(boot_info.cmdline);

	/* Firmware may have left its last line open. */
	tern_printf("\n");
	if (script) {
		run_script(script);
		return verdict(true);
	}
	boot_report();
	tern_printf("help lists the commands; tab completes; power ends\n\n");
	prompt();
}
