//evenkeel:pure

package realtime

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protowire"
)

// Protobuf returns the protocol's Protobuf encoding: frames with their length
// before them. A ping, or a pong, is a frame of length 0. Payloads are JSON as
// in the other encoding, without anything around them.
func Protobuf() Encoding { return protobufEncoding{} }

type protobufEncoding struct{}

func (protobufEncoding) slot() int { return slotProtobuf }

func (protobufEncoding) isPong(message []byte) bool { return string(message) == "\x00" }

func (protobufEncoding) Decode(message []byte) ([]*Command, error) {
	if len(message) == 0 {
		return nil, errEmpty
	}
	var commands []*Command
	for len(message) > 0 {
		frame, n := protowire.ConsumeBytes(message)
		if n < 0 {
			return nil, errMalformed
		}
		message = message[n:]
		if len(commands) == maxCommands {
			return nil, errTooMany
		}
		cmd, err := decodeFrame(frame)
		if err != nil {
			return nil, err
		}
		commands = append(commands, cmd)
	}
	return commands, nil
}

func decodeFrame(frame []byte) (*Command, error) {
	var w wireCommand
	if err := decodeFields(frame, &w); err != nil {
		return nil, err
	}
	cmd, err := w.command()
	if err == nil && !w.readable() {
		cmd.Fault = "the data is not JSON"
	}
	return cmd, err
}

// readable tells whether all payloads are JSON. For frames in JSON that goes
// without saying.
func (w *wireCommand) readable() bool {
	valid := func(data json.RawMessage) bool { return len(data) == 0 || json.Valid(data) }
	return (w.Connect == nil || valid(w.Connect.Data)) && (w.RPC == nil || valid(w.RPC.Data)) &&
		(w.Publish == nil || valid(w.Publish.Data))
}

func (protobufEncoding) AppendReply(dst []byte, r *Reply) []byte {
	w := shape{dst: dst, binary: true}
	frame := w.measure()
	r.write(&w)
	w.close(frame)
	return w.dst
}

func (protobufEncoding) AppendPush(dst []byte, p *Push) []byte {
	w := shape{dst: dst, binary: true}
	frame := w.measure()
	push := w.open("push", 4)
	p.write(&w)
	w.close(push)
	w.close(frame)
	return w.dst
}

func (protobufEncoding) AppendPing(dst []byte) []byte { return append(dst, 0) }

func (protobufEncoding) AppendFrame(message, frame []byte) []byte { return append(message, frame...) }
