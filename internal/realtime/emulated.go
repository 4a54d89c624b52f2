//evenkeel:pure

package realtime

import (
	"encoding/json"
	"errors"
)

// emulation is what a session needs whose transport goes one way only: its
// client sends commands by requests of their own, which name the node and the
// session. Who knows the session's name may speak for it.
type emulation struct{ session, node string }

// Emulate tells a new session that its transport goes one way only. The name
// must not be guessable; the node is the one that is to have the commands. The
// client learns both, and why it is sent away, by frames.
func (s *Session) Emulate(name, node string) { s.emulation = &emulation{name, node} }

// emulationRequest is a request that carries commands of a client.
type emulationRequest struct {
	Node    string
	Session string
	Data    []byte // a message in the session's encoding
}

var errEmulation = errors.New(`the body is no emulation request: in JSON {"session", "node", "data"}`)

// decodeEmulation reads a request in JSON, where the data is a string, or in
// Protobuf.
func decodeEmulation(body []byte, binary bool) (q emulationRequest, err error) {
	if binary {
		err = decodeFields(body, &q)
	} else {
		var j struct{ Node, Session, Data string }
		err = json.Unmarshal(body, &j)
		q = emulationRequest{Node: j.Node, Session: j.Session, Data: []byte(j.Data)}
	}
	if err != nil || q.Session == "" {
		return emulationRequest{}, errEmulation
	}
	return q, nil
}

func (q *emulationRequest) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&q.Node)
	case 2:
		return f.text(&q.Session)
	case 3:
		return f.data((*json.RawMessage)(&q.Data))
	}
	return nil
}
