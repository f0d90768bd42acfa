// SPDX-License-Identifier: MIT

package main

var sink int

const minDepth = 4

type pair struct {
	left, right *pair
}

var longLived *pair

func tree(depth int) *pair {
	t := new(pair)
	if depth > 0 {
		t.left = tree(depth - 1)
		t.right = tree(depth - 1)
	}
	return t
}

func (t *pair) count() int {
	if t.left != nil {
		return 1 + t.left.count() + t.right.count()
	}
	return 1
}

func runTrees(name string, size int) {
	max := scaledDepth(size)
	w := startWatch()
	nodes := tree(max + 1).count()
	longLived = tree(max)
	for depth := minDepth; depth <= max; depth += 2 {
		for i := 0; i < 1<<(max-depth+minDepth); i++ {
			nodes += tree(depth).count()
		}
	}
	sink = nodes + longLived.count()
	w.report(name, 1e6, "ms")
}

const (
	stretchDepth = 18
	longDepth    = 16
	arrayLength  = 500000
)

type gcNode struct {
	left, right *gcNode
	i, j        int32
}

var (
	longTree  *gcNode
	longArray []float64
)

func (n *gcNode) populate(depth int) {
	if depth == 0 {
		return
	}
	n.left = new(gcNode)
	n.right = new(gcNode)
	n.left.populate(depth - 1)
	n.right.populate(depth - 1)
}

func fromLeaves(depth int) *gcNode {
	if depth == 0 {
		return new(gcNode)
	}
	left, right := fromLeaves(depth-1), fromLeaves(depth-1)
	return &gcNode{left: left, right: right}
}

func treeSize(depth int) int {
	return 2<<depth - 1
}

func (n *gcNode) note() {
	if n.left != nil {
		sink++
	}
}

func construct(depth, times int) {
	for i := 0; i < times; i++ {
		n := new(gcNode)
		n.populate(depth)
		n.note()
	}
	for i := 0; i < times; i++ {
		fromLeaves(depth).note()
	}
}

func runGCBench(name string, _ int) {
	stretch := scaledDepth(stretchDepth)
	w := startWatch()
	fromLeaves(stretch).note()
	longTree = new(gcNode)
	longTree.populate(stretch - (stretchDepth - longDepth))
	longArray = make([]float64, scaled(arrayLength))
	for i := range longArray {
		longArray[i] = 1.0 / float64(i+1)
	}
	for depth := minDepth; depth <= stretch-(stretchDepth-longDepth); depth += 2 {
		construct(depth, 2*treeSize(stretch)/treeSize(depth))
	}
	if longTree.left == nil || longArray[0] != 1 {
		die("what lives long is gone")
	}
	w.report(name, 1e6, "ms")
}
