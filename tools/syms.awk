# SPDX-License-Identifier: MIT
# syms.awk - `nm -n` of an image to an assembler table: see boot/symbols.h.
# Layout: u64 count; then count times { u64 address, u32 offset of name, u32 0 }; then the names.
# The last entry is the end of the text, with an empty name.
BEGIN { n = 0 }
$2 ~ /^[tT]$/ && $3 !~ /^(\.L|\$)/ && $3 != "text_start" && $3 != "text_end" {
	if ($1 == last) next
	last = $1; addr[n] = $1; name[n++] = $3
}
$3 == "text_end" { end = $1 }
END {
	print "\t.section .symbols, \"a\"\n\t.balign 8\n\t.global symbol_table\nsymbol_table:"
	printf "\t.quad %d\n", n + 1
	for (i = 0; i < n; i++) {
		printf "\t.quad 0x%s\n\t.long %d, 0\n", addr[i], off
		off += length(name[i]) + 1
	}
	printf "\t.quad 0x%s\n\t.long %d, 0\n", end, off
	for (i = 0; i < n; i++) printf "\t.asciz \"%s\"\n", name[i]
	print "\t.asciz \"\"\n\t.section .note.GNU-stack, \"\", %progbits"
}
