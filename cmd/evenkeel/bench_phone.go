package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// phone is a WebSocket client of the realtime protocol reduced to commands and
// their answers.
type phone struct {
	ws   *websocket.Conn
	next uint32 // id of the last command
	in   bytes.Buffer
}

// websocketOf is the address of the realtime protocol of a node.
func websocketOf(url string) string {
	return "ws" + strings.TrimPrefix(url, "http") + "/connection/websocket"
}

// dialPhone opens a connection and has it let in.
func dialPhone(ctx context.Context, address, token string, buffer int) (*phone, error) {
	dialer := websocket.Dialer{ReadBufferSize: buffer, WriteBufferSize: buffer, HandshakeTimeout: 10 * time.Second}
	ws, answer, err := dialer.DialContext(ctx, address, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	p := &phone{ws: ws, next: 1}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"id":1,"connect":{"token":"`+token+`"}}`)); err != nil {
		return nil, errors.Join(err, ws.Close())
	}
	if err := p.read(); err != nil {
		return nil, errors.Join(err, ws.Close())
	}
	if reply := p.in.Bytes(); !bytes.Contains(reply, []byte(`"connect":{`)) {
		return nil, errors.Join(fmt.Errorf("the server does not let the load in: %s", reply), ws.Close())
	}
	return p, nil
}

func (p *phone) read() error {
	_, r, err := p.ws.NextReader()
	if err != nil {
		return err
	}
	p.in.Reset()
	_, err = p.in.ReadFrom(r)
	return err
}

// call runs a method and waits for its answer; pings meanwhile are answered, and
// what is published is dropped.
func (p *phone) call(method string, params, result any) error {
	p.next++
	command := map[string]any{"id": p.next, "rpc": map[string]any{"method": method, "data": params}}
	if err := p.ws.WriteJSON(command); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		if err := p.read(); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		for frame := range bytes.SplitSeq(p.in.Bytes(), []byte{'\n'}) {
			if string(frame) == "{}" {
				if err := p.ws.WriteMessage(websocket.TextMessage, frame); err != nil {
					return fmt.Errorf("answer a ping: %w", err)
				}
				continue
			}
			id, err := replyID(frame)
			if err != nil {
				return fmt.Errorf("%s: %w", method, err)
			}
			if id == p.next {
				return answerOf(frame, result)
			}
		}
	}
}

// answerOf reads what a method answered; nil drops it.
func answerOf(frame []byte, result any) error {
	if result == nil {
		return nil
	}
	var reply struct {
		RPC struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal(frame, &reply); err != nil {
		return fmt.Errorf("understand an answer: %w", err)
	}
	return json.Unmarshal(reply.RPC.Data, result)
}
