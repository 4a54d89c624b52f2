//evenkeel:pure

package realtime

import (
	"encoding/json"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// The shapes of client frames, as the protocol's definition has them, with the
// fields that matter here. Their names in JSON are in the tags, their numbers in
// Protobuf in the methods set (protobuf_decode.go).
type (
	wireCommand struct {
		ID          uint32          `json:"id"`
		Connect     *wireConnect    `json:"connect"`
		Subscribe   *wireSubscribe  `json:"subscribe"`
		Unsubscribe *wireChannel    `json:"unsubscribe"`
		Publish     *wirePublish    `json:"publish"`
		Presence    *wireChannel    `json:"presence"`
		Stats       *wireChannel    `json:"presence_stats"`
		History     *wireHistory    `json:"history"`
		Ping        *wireEmpty      `json:"ping"`
		Send        *wireEmpty      `json:"send"`
		RPC         *wireRPC        `json:"rpc"`
		Refresh     *wireRefresh    `json:"refresh"`
		SubRefresh  *wireSubRefresh `json:"sub_refresh"`
	}
	wireConnect struct {
		Token   string                   `json:"token"`
		Data    json.RawMessage          `json:"data"`
		Subs    map[string]wireSubscribe `json:"subs"`
		Name    string                   `json:"name"`
		Version string                   `json:"version"`
	}
	wireSubscribe struct {
		Channel string `json:"channel"`
		Token   string `json:"token"`
		Joins   bool   `json:"join_leave"`
		Recover bool   `json:"recover"`
		Epoch   string `json:"epoch"`
		Offset  uint64 `json:"offset"`
		Flag    int64  `json:"flag"`
	}
	wireChannel struct {
		Channel string `json:"channel"`
	}
	wirePublish struct {
		Channel string          `json:"channel"`
		Data    json.RawMessage `json:"data"`
	}
	wireSubRefresh struct {
		Channel string `json:"channel"`
		Token   string `json:"token"`
	}
	wireHistory struct {
		Channel string        `json:"channel"`
		Limit   int32         `json:"limit"`
		Since   *wirePosition `json:"since"`
		Reverse bool          `json:"reverse"`
	}
	wirePosition struct {
		Offset uint64 `json:"offset"`
		Epoch  string `json:"epoch"`
	}
	wireRPC struct {
		Data   json.RawMessage `json:"data"`
		Method string          `json:"method"`
	}
	wireRefresh struct {
		Token string `json:"token"`
	}
	wireEmpty struct{}
)

// flagRejectUnrecovered is the bit of a subscribe command's flag by which a
// client prefers an error to a subscription that was not recovered.
const flagRejectUnrecovered = 2

// command returns what a frame asks for, if it is one thing.
func (w *wireCommand) command() (*Command, error) {
	cmd := &Command{
		ID: w.ID, Ping: w.Ping != nil, Send: w.Send != nil,
		Unsubscribe: (*ChannelCommand)(w.Unsubscribe), Presence: (*ChannelCommand)(w.Presence),
		Stats: (*ChannelCommand)(w.Stats), SubRefresh: (*SubRefreshCommand)(w.SubRefresh), Refresh: (*RefreshCommand)(w.Refresh),
	}
	if w.RPC != nil {
		cmd.RPC = &RPCCommand{Method: w.RPC.Method, Params: notNull(w.RPC.Data)}
	}
	if p := w.Publish; p != nil {
		cmd.Publish = &PublishCommand{Channel: p.Channel, Data: notNull(p.Data)}
	}
	if s := w.Subscribe; s != nil {
		cmd.Subscribe = &SubscribeCommand{
			RecoverFrom: s.from(s.Channel), RejectUnrecovered: s.Flag&flagRejectUnrecovered != 0, Token: s.Token, JoinLeave: s.Joins,
		}
	}
	if h := w.History; h != nil {
		cmd.History = &HistoryCommand{Channel: h.Channel, Limit: int(h.Limit), Reverse: h.Reverse}
		if h.Since != nil {
			cmd.History.Since = &evenkeel.Position{Epoch: h.Since.Epoch, Offset: h.Since.Offset}
		}
	}
	if w.Connect != nil {
		cmd.Connect = w.Connect.command()
	}
	n := cmd.requests()
	if n > 1 {
		return nil, errSeveral
	}
	cmd.Pong = cmd.ID == 0 && n == 0
	return cmd, nil
}

func (w *wireConnect) command() *ConnectCommand {
	c := &ConnectCommand{Token: w.Token, Data: notNull(w.Data), Name: w.Name, Version: w.Version}
	for channel, s := range w.Subs { //order: sorted below
		c.Subs = append(c.Subs, s.from(channel))
	}
	sort.Slice(c.Subs, func(i, k int) bool { return c.Subs[i].Channel < c.Subs[k].Channel })
	return c
}

func (w *wireSubscribe) from(channel string) RecoverFrom {
	return RecoverFrom{Channel: channel, Recover: w.Recover, Since: evenkeel.Position{Epoch: w.Epoch, Offset: w.Offset}}
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
