// Package edge is where callers meet the cell: it finds out who asks, reads
// what was asked strictly, refuses what the caller's role does not allow, hands
// commands to the leader exactly once and shows results to each caller in his
// own view. Behind it lies a replica of the desk, which it sees through two
// small interfaces: Reader, for what is, and Cell, for what shall be.
//
//	HTTP request --> route --> who? --> may he? --> strict body --+--> read --> Reader
//	                                                              |
//	RPC of a     --> method -> may he? --> strict params ---------+--> command
//	connected client                                                    |
//	                                                                    v
//	 client connects, disconnects ------------------------------->  courier --> Cell
//	                                                                    |
//	 answer, in the caller's view <---------- result -------------------+
//
// # The two halves
//
// What decides is pure: reading of bodies and params (strict.go, method.go), the
// making of answers (reply.go), limits (limits.go), typing (typing.go) and the
// courier (courier.go), which numbers the commands of a session without gaps,
// keeps what is in flight and sends it again, in order and with the same ids,
// when a leader was lost. The shell moves bytes: HTTP (route.go and one file for
// each resource) and the loop that owns the courier (session.go).
//
// # What it promises
//
// A command is answered at most once. Of the commands of one connected client
// none overtakes another. A command that was answered with no_leader may have
// been applied: the caller asks again with the same id and gets the answer of
// the first time. Every other refusal means that nothing was changed.
//
// An answer tells the index of the log that it reflects, and a request may name
// the index that its answer must not be older than.
//
// # Why net/http alone
//
// A framework that describes an API from Go types was weighed (huma). Its form of
// errors is a variable of the process, durations and skills would need twins
// of the vocabulary's types to be described rightly, and RPC, which shares every
// body with HTTP, needs strict reading of its own in any case. So a route is a
// row of a table and a body is a struct with a shape, and the description of the
// API (openapi.go) is made from both: a row without one does not compile.
package edge
