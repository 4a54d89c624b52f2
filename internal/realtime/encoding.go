//evenkeel:pure

package realtime

// Encoding turns frames into bytes and back. A message of a transport holds
// one or more frames.
type Encoding interface {
	// Decode reads a message of a client. An error says that the client breaks
	// the protocol; the sentence is for it. Unknown fields are ignored.
	Decode(message []byte) ([]*Command, error)

	// AppendReply, AppendPush and AppendPing append one frame.
	AppendReply(dst []byte, r *Reply) []byte
	AppendPush(dst []byte, p *Push) []byte
	AppendPing(dst []byte) []byte
	// AppendFrame appends a frame to a message, which may hold others.
	AppendFrame(message, frame []byte) []byte

	// isPong tells whether a message is nothing but the answer to a ping.
	isPong(message []byte) bool

	// slot is the place of the encoding's frame in a Delivery.
	slot() int
}

// The slots of the encodings.
const (
	slotJSON = iota
	slotProtobuf
	slots
)

// maxCommands bounds the frames of one message of a client.
const maxCommands = 512
