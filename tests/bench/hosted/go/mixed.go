// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	pieces = 9
	piece  = 64 << 20
)

// Whatever is made goes here, so that it is made in the heap.
var last unsafe.Pointer

func inPieces(name string, size int, fn func(n int)) {
	n := scaled(piece / size)
	best := 0.0
	for i := 0; i < pieces; i++ {
		start := time.Now()
		fn(n)
		took := float64(time.Since(start))
		if i == 0 || took < best {
			best = took
		}
	}
	report(name, best/float64(n), "ns")
}

type (
	n16   [2]uint64
	n64   [8]uint64
	n256  [32]uint64
	n1024 [128]uint64
	s16   [2]unsafe.Pointer
	s64   [8]unsafe.Pointer
	s256  [32]unsafe.Pointer
	s1024 [128]unsafe.Pointer
	t64   struct {
		two  s16
		data [6]uint64
	}
	t256 struct {
		two  s16
		data [30]uint64
	}
	t1024 struct {
		two  s16
		data [126]uint64
	}
)

func microNoscan(name string, size int) {
	inPieces(name, size, map[int]func(n int){
		16: func(n int) {
			for i := 0; i < n; i++ {
				p := new(n16)
				p[0] = uint64(i)
				last = unsafe.Pointer(p)
			}
		},
		64: func(n int) {
			for i := 0; i < n; i++ {
				p := new(n64)
				p[0] = uint64(i)
				last = unsafe.Pointer(p)
			}
		},
		256: func(n int) {
			for i := 0; i < n; i++ {
				p := new(n256)
				p[0] = uint64(i)
				last = unsafe.Pointer(p)
			}
		},
		1024: func(n int) {
			for i := 0; i < n; i++ {
				p := new(n1024)
				p[0] = uint64(i)
				last = unsafe.Pointer(p)
			}
		},
	}[size])
}

func microScan(name string, size int) {
	inPieces(name, size, map[int]func(n int){
		16: func(n int) {
			for i := 0; i < n; i++ {
				p := new(s16)
				p[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		64: func(n int) {
			for i := 0; i < n; i++ {
				p := new(s64)
				p[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		256: func(n int) {
			for i := 0; i < n; i++ {
				p := new(s256)
				p[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		1024: func(n int) {
			for i := 0; i < n; i++ {
				p := new(s1024)
				p[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
	}[size])
}

func microTyped(name string, size int) {
	inPieces(name, size, map[int]func(n int){
		16: func(n int) {
			for i := 0; i < n; i++ {
				p := new(s16)
				p[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		64: func(n int) {
			for i := 0; i < n; i++ {
				p := new(t64)
				p.two[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		256: func(n int) {
			for i := 0; i < n; i++ {
				p := new(t256)
				p.two[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
		1024: func(n int) {
			for i := 0; i < n; i++ {
				p := new(t1024)
				p.two[0] = unsafe.Pointer(p)
				last = unsafe.Pointer(p)
			}
		},
	}[size])
}

type link struct {
	next   *link
	number uint64
	data   [2]uint64
}

func newList(n uint64) *link {
	var list *link
	for i := uint64(1); i <= n; i++ {
		list = &link{next: list, number: i}
	}
	return list
}

func (l *link) length() uint64 {
	if l == nil {
		return 0
	}
	n := l.number
	for left := n; l != nil; l = l.next {
		if l.number != left {
			die("a node was overwritten")
		}
		left--
	}
	return n
}

const (
	cpus       = 2
	lists      = 65536
	listMax    = 8
	churnNodes = 8000000
)

func churnSide(cpu int) uint64 {
	n, nodes := uint64(scaled(lists)), uint64(0)
	r := rng(31 + cpu)
	table := make([]*link, n)
	for nodes < uint64(scaled(churnNodes)) {
		one := &table[r.next()%n]
		(*one).length()
		*one = newList(1 + r.next()%listMax)
		nodes += (*one).number
	}
	return nodes
}

func onCPUs(side func(cpu int)) {
	var all sync.WaitGroup
	all.Add(cpus)
	for cpu := 0; cpu < cpus; cpu++ {
		go func(cpu int) {
			side(cpu)
			all.Done()
		}(cpu)
	}
	all.Wait()
}

func runChurn(name string, _ int) {
	var churned [cpus]uint64
	w := startWatch()
	onCPUs(func(cpu int) { churned[cpu] = churnSide(cpu) })
	w.report(name, float64(churned[0]+churned[1]), "ns")
}

const (
	ringSlots  = 64
	listLength = 64
	passed     = 8000000
)

var ring struct {
	made    uint64
	_       [7]uint64
	dropped uint64
	_       [7]uint64
	slot    [ringSlots]*link
}

func waitUntil(count *uint64, value uint64) {
	for atomic.LoadUint64(count) < value {
		runtime.Gosched()
	}
}

func makeLists(n uint64) {
	for i := uint64(0); i < n; i++ {
		if i >= ringSlots {
			waitUntil(&ring.dropped, i+1-ringSlots)
		}
		ring.slot[i%ringSlots] = newList(listLength)
		atomic.StoreUint64(&ring.made, i+1)
	}
}

func dropLists(n uint64) {
	for i := uint64(0); i < n; i++ {
		waitUntil(&ring.made, i+1)
		if ring.slot[i%ringSlots].length() != listLength {
			die("a list is not as long as it was made")
		}
		ring.slot[i%ringSlots] = nil
		atomic.StoreUint64(&ring.dropped, i+1)
	}
}

func runPass(name string, _ int) {
	n := uint64(scaled(passed / listLength))
	w := startWatch()
	onCPUs(func(cpu int) {
		if cpu == 0 {
			makeLists(n)
		} else {
			dropLists(n)
		}
	})
	w.report(name, float64(n*listLength), "ns")
}
