// Package realtime speaks the Centrifuge client protocol with browsers and
// apps: it lets them in, tells them what happens on their channels, in order
// and without a hole, and brings them up to date after every cut.
//
//	          bytes                              events, in log order
//	socket <---------> Encoding <--> Session <---------------------- Hub
//	                                    |
//	                                    v effects: authenticate, read
//	                                      history, call, join a channel
//
// # The pure half
//
// A Session is one client's connection as a state machine: Step(input, now)
// takes what happened (a command, a delivery, an answer, a wake-up) and returns
// effects, things that it needs done. What is to be sent waits in the session
// until the owner takes it. A session knows neither sockets nor bytes: an
// Encoding (JSON, Protobuf) turns its replies and pushes into frames.
//
// A Hub knows who listens to what, and turns each event of the log into one
// Delivery that all its subscribers share; the delivery holds its frame in each
// encoding that they use, encoded once.
//
// Both are driven from one goroutine by whoever owns them. A simulation does
// what Server does, with its own clock:
//
//	session := realtime.NewSession(id, realtime.JSON(), &settings, now)
//	for _, cmd := range decoded {              // by JSON().Decode
//		run(session.Step(cmd, now))
//	}
//	run = for each effect:
//		Authenticate    -> Step(Authenticated{...}, now), now or later
//		Read            -> read the replica, Step(NewReadDone(...), now)
//		Call            -> Step(CallDone{...}, now) when the answer is there
//		Admit, Publish  -> ask the backend, Step(&Admitted{...}), Step(&Published{...})
//		Count           -> Step(crowds.Count(...))
//		Join, Leave     -> hub.Join(key, session), hub.Leave(key, session)
//		Enter, Exit     -> crowds.Enter(...), crowds.Exit(...), and tell the others
//		Connected, Disconnected -> tell the edge
//		Close           -> send what waits, then end the transport
//	for {                                      // to the client
//		message := session.Take(nil, limit)
//		if len(message) == 0 {
//			break
//		}
//	}
//	for i := range events {                    // after each applied entry
//		to, input := hub.Route(&events[i], realtime.JSON())
//		for _, session := range slices.Clone(to) {
//			run(session.Step(input, now))
//		}
//	}
//	if at, ok := session.Next(); ok { ... }    // Step(Wake{}, at)
//
// Effects are to be run in their order. Two rules keep the stream whole: a
// Join takes effect before a Read that follows it, and a replica shows an
// entry to readers before its events are routed. Then every event is either in
// what is read or delivered later; the session sorts out by offsets what is
// both.
//
// # What a client may rely on
//
// On each subscription durable publications arrive in the order of their
// offsets, none left out, none twice. Where a session finds a hole (an event
// that was missed on its way) it reads the history from the last publication
// that was sent, before it sends another. What cannot be healed is said: the
// subscription ends with a code that makes clients subscribe again, and their
// recovery then says that it was not whole.
//
// A client is never waited for. Publications wait in a queue of bounded size;
// when it is full the client is cut (3008) and resumes when it comes back.
// Ephemeral publications, those without a position, are dropped first.
//
// # Channels of namespaces
//
// The operator's own channels are not the desk's: what is published on them goes
// from client to client, and what is kept of them is kept by the node (shelf), as
// is who is there (Crowds). On which terms a client has such a channel the backend
// says when it subscribes (evenkeel.Terms), and again when it refreshes.
//
// # The shell
//
// Server owns sockets, goroutines and the clock. A transport carries messages: a
// WebSocket both ways; a response that does not end (SSE, HTTP streaming) only to
// the client, whose commands come by requests of their own. Each connection has a
// reading goroutine; writing has one only while there is something to write,
// which is what keeps an idle client small. Channels are spread over shards, so
// that no lock is shared by all publications.
package realtime
