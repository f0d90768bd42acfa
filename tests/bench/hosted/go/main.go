// SPDX-License-Identifier: MIT

// bench-go: the workloads of bench-child that collect, line by line the same, in Go.
//
// usage: bench-go [WORKLOAD [DIVISOR]]
// Prints rows NAME VALUE UNIT as bench-child does; without a workload, Go's version. What each workload
// is for, and what its rows mean, stands in the C sources.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var divisor = 1

type workload struct {
	run  func(name string, size int)
	size int
}

var workloads = map[string]workload{
	"micro.16.noscan":   {microNoscan, 16},
	"micro.64.noscan":   {microNoscan, 64},
	"micro.256.noscan":  {microNoscan, 256},
	"micro.1024.noscan": {microNoscan, 1024},
	"micro.16.scan":     {microScan, 16},
	"micro.64.scan":     {microScan, 64},
	"micro.256.scan":    {microScan, 256},
	"micro.1024.scan":   {microScan, 1024},
	"micro.16.typed":    {microTyped, 16},
	"micro.64.typed":    {microTyped, 64},
	"micro.256.typed":   {microTyped, 256},
	"micro.1024.typed":  {microTyped, 1024},
	"trees.18":          {runTrees, 18},
	"trees.21":          {runTrees, 21},
	"gcbench":           {runGCBench, 0},
	"mark.graph":        {runMarkGraph, 0},
	"mark.list":         {runMarkList, 0},
	"mark.wide":         {runMarkWide, 0},
	"mark.noscan":       {runMarkNoscan, 0},
	"churn":             {runChurn, 0},
	"remote.collected":  {runPass, 0},
	"frag.collected":    {runTrace, 0},
	"latency":           {runLatency, 0},
	// There is but one mode.
	"latency.in-pages": {runLatency, 0},
	"latency.in-stw":   {runLatency, 0},
}

func die(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "bench-go: "+format+"\n", args...)
	os.Exit(1)
}

func report(name string, value float64, unit string) {
	fmt.Printf("%s %.4f %s\n", name, value, unit)
}

func scaled(n int) int {
	if n > divisor {
		return n / divisor
	}
	return 1
}

func scaledDepth(depth int) int {
	for d := divisor; d > 1; d /= 2 {
		depth--
	}
	return depth
}

// The largest power of two that is not above n.
func powerBelow(n int) int {
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// The CPU time of all threads, in ns.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		die("%v", err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

type stopwatch struct {
	wall time.Time
	cpu  float64
}

func startWatch() stopwatch {
	return stopwatch{time.Now(), cpuTime()}
}

func (w stopwatch) report(name string, per float64, unit string) {
	wall, cpu := float64(time.Since(w.wall)), cpuTime()-w.cpu
	report(name, wall/per, unit)
	report(name+".cpu", cpu/per, unit)
	report(name+".peak", memory("VmHWM")/1048576, "MiB")
}

// What the kernel says about this process, in bytes.
func memory(field string) float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		die("%v", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		if words[0] == field+":" {
			kib, _ := strconv.ParseFloat(words[1], 64)
			return kib * 1024
		}
	}
	die("/proc/self/status has no %s", field)
	return 0
}

// xorshift64*
type rng uint64

func (r *rng) next() uint64 {
	x := uint64(*r)
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*r = rng(x)
	return (x * 0x2545f4914f6cdd1d) >> 16
}

// A multiple of 8 in [low, high], which are such themselves.
func (r *rng) size(low, high int) int {
	return low + 8*int(r.next()%uint64((high-low)/8+1))
}

func main() {
	if len(os.Args) < 2 {
		fmt.Println(runtime.Version())
		return
	}
	if len(os.Args) > 2 {
		divisor, _ = strconv.Atoi(os.Args[2])
	}
	w, ok := workloads[os.Args[1]]
	if !ok || divisor < 1 {
		die("no workload %s", strings.Join(os.Args[1:], " "))
	}
	w.run(os.Args[1], w.size)
}
