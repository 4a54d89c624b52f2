// Package evenkeel is the vocabulary of the product: the types that the desk,
// the edges, the client SDK and the command line all speak of. It holds no
// behaviour beyond what a value knows about itself (its JSON form, its bounds)
// and imports the standard library only, so that anything may import it.
//
//	command  a request to change the desk            command.go, body_*.go
//	result   what came of one command                result.go
//	event    what a command caused, on a channel     publication.go
//	objects  chats, messages, queues, agents         chat.go, queue.go, agent.go
//	error    a stable code and a sentence            errors.go
//
// Every kind and field is append-only: a number once given keeps its meaning,
// for logs and snapshots outlive the binary that wrote them.
package evenkeel
