// Package forward has what a node has asked the leader of its cell to propose,
// until it is answered.
//
//	Ask ----> the leader ----> Answered ----> Applied here ----> done
//	             |
//	          Lost, or too late, or not sent: done, with no_leader
//
// It is a pure state machine: the node and the simulator carry what goes between
// the nodes, and call what Take returns.
//
// What it promises: each proposal ends once. One that ends with results was
// answered by the node that was asked, and this node's replica has applied all
// that it brought about, so that whoever got an answer here finds here what he
// did. One that ends with no_leader may still take effect.
package forward
