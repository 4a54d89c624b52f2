// Package bus carries what is live between the nodes of a cell, by NATS: typing,
// what is published on live channels, who comes and goes. It is lost without harm,
// and nothing else goes over it.
//
//	Publish -> queue -> seal -> connection ====> connection -> open -> handler
//	                               |                  |
//	                 embedded: a NATS server in each process, which
//	                           keep routes to each other (mutual TLS)
//	                 outside:  the operator's own NATS system
//
// What it promises:
//
//   - Publish neither blocks nor fails: what finds no room, or no connection, is
//     dropped and counted. A message arrives once or not at all.
//   - What one node publishes on one topic is handled by another in that order, one
//     at a time. A slow handler holds up its own topic alone.
//   - Whoever stands between the nodes, such as the operators of an outside NATS, can
//     neither read a message nor make one, nor have one taken twice, nor take one of
//     another topic, generation or process for one of this (see seal.go).
//   - Without another node nothing is open: no socket, no server.
//
// It does not know what the messages mean, nor who is a member: that it is told
// (Follow), by those who know the nodes by their certificates.
package bus
