#!/bin/sh
# SPDX-License-Identifier: MIT
# library.sh - what libtern.a promises to a kernel that links it: its names, what it asks for, the
# smallest port, and the way by make install and pkg-config. For each machine and both toolchains.
. tests/ktap.sh

helpers='memcmp memcpy memmove memset'
port='tern_port_panic tern_port_write'
# Linkers define this one themselves.
linker=_GLOBAL_OFFSET_TABLE_

# Every function and every object that the public headers declare.
# A declaration begins at the margin; inline functions, types and macros have no symbol.
declared() {
  sed -E -e '/^[[:space:]]/d' -e '/^\/\*/d' -e '/^(static|typedef|#)/d' include/tern/*.h |
    sed -nE -e 's/^extern .*\b(tern_[a-z0-9_]+)(\[\])?;.*/\1/p' -e 's/.*\b(tern_[a-z0-9_]+)\(.*/\1/p' | sort -u
}

# symbols NM FILE KINDS: names, sorted
symbols() { "$1" "$2" | awk -v kinds="$3" 'NF >= 2 && $(NF - 1) ~ "^[" kinds "]$" { print $NF }' | sort -u; }
size_of() { "$nm" -S "$2" | awk -v name="$1" '$NF == name { print $2 }'; }
lines() { printf '%s\n' "$@" | sort -u; }
only_in_first() { printf '%s\n' "$1" | grep -vxF -e "$2" || true; }

cat >"$O/kernel.c" <<'END'
#include <tern/port.h>
#include <tern/tern.h>

static volatile char out[64];

void tern_port_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len && i < sizeof(out); i++)
		out[i] = text[i];
}

void tern_port_panic(const char *text)
{
	(void)text;
	for (;;)
		;
}

void _start(void);
void _start(void)
{
	tern_printf("%s\n", tern_version());
	for (;;)
		;
}
END
cat >"$O/own.c" <<'END'
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
	char *d = to;

	for (size_t i = 0; i < n; i++)
		d[i] = ((const char *)from)[i];
	return to;
}
END
cat >"$O/process.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

#include <tern/port.h>
#include <tern/tern.h>

void tern_port_write(const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
}

void tern_port_panic(const char *text)
{
	fprintf(stderr, "%s\n", text);
	abort();
}

int main(void)
{
	tern_printf("tern %s\n", tern_version());
	return 0;
}
END

# tools ARCH LLVM: cc, ld, nm, objdump
tools() {
  prefix=
  [ "$1" = host ] || [ "$1" = "$(uname -m)" ] || prefix=$1-linux-gnu-
  if [ "$2" = 1 ]; then
    cc=clang ld=ld.lld nm=llvm-nm objdump=llvm-objdump
    [ "$1" = host ] || cc="clang --target=$1-elf"
  else
    cc=${prefix}gcc ld=${prefix}ld nm=${prefix}nm objdump=${prefix}objdump
  fi
}

names() { # of an archive
  tern=$(cd "$work" && "$ar" x "$lib" tern.o && "$nm" tern.o >/dev/null && symbols "$nm" tern.o U)
  case $arch in
  host) ;;
  *)
    # shellcheck disable=SC2086
    check "$id: asks for nothing but its port and the compiler's helpers" \
      is_empty "$(only_in_first "$tern" "$(lines $helpers $port $linker)")"
    # shellcheck disable=SC2086
    check "$id: memory.o has the helpers, weak, and no more" \
      [ "$(cd "$work" && "$ar" x "$lib" memory.o && symbols "$nm" memory.o A-Z)" = "$(lines $helpers)" ]
    check "$id: no thread-local data, no constructors" \
      fails contains "$("$objdump" -h "$work/tern.o")" '\.(tdata|tbss|init_array|ctors)'
    ;;
  esac
  # shellcheck disable=SC2086
  check "$id: shows what the headers declare, and no more" \
    [ "$(symbols "$nm" "$work/tern.o" A-TV-Z | cat - "$O/port" | sort -u)" = "$(declared)" ]
}

freestanding() { # a kernel of three functions
  flags="-ffreestanding -fPIE -Wall -Wextra -Werror -Iinclude"
  # shellcheck disable=SC2086
  $cc $flags -c -o "$work/kernel.o" "$O/kernel.c" && $cc $flags -fno-builtin -c -o "$work/own.o" "$O/own.c"
  check "$id: links into a kernel with nothing else" \
    "$ld" -o "$work/kernel" -e _start "$work/kernel.o" "$lib"
  check "$id: the helpers come along where the kernel has none" \
    contains "$("$nm" "$work/kernel")" ' [Wt] memcpy'
  check "$id: links into a kernel with a memcpy of its own" \
    "$ld" -o "$work/kernel.own" -e _start "$work/kernel.o" "$work/own.o" "$lib"
  check "$id: and leaves that in place" \
    [ "$(size_of memcpy "$work/kernel.own")" = "$(size_of memcpy "$work/own.o")" ]
  check "$id: nothing is left undefined" is_empty "$(symbols "$nm" "$work/kernel.own" U)"
  "$ld" -o "$work/portless" -e tern_version --whole-archive "$lib" >"$work/portless.log" 2>&1
  check "$id: without a port the link names what is missing" \
    contains "$(cat "$work/portless.log")" tern_port_panic
}

install_and_use() {
  root=$work/root
  check "$id: installs" make -s $settings install DESTDIR="$root" PREFIX=/opt/tern
  PKG_CONFIG_PATH=$root/opt/tern/lib/pkgconfig
  export PKG_CONFIG_PATH
  check "$id: pkg-config knows its version" \
    contains "$(grep -h 'define TERN_VERSION_[MP]' include/tern/tern.h | awk '{ v = v s $3; s = "." } END { print v }')" \
    "^$(pkg-config --modversion tern)\$"
  cd "$work" || exit 1
  if [ "$arch" = host ]; then
    # shellcheck disable=SC2046
    check "$id: compiles and links by pkg-config" \
      $cc -Wall -Wextra -Werror $(pkg-config --cflags tern) -o process "$O/process.c" $(pkg-config --libs tern)
    check "$id: runs" contains "$(./process)" '^tern [0-9.]+ \(release\)$'
  else
    # shellcheck disable=SC2046
    check "$id: compiles by pkg-config" \
      $cc -ffreestanding -fPIE -Wall -Wextra -Werror $(pkg-config --cflags tern) -c -o installed.o "$O/kernel.c"
    # shellcheck disable=SC2046
    check "$id: links by pkg-config" "$ld" -o installed -e _start installed.o $(pkg-config --libs tern)
  fi
  cd "$OLDPWD" || exit 1
  check "$id: uninstalls" make -s $settings uninstall DESTDIR="$root" PREFIX=/opt/tern
  check "$id: and leaves no file" is_empty "$(find "$root" -type f)"
}

# shellcheck disable=SC2086
lines $port >"$O/port"
for arch in x86_64 aarch64 host; do
  for llvm in 0 1; do
    id=$arch
    [ $llvm = 0 ] || id=$arch-llvm
    work=$O/$id
    ar=ar
    settings="ARCH=$arch BUILD=release LLVM=$llvm O=$BUILT"
    tools $arch $llvm
    mkdir -p "$work"
    # shellcheck disable=SC2086
    check "$id: builds" make -s $settings lib
    lib=$BUILT/$arch-release${id#"$arch"}/libtern.a
    names
    [ $arch = host ] || freestanding
    install_and_use
  done
done
finish
