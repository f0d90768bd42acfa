// SPDX-License-Identifier: MIT

package main

const (
	traceLive = 256 << 20
	sizeMin   = 64
)

var mixes = []struct{ low, high int }{{64, 256}, {256, 2048}, {2048, 16384}, {64, 512}}

type trace struct {
	object        [][]byte
	live, liveMax int
	made          int
	r             rng
}

func (t *trace) dropRandom() {
	n := len(t.object) - 1
	i := int(t.r.next() % uint64(n+1))
	size := len(t.object[i])
	if t.object[i][0] != byte(size>>3) || t.object[i][size-1] != byte(size>>3) {
		die("an object was overwritten")
	}
	t.live -= size
	t.object[i] = t.object[n]
	t.object[n] = nil
	t.object = t.object[:n]
}

func (t *trace) add(size int) {
	p := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		p[i] = byte(i)
	}
	p[0], p[size-1] = byte(size>>3), byte(size>>3)
	t.object = append(t.object, p)
	t.live += size
	t.made++
	if t.live > t.liveMax {
		t.liveMax = t.live
	}
}

func runTrace(name string, _ int) {
	limit := scaled(traceLive)
	before := memory("VmRSS") + float64(limit/sizeMin*24)
	t := trace{object: make([][]byte, 0, limit/sizeMin), r: 11}
	w := startWatch()
	for i, m := range mixes {
		bytes := limit
		if i > 0 {
			bytes = limit / 8 * 5
		}
		for volume := 0; volume < bytes; {
			size := t.r.size(m.low, m.high)
			for t.live+size > limit {
				t.dropRandom()
			}
			t.add(size)
			volume += size
		}
	}
	report(name, (memory("VmHWM")-before)/float64(t.liveMax), "times")
	report(name+".cpu", (cpuTime()-w.cpu)/float64(t.made), "ns")
}
