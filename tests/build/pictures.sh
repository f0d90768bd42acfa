#!/bin/sh
# SPDX-License-Identifier: MIT
# pictures.sh - what tools/picture.c makes of a heap and of a trace that are small enough to know.
. tests/ktap.sh

make -s O="$O/build" picture || exit 1
picture=$O/build/tools/picture
mkdir -p "$O"

# 8 slots of 1 KiB: four live, two garbage, two free; a page that is free; two of manual objects.
cat >"$O/dump" <<'END'
the console's log
tern-heap 1 8192
pages 0x100000 8192 small
pages 0x102000 8192 free
pages 0x104000 16384 large
root 0x1000 4096 range
span 0x100000 8192 scan 1024 8
bits 000000000000003f 000000000000000f
span 0x104000 16384 manual 16384 1
bits 0000000000000001 0000000000000000
end
END
cat >"$O/trace" <<'END'
{"displayTimeUnit":"ns","traceEvents":[
{"ph":"M","pid":1,"name":"process_name","args":{"name":"tern"}},
{"ph":"X","pid":1,"tid":0,"ts":1000.500,"dur":20.000,"name":"pause","args":{"cycle":1,"reason":4}},
{"ph":"X","pid":1,"tid":0,"ts":1005.000,"dur":10.000,"name":"mark","args":{"objects":1,"bytes":8}},
{"ph":"X","pid":1,"tid":3,"ts":1006.000,"dur":9.000,"name":"mark","args":{"objects":1,"bytes":8}},
{"ph":"C","pid":1,"tid":0,"ts":1000.500,"name":"heap","args":{"live":1048576,"goal":2097152}},
{"ph":"C","pid":1,"tid":0,"ts":1020.500,"name":"heap","args":{"live":524288}}
],"otherData":{"lost":"0"}}
END

heap=$("$picture" heap <"$O/dump")
time=$("$picture" time <"$O/trace")
for what in 'live 4 KiB' 'garbage 2 KiB' 'free slots 2 KiB' 'manual 16 KiB' 'free 8 KiB' 'each cell is 8 KiB'; do
  check "the map says: $what" contains "$heap" "$what"
done
check "the map is a whole SVG" contains "$heap" '^</svg>'
for what in '>CPU 3<' 'mark 10.000 us at 4.500 us' 'pause 20.000 us at 0.000 us' 'up to 2.0 MiB'; do
  check "the timeline says: $what" contains "$time" "$what"
done
check "the timeline is a whole SVG" contains "$time" '^</svg>'
check "a log without a dump is refused" fails "$picture" heap <"$O/trace"
check "a log without a trace is refused" fails "$picture" time <"$O/dump"
check "anything else is refused" fails "$picture" sky </dev/null
finish
