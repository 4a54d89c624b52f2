// Package routing ranks: which waiting chat is next, which agent gets it, and
// why. It is an index that the desk keeps beside its state and asks after every
// change; it decides nothing by itself and remembers nothing that the desk
// could not tell it again.
//
//	f := routing.New()
//	f.PutQueue, f.PutAgent, f.PutChat      // facts, in any order, replaced whole
//	f.DeleteQueue, f.DeleteAgent, f.DeleteChat
//
//	for d, ok := f.Next(now); ok; d, ok = f.Next(now) {
//		// give d.Chat to d.Agent: f.DeleteChat(d.Chat), f.PutAgent(more used)
//	}
//	f.Due()                                // when time alone may allow more
//
//	f.Waiting, f.Position, f.Head, f.Oldest, f.Staff, f.Why   // reads
//
// # What it promises
//
// Next returns the first waiting chat of all queues, in the order of priority,
// first-queued time and sequence number, that some agent may take, and of
// those who may the first in the order of its queue's strategy. That sentence is
// the whole specification: the answer is a function of the facts put in and of
// now, whatever the order in which they came. So a replica that was restored
// from a snapshot decides exactly as one that ran all along. Next changes
// nothing: until a fact or the time changes, it repeats itself.
//
// # What it costs
//
// No call looks at all waiting chats or at all agents, so there is nothing
// to count and no scan to cut short: every Next is one unit of the desk's work.
package routing
