//evenkeel:pure

package realtime

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

func (jsonEncoding) AppendFrame(message, frame []byte) []byte {
	if len(message) > 0 {
		message = append(message, '\n')
	}
	return append(message, frame...)
}

func (jsonEncoding) AppendPing(dst []byte) []byte { return append(dst, '{', '}') }

func (jsonEncoding) AppendReply(dst []byte, r *Reply) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, uint64(r.ID), 10)
	switch {
	case r.Error != nil:
		dst = appendError(dst, r.Error)
	case r.Connect != nil:
		dst = append(dst, `,"connect":`...)
		dst = appendConnect(dst, r.Connect)
	case r.Refresh != nil:
		dst = append(dst, `,"refresh":`...)
		dst = appendConnect(dst, r.Refresh)
	case r.Subscribe != nil:
		dst = append(dst, `,"subscribe":`...)
		dst = appendSubscribe(dst, r.Subscribe)
	case r.History != nil:
		dst = append(dst, `,"history":{`...)
		dst = appendPublications(dst, r.History.Publications)
		dst = append(dst, ',')
		dst = appendPosition(dst, r.History.Top)
		dst = append(dst, '}')
	case r.RPC != nil:
		dst = append(dst, `,"rpc":{"data":`...)
		dst = append(dst, r.RPC.Data...)
		dst = append(dst, '}')
	case r.Unsubscribe:
		dst = append(dst, `,"unsubscribe":{}`...)
	case r.Ping:
		dst = append(dst, `,"ping":{}`...)
	}
	return append(dst, '}')
}

func appendError(dst []byte, e *Error) []byte {
	dst = append(dst, `,"error":{"code":`...)
	dst = strconv.AppendUint(dst, uint64(e.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = evenkeel.AppendJSONString(dst, e.Message)
	if e.Temporary {
		dst = append(dst, `,"temporary":true`...)
	}
	return append(dst, '}')
}

func appendConnect(dst []byte, c *ConnectResult) []byte {
	dst = append(dst, `{"client":`...)
	dst = evenkeel.AppendJSONString(dst, c.Client)
	dst = append(dst, `,"version":`...)
	dst = evenkeel.AppendJSONString(dst, c.Version)
	if c.Expires {
		dst = append(dst, `,"expires":true,"ttl":`...)
		dst = strconv.AppendUint(dst, uint64(c.TTL), 10)
	}
	if c.Ping > 0 {
		dst = append(dst, `,"ping":`...)
		dst = strconv.AppendUint(dst, uint64(c.Ping), 10)
	}
	if c.Pong {
		dst = append(dst, `,"pong":true`...)
	}
	if len(c.Data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, c.Data...)
	}
	for i := range c.Subs {
		sub := &c.Subs[i]
		if i == 0 {
			dst = append(dst, `,"subs":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = evenkeel.AppendJSONString(dst, sub.Channel)
		dst = append(dst, ':')
		dst = appendSubscribe(dst, &sub.SubscribeResult)
		if i == len(c.Subs)-1 {
			dst = append(dst, '}')
		}
	}
	return append(dst, '}')
}

func appendSubscribe(dst []byte, r *SubscribeResult) []byte {
	dst = append(dst, `{"recoverable":true,"positioned":true,`...)
	dst = appendPosition(dst, r.Position)
	if r.WasRecovering {
		dst = append(dst, `,"was_recovering":true`...)
	}
	if r.Recovered {
		dst = append(dst, `,"recovered":true`...)
	}
	if len(r.Publications) > 0 {
		dst = append(dst, ',')
		dst = appendPublications(dst, r.Publications)
	}
	return append(dst, '}')
}

func appendPosition(dst []byte, p evenkeel.Position) []byte {
	dst = append(dst, `"epoch":`...)
	dst = evenkeel.AppendJSONString(dst, p.Epoch)
	dst = append(dst, `,"offset":`...)
	return strconv.AppendUint(dst, p.Offset, 10)
}

func appendPublications(dst []byte, items []Item) []byte {
	dst = append(dst, `"publications":[`...)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendItem(dst, &items[i], "")
	}
	return append(dst, ']')
}

func appendItem(dst []byte, item *Item, epoch string) []byte {
	dst = append(dst, `{"data":`...)
	dst = append(dst, item.Data...)
	if item.Offset > 0 {
		dst = append(dst, `,"offset":`...)
		dst = strconv.AppendUint(dst, item.Offset, 10)
	}
	if epoch != "" {
		dst = append(dst, `,"epoch":`...)
		dst = evenkeel.AppendJSONString(dst, epoch)
	}
	return append(dst, '}')
}

func (jsonEncoding) AppendPush(dst []byte, p *Push) []byte {
	dst = append(dst, `{"push":{"channel":`...)
	dst = evenkeel.AppendJSONString(dst, p.Channel)
	switch {
	case p.Publication != nil:
		dst = append(dst, `,"pub":`...)
		dst = appendItem(dst, p.Publication, p.Epoch)
	case p.Subscribe != nil:
		dst = append(dst, `,"subscribe":`...)
		dst = appendSubscribe(dst, p.Subscribe)
	case p.Unsubscribe != nil:
		dst = append(dst, `,"unsubscribe":{"code":`...)
		dst = strconv.AppendUint(dst, uint64(p.Unsubscribe.Code), 10)
		dst = append(dst, `,"reason":`...)
		dst = evenkeel.AppendJSONString(dst, p.Unsubscribe.Reason)
		dst = append(dst, '}')
	}
	return append(dst, '}', '}')
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
