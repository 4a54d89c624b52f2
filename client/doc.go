// Package client is the Go SDK of Evenkeel: the HTTP API and the realtime
// protocol, made so that a failover is a pause and not an error.
//
// # HTTP
//
// A [Client] knows the address of a cell and who asks: an API key, a person's
// login or a visitor's token.
//
//	c, err := client.New(client.Config{URL: "http://localhost:8080", APIKey: key})
//	for queue, err := range c.Queues(ctx) { ... }
//	answer, err := c.StartChat(ctx, client.ChatStart{Queue: "sales", Message: "Hello"})
//
// What is temporary is asked again, with growing random pauses or when the
// server said so, until it is answered, ctx ends or [Config.Patience] is over.
// Each request that changes something carries an id that stays the same over
// these repetitions, so nothing is done twice. A refusal is an [*evenkeel.Error]
// with a stable code. Answers are never older than what the same Client has seen
// before, whichever node gives them.
//
// # Realtime
//
// A [Conn] is one connection that outlives its sockets. [Visitor] and [Agent]
// are one with the manners of a customer's page and of an agent's.
//
//	agent, err := c.Agent(ctx, client.ConnConfig{})
//	defer agent.Close()
//	agent.SetStatus(ctx, evenkeel.StatusOnline, "")
//	for {
//		u, err := agent.Next(ctx)
//		switch u.Kind {
//		case "offer":
//			agent.Accept(ctx, u.Chat.ID, u.Offer)
//		case "message":
//			agent.Send(ctx, u.ChatID, "You said: "+u.Message.Text)
//		}
//	}
//
// When the socket breaks, a Conn connects again with growing random pauses,
// asks the cell which node to take, continues each channel from the last
// publication that it has handed on, and repeats the calls that were not
// answered, in their order, under their ids.
//
// What it promises: publications of a channel come in order, each once, without
// a hole; where the history is gone, an event says so ([Gap]) in the place
// where something is missing. A consumer that is slower than what comes holds
// nobody up and loses nothing: beyond [ConnConfig.Queue] events a channel is
// left behind, and read again from the server's history when there is room.
// Only what the server does not keep (typing) is left out then.
package client
