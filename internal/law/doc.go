// Package law keeps the laws that hold the code together, so that no reviewer
// has to. Its tests read the sources of the whole module and fail when a rule
// is broken; each rule can be seen to bite in a test of its own, on sources
// held in memory.
//
//	imports.go  who may import whom, and why not
//	pure.go     no clock, no goroutine, no channel, no hidden state in pure code
//	order.go    no floating point, no map order, no tables that a release changes
//	wire.go     what is written to disk is known by its number
//	kinds.go    a switch over kinds of commands decides about all of them
//	shape.go    how long a file and a function may be, and what no file may say
//	state.go    no package-level state as wiring
//
// A package is pure as a whole (the root package, desk, routing), or it has a
// pure half and a shell. In the latter, every file says above its package
// clause which half it belongs to:
//
//	//evenkeel:pure
//	package edge
//
// or //evenkeel:shell. A pure file may not use what a shell file declares.
//
// Only tests import this package.
package law
