// Package steward decides what the leader does to keep a cell in shape: who
// votes, who stands by, whom nobody waits for any more.
//
//	what the leader sees (View) ---> Plan ---> one step (Action)
//
// Plan is a function: no clock, no I/O. Its caller looks again after each step,
// so a plan needs no memory, and one that was interrupted is simply made anew.
//
// Rules, in the order in which they are tried:
//
//  1. A member of Raft that the cell does not know is removed: the leader itself
//     only after it has handed its leadership over.
//  2. A node of the cell that Raft does not know becomes a learner.
//  3. Voters are as many as are wanted, an odd number but for a cell of two: the
//     longest members that keep up. A learner is made a voter only when it has
//     caught up and answers.
//  4. A voter that has been silent for longer than ReplaceAfter gives its vote to a
//     learner that keeps up, in one change. If there is none, nothing is done: a
//     silent voter may come back, and fewer voters are no safer.
//
// Nothing is done while a change is under way, or while less than a majority of
// the voters answers: then nobody could say who has gone.
package steward
