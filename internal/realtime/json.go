//evenkeel:pure

package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
)

// JSON returns the protocol's JSON encoding: one object a line.
func JSON() Encoding { return jsonEncoding{} }

type jsonEncoding struct{}

func (jsonEncoding) slot() int { return slotJSON }

func (jsonEncoding) isPong(message []byte) bool { return string(message) == "{}" }

func (jsonEncoding) Decode(message []byte) ([]*Command, error) {
	if len(bytes.TrimSpace(message)) == 0 {
		return nil, errEmpty
	}
	var commands []*Command
	for len(message) > 0 {
		var line []byte
		line, message, _ = bytes.Cut(message, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(commands) == maxCommands {
			return nil, errTooMany
		}
		cmd, err := decodeLine(line)
		if err != nil {
			return nil, err
		}
		commands = append(commands, cmd)
	}
	return commands, nil
}

func decodeLine(line []byte) (*Command, error) {
	if len(line) == 2 && line[0] == '{' && line[1] == '}' {
		return &Command{Pong: true}, nil
	}
	if cmd, ok := plainCall(line); ok {
		return cmd, nil
	}
	return decodeShape(line)
}

// decodeShape reads any frame.
func decodeShape(line []byte) (*Command, error) {
	var c wireCommand
	if line[0] != '{' || json.Unmarshal(line, &c) != nil {
		return nil, errMalformed
	}
	return c.command()
}

// What is wrong with a message.
var (
	errEmpty     = errors.New("the message is empty")
	errTooMany   = errors.New("the message holds too many commands")
	errMalformed = errors.New("a frame is not a command")
	errSeveral   = errors.New("a command asks for several things at once")
)

func (jsonEncoding) AppendReply(dst []byte, r *Reply) []byte {
	w := shape{dst: dst}
	w.object()
	r.write(&w)
	return append(w.dst, '}')
}

func (jsonEncoding) AppendPush(dst []byte, p *Push) []byte {
	w := shape{dst: dst}
	w.object()
	w.open("push", 4)
	p.write(&w)
	return append(w.dst, '}', '}')
}

func (jsonEncoding) AppendPing(dst []byte) []byte { return append(dst, '{', '}') }

func (jsonEncoding) AppendFrame(message, frame []byte) []byte {
	if len(message) > 0 {
		message = append(message, '\n')
	}
	return append(message, frame...)
}

// oneLine returns JSON fit for a frame: without line breaks, which separate
// frames, and never empty.
func oneLine(data []byte) []byte {
	if len(data) == 0 {
		return []byte("{}")
	}
	if bytes.IndexByte(data, '\n') < 0 {
		return data
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return []byte("null")
	}
	return b.Bytes()
}
