//evenkeel:pure

package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// JSON returns the protocol's JSON encoding: one object a line.
func JSON() Encoding { return jsonEncoding{} }

type jsonEncoding struct{}

func (jsonEncoding) slot() int { return slotJSON }

// The shapes of client frames, as the protocol's definition has them, with the
// fields that matter here.
type (
	jsonCommand struct {
		ID          uint32         `json:"id"`
		Connect     *jsonConnect   `json:"connect"`
		Subscribe   *jsonSubscribe `json:"subscribe"`
		Unsubscribe *jsonChannel   `json:"unsubscribe"`
		Publish     *jsonChannel   `json:"publish"`
		Presence    *jsonChannel   `json:"presence"`
		Stats       *jsonChannel   `json:"presence_stats"`
		History     *jsonHistory   `json:"history"`
		Ping        *struct{}      `json:"ping"`
		Send        *struct{}      `json:"send"`
		RPC         *jsonRPC       `json:"rpc"`
		Refresh     *jsonRefresh   `json:"refresh"`
		SubRefresh  *jsonChannel   `json:"sub_refresh"`
	}
	jsonConnect struct {
		Token   string                  `json:"token"`
		Data    json.RawMessage         `json:"data"`
		Name    string                  `json:"name"`
		Version string                  `json:"version"`
		Subs    map[string]jsonRecovery `json:"subs"`
	}
	jsonRecovery struct {
		Recover bool   `json:"recover"`
		Epoch   string `json:"epoch"`
		Offset  uint64 `json:"offset"`
	}
	jsonSubscribe struct {
		Channel string `json:"channel"`
		jsonRecovery
		Flag int64 `json:"flag"`
	}
	jsonChannel struct {
		Channel string `json:"channel"`
	}
	jsonHistory struct {
		Channel string             `json:"channel"`
		Limit   int32              `json:"limit"`
		Since   *evenkeel.Position `json:"since"`
		Reverse bool               `json:"reverse"`
	}
	jsonRPC struct {
		Method string          `json:"method"`
		Data   json.RawMessage `json:"data"`
	}
	jsonRefresh struct {
		Token string `json:"token"`
	}
)

// flagRejectUnrecovered is the bit of a subscribe command's flag by which a
// client prefers an error to a subscription that was not recovered.
const flagRejectUnrecovered = 2

func (jsonEncoding) Decode(message []byte) ([]*Command, error) {
	if len(bytes.TrimSpace(message)) == 0 {
		return nil, errors.New("the message is empty")
	}
	var commands []*Command
	for len(message) > 0 {
		var line []byte
		line, message, _ = bytes.Cut(message, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(commands) == maxCommands {
			return nil, errors.New("the message holds too many commands")
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
	var j jsonCommand
	if line[0] != '{' || json.Unmarshal(line, &j) != nil {
		return nil, errors.New("a frame is not a command")
	}
	cmd := &Command{
		ID: j.ID, Ping: j.Ping != nil, Send: j.Send != nil,
		Unsubscribe: (*ChannelCommand)(j.Unsubscribe), Publish: (*ChannelCommand)(j.Publish), Presence: (*ChannelCommand)(j.Presence),
		Stats: (*ChannelCommand)(j.Stats), SubRefresh: (*ChannelCommand)(j.SubRefresh), Refresh: (*RefreshCommand)(j.Refresh),
	}
	if j.RPC != nil {
		cmd.RPC = &RPCCommand{Method: j.RPC.Method, Params: notNull(j.RPC.Data)}
	}
	if j.Subscribe != nil {
		cmd.Subscribe = &SubscribeCommand{
			RecoverFrom:       j.Subscribe.from(j.Subscribe.Channel),
			RejectUnrecovered: j.Subscribe.Flag&flagRejectUnrecovered != 0,
		}
	}
	if h := j.History; h != nil {
		cmd.History = &HistoryCommand{Channel: h.Channel, Limit: int(h.Limit), Since: h.Since, Reverse: h.Reverse}
	}
	if c := j.Connect; c != nil {
		cmd.Connect = &ConnectCommand{Token: c.Token, Data: notNull(c.Data), Name: c.Name, Version: c.Version}
		for channel, r := range c.Subs { //order: sorted below
			cmd.Connect.Subs = append(cmd.Connect.Subs, r.from(channel))
		}
		subs := cmd.Connect.Subs
		sort.Slice(subs, func(i, k int) bool { return subs[i].Channel < subs[k].Channel })
	}
	cmd.Pong = cmd.ID == 0 && cmd.requests() == 0
	if cmd.requests() > 1 {
		return nil, errors.New("a command asks for several things at once")
	}
	return cmd, nil
}

func (r jsonRecovery) from(channel string) RecoverFrom {
	return RecoverFrom{Channel: channel, Recover: r.Recover, Since: evenkeel.Position{Epoch: r.Epoch, Offset: r.Offset}}
}

// requests counts what a command asks for.
func (c *Command) requests() int {
	n := 0
	for _, set := range []bool{
		c.Connect != nil, c.Subscribe != nil, c.Unsubscribe != nil, c.Publish != nil, c.Presence != nil, c.Stats != nil,
		c.History != nil, c.Ping, c.Send, c.RPC != nil, c.Refresh != nil, c.SubRefresh != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

func notNull(raw json.RawMessage) []byte {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
