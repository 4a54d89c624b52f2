// Package sim runs a whole cell in one goroutine and virtual time: one seed,
// one run.
//
//	seed -> Shape: how many clients, which queues, which limits, which faults
//
//	visitors, agents --link--> realtime sessions --> edge's courier
//	      ^    (cut, lost,          ^                     |
//	      |     half open)          | events              v
//	      +-------------------------+------ desk <-- replica's core
//	                                          |           |
//	                        snapshots --> journal on a simulated disk
//	                                 (torn, forgotten, rotten, stalled, full)
//
// Every node has all of this. In the middle is the product: the desk, the replica's
// core and applier, the journal, the courier and the sessions, the steward and what
// waits for the leader's answers (package forward) are what a server runs. The package
// has the shells' part: it moves what one half hands out to the next, each time
// after a pause that the seed draws, so that every order of events that
// goroutines could have is tried. It stops the process or the power in the middle
// of any write, cuts connections, and starts the node again from what the disk
// has kept.
//
// A cell has one node, or three, five or nine: it grows from its founder, as real
// ones do. Nodes have disks, clocks and processes of their own, and between each two
// of them a network (network.go) that delays, loses, doubles and reorders what Raft
// says, breaks connections, and cuts the way in one direction or both. A process is
// given up for dead by proof only. Clients move between the nodes.
//
// Bits flip on the disks of fewer than half of the voters: such a node finds out, by
// its journal or by what the leader knows of it, never acts under its number again, and
// gets another one (outcast.go).
//
// Left out, since the program does not do it yet: archive copies of several nodes; a
// wall clock that is set; programs of several versions. Not checked with several nodes: by how much an outage extends
// offers (standstill.go). A removed node is switched off by its operator when it is
// no member of Raft any more, not before.
//
// Two people watch. The History (history.go) knows every entry that was ever
// applied and demands that a restart brings back the same, to the byte. The
// Ledger, the Streams and the Model (ledger.go, streams.go, model.go) believe
// nothing but what clients were told and what the desk published, and know the
// promises made for it: what was acknowledged is there once, what was refused left
// no trace, one owner at most, no hole in anybody's stream. The log is one order of
// all operations; each that was acknowledged stands in it behind all that had been
// acknowledged when it was first asked for, and a fresh read has all that was: so
// the cell is linearizable.
//
// A run ends in one of three ways: ok; damaged, when a bit of the only disk
// flipped and the node said so; or with a Failure, which names the promise that
// was broken.
//
// Equal seeds give equal runs, in any process: nothing reads the clock, walks a
// map in its own order, or draws from a generator that the seed does not feed. Raft
// draws its election timeouts from crypto/rand.Reader, so Run replaces that: one
// run at a time in a process.
package sim
