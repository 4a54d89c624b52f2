// Package replica is the desk over Raft: it puts commands into the replicated
// log, applies what is committed to the desk, and answers who proposed it.
//
//	            Propose                       Append              fdatasync
//	callers ------------>  two lanes, batches --------> journal -----------+
//	   ^                   Core (Raft inside) <----------------------------+
//	   |                        | Apply                       Persisted
//	   |   results, events      v
//	   +------------------  Applier: the desk  --- Freeze, Slice --> snapshot
//
// The pure half is Core and Applier: functions of their inputs and of the time
// given with each, without I/O, clock or goroutine. A simulation drives them
// as the shell does:
//
//	core.Advance(now), Step, Propose, Persisted, Applied ...   inputs
//	for core.HasReady() { ready := core.Ready(); ... }         outputs
//	at := core.Wake()                                          when to Advance next
//
// The shell is Replica: one goroutine for the core, one for the journal, one
// that applies, and one for each snapshot being written.
//
// What it promises:
//
//   - A result is given only when its command is durable on a majority and
//     applied here; it is given once, and to its own proposer.
//   - A proposal that fails with no_leader may still take effect: the caller
//     sends it again with the same id. One that is refused at the door
//     (too_many_requests, disk_full, too_large, or an error returned by Propose)
//     never does.
//   - The desk is applied in log order, each entry once. A command that panics
//     is skipped from then on, on every restart, and the cell goes on.
//   - Nothing is written while nothing happens in a cell of one, and nothing wakes;
//     while a deadline of the desk is pending, once a second.
//
// What it leaves to others: sending messages to other replicas, resending after
// a change of leader, and forming the cell.
package replica
