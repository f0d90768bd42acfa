#!/bin/sh
# SPDX-License-Identifier: MIT
# tables.sh - the table of size classes in the tree is what make tables makes, and a table that is
# not is found.
. tests/ktap.sh

tree=$O/tree
copy_tree "$tree"
table=$tree/mm/sizeclass_table.h

make_tables() { make -s -C "$tree" O="$O/build" tables; }
remade() { make_tables && cmp mm/sizeclass_table.h "$table"; }
differs() { make_tables && ! cmp mm/sizeclass_table.h "$table"; }
check "the table in the tree is what make tables makes" remade

sed -i.old 's/\<2304\>/2312/' "$table"
check "another one is another" fails cmp mm/sizeclass_table.h "$table"
check "and is put right" remade

# The rules are the tool's: who changes one gets another table.
sed -i.old 's/define MAX_SMALL *32768u/define MAX_SMALL 16384u/' "$tree/tools/sizeclass.c"
check "rules that change, change it" differs
sed -i.old 's/return (uint32_t)(.*/return (uint32_t)((1ull << 32) \/ size - 1);/' "$tree/tools/sizeclass.c"
cp mm/sizeclass_table.h "$table"
check "magic that does not divide is refused" contains "$(make_tables 2>&1)" 'no magic divides'
check "and leaves the table as it was" cmp mm/sizeclass_table.h "$table"
finish
