package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// The server's frames, as the protocol has them.
type (
	frame struct {
		ID    uint32     `json:"id"`
		Error *wireError `json:"error"`
		Push  *pushFrame `json:"push"`
		RPC   *rpcReply  `json:"rpc"`
		Conn  *connReply `json:"connect"`
		Fresh *connReply `json:"refresh"`
		Sub   *subReply  `json:"subscribe"`
		Past  *pastReply `json:"history"`
	}
	wireError struct {
		Code      uint32 `json:"code"`
		Message   string `json:"message"`
		Temporary bool   `json:"temporary"`
	}
	rpcReply struct {
		Data json.RawMessage `json:"data"`
	}
	connReply struct {
		Client  string              `json:"client"`
		Expires bool                `json:"expires"`
		TTL     uint32              `json:"ttl"`
		Ping    uint32              `json:"ping"`
		Pong    bool                `json:"pong"`
		Subs    map[string]subReply `json:"subs"`
	}
	subReply struct {
		evenkeel.Position
		WasRecovering bool   `json:"was_recovering"`
		Recovered     bool   `json:"recovered"`
		Publications  []item `json:"publications"`
	}
	pastReply struct {
		evenkeel.Position
		Publications []item `json:"publications"`
	}
	item struct {
		Data   json.RawMessage `json:"data"`
		Offset uint64          `json:"offset"`
		Epoch  string          `json:"epoch"`
	}
	// moveMessage says where to connect next.
	moveMessage struct {
		Type     string   `json:"type"`
		Endpoint Endpoint `json:"endpoint"`
	}
	pushFrame struct {
		Message     *rpcReply `json:"message"` // of the server itself
		Channel     string    `json:"channel"`
		Pub         *item     `json:"pub"`
		Subscribe   *subReply `json:"subscribe"`
		Unsubscribe *struct {
			Code   uint32 `json:"code"`
			Reason string `json:"reason"`
		} `json:"unsubscribe"`
	}
)

// The client's frames, without their id.
type (
	connectCommand struct {
		Token string                     `json:"token,omitempty"`
		Name  string                     `json:"name"`
		Subs  map[string]recoveryCommand `json:"subs,omitempty"`
	}
	recoveryCommand struct {
		Recover bool   `json:"recover,omitempty"`
		Epoch   string `json:"epoch"`
		Offset  uint64 `json:"offset"`
	}
	subscribeCommand struct {
		Channel string `json:"channel"`
		recoveryCommand
	}
	historyCommand struct {
		Channel string             `json:"channel"`
		Limit   int                `json:"limit"`
		Since   *evenkeel.Position `json:"since,omitempty"`
	}
	rpcCommand struct {
		Method string          `json:"method"`
		Data   json.RawMessage `json:"data"`
	}
	channelCommand struct {
		Channel string `json:"channel"`
	}
	tokenCommand struct {
		Token string `json:"token"`
	}
)

// Codes of errors of the protocol itself that matter here. The others are those
// of evenkeel.Codes.
const (
	wireAlreadySubscribed = 105
	wireUnrecoverable     = 112
	wireUnknownChannel    = 102
)

// encode makes a command's frame up to the id: `"rpc":{...}}`.
func encode(name string, body any) (string, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode the parameters: %w", err)
	}
	return `"` + name + `":` + string(b) + "}", nil
}

// appendCommand appends a whole frame.
func appendCommand(dst []byte, id uint32, body string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, uint64(id), 10)
	dst = append(dst, ',')
	return append(dst, body...)
}

// err turns the protocol's error back into the one of the table: its message
// begins with the code's name.
func (e *wireError) err() error {
	if e == nil {
		return nil
	}
	name, detail, _ := strings.Cut(e.Message, ": ")
	for _, info := range evenkeel.Codes() {
		if string(info.Code) == name {
			return &evenkeel.Error{Code: info.Code, Detail: detail}
		}
	}
	code := evenkeel.CodeBadRequest
	switch {
	case e.Temporary:
		code = evenkeel.CodeInternal
	case e.Code == wireUnknownChannel:
		code = evenkeel.CodeNotFound
	case e.Code == wireUnrecoverable:
		code = evenkeel.CodeUnrecoverablePosition
	}
	return evenkeel.Errorf(code, "%s (code %d)", e.Message, e.Code)
}

// Disconnected is the reason why a server closed a connection.
type Disconnected struct {
	Code   int
	Reason string
}

func (d *Disconnected) Error() string {
	return fmt.Sprintf("the server closed the connection: %d %s", d.Code, d.Reason)
}

// final tells whether a client must not come back by itself.
func (d *Disconnected) final() bool { return d.Code >= 3500 && d.Code < 4000 }

// ErrClosed is the error of what is asked of a connection after its Close.
var ErrClosed = errors.New("the connection is closed")
