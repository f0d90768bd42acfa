// SPDX-License-Identifier: MIT

package main

import (
	"runtime/debug"
	"sort"
	"time"
)

const (
	entries  = 512 << 10
	steps    = 8000000
	valueMin = 64
	valueMax = 768
)

type entry struct {
	chain        *entry
	newer, older *entry
	value        *uint64
	key          uint64
}

type lru struct {
	bucket         []*entry
	newest, oldest *entry
	count, max     int
}

func (c *lru) bucketOf(key uint64) **entry {
	return &c.bucket[(key*0x9e3779b97f4a7c15)>>32&uint64(c.max-1)]
}

func (c *lru) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
	}
}

func (c *lru) makeNewest(e *entry) {
	e.newer = nil
	e.older = c.newest
	if c.newest != nil {
		c.newest.newer = e
	} else {
		c.oldest = e
	}
	c.newest = e
}

func (c *lru) forgetOldest() {
	e := c.oldest
	at := c.bucketOf(e.key)
	for *at != e {
		at = &(*at).chain
	}
	*at = e.chain
	c.unlink(e)
	e.newer, e.chain = nil, nil
	c.count--
}

func (c *lru) lookUp(key uint64, size int) {
	bucket := c.bucketOf(key)
	e := *bucket
	for e != nil && e.key != key {
		e = e.chain
	}
	if e != nil {
		if *e.value != key {
			die("value of key %d was overwritten", key)
		}
		c.unlink(e)
		c.makeNewest(e)
		return
	}
	if c.count == c.max {
		c.forgetOldest()
	}
	e = &entry{key: key, value: &make([]uint64, size/8)[0]}
	*e.value = key
	e.chain = *bucket
	*bucket = e
	c.makeNewest(e)
	c.count++
}

func (c *lru) steps(n int, took []uint32, r *rng) {
	for i := 0; i < n; i++ {
		key, size := r.next()%uint64(2*c.max), r.size(valueMin, valueMax)
		start := time.Now()
		c.lookUp(key, size)
		took[i] = uint32(time.Since(start))
	}
}

func longestOfMachine(n int) float64 {
	longest := time.Duration(0)
	for last := time.Now(); n > 0; n-- {
		now := time.Now()
		if now.Sub(last) > longest {
			longest = now.Sub(last)
		}
		last = now
	}
	return float64(longest)
}

// Of both stops of a collection together.
func longestStop() float64 {
	var s debug.GCStats
	s.PauseQuantiles = make([]time.Duration, 2)
	debug.ReadGCStats(&s)
	return float64(s.PauseQuantiles[1])
}

func runLatency(name string, _ int) {
	n := scaled(steps)
	took := make([]uint32, n)
	c := &lru{max: powerBelow(scaled(entries))}
	c.bucket = make([]*entry, c.max)
	r := rng(23)
	c.steps(2*c.max, took, &r)
	w := startWatch()
	c.steps(n, took, &r)
	w.report(name+".op", float64(n), "ns")
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	report(name+".p999", float64(took[n-1-n/1000])/1000, "us")
	report(name+".max", float64(took[n-1])/1000, "us")
	report(name+".stw", longestStop()/1000, "us")
	report(name+".machine", longestOfMachine(n)/1000, "us")
}
