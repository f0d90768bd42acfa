// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sort"
	"time"
)

const collections = 3

var root interface{}

type took struct {
	wall, cpu float64
}

func collect() took {
	var all [collections]took
	runtime.GC()
	for i := range all {
		w := startWatch()
		runtime.GC()
		all[i] = took{float64(time.Since(w.wall)), cpuTime() - w.cpu}
	}
	sort.Slice(all[:], func(i, j int) bool { return all[i].wall < all[j].wall })
	return all[collections/2]
}

func measure(name string, objects, bytes int) {
	runtime.GOMAXPROCS(1)
	one := collect().wall
	runtime.GOMAXPROCS(2)
	two := collect()
	report(name, two.wall/1e6, "ms")
	report(name+".cpu", two.cpu/float64(objects), "ns")
	report(name+".rate", float64(bytes)/1048576/(two.wall/1e9), "MiB/s")
	report(name+".one", one/1e6, "ms")
	report(name+".speedup", one/two.wall, "times")
	runtime.KeepAlive(root)
}

const (
	nodes = 8 << 20
	edges = 4
)

type graphNode struct {
	edge [edges]*graphNode
	data [4]uint64
}

func runMarkGraph(name string, _ int) {
	n := powerBelow(scaled(nodes))
	node := make([]*graphNode, n)
	r := rng(21)
	for i := range node {
		node[i] = new(graphNode)
	}
	for i := range node {
		node[i].edge[0] = node[(uint64(i)*0x5851f42d4c957f2d+1)%uint64(n)]
		for e := 1; e < edges; e++ {
			node[i].edge[e] = node[r.next()%uint64(n)]
		}
	}
	root = node[0]
	measure(name, n, n*64)
}

const links = 10000000

type markLink struct {
	next *markLink
	data [3]uint64
}

func runMarkList(name string, _ int) {
	n := scaled(links)
	var list *markLink
	for i := 0; i < n; i++ {
		list = &markLink{next: list}
	}
	root = list
	measure(name, n, n*32)
}

const (
	large       = 1 << 20
	wide        = 64
	largeNoscan = 256
)

type leaf [4]uint64

func runMarkWide(name string, _ int) {
	n := scaled(wide)
	table := make([]*[large / 8]*leaf, n)
	for i := range table {
		table[i] = new([large / 8]*leaf)
		for j := range table[i] {
			table[i][j] = new(leaf)
		}
	}
	root = table
	measure(name, n*large/8, n*large+n*large/8*32)
}

func runMarkNoscan(name string, _ int) {
	n := scaled(largeNoscan)
	table := make([]*[large]byte, n)
	for i := range table {
		table[i] = new([large]byte)
	}
	root = table
	measure(name, n, n*large)
}
