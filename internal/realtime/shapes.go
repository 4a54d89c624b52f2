//evenkeel:pure

package realtime

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/evenkeel/evenkeel"
)

// The shapes of the server's frames. Names and numbers are those of the
// protocol's definition (client.proto of the Centrifuge protocol, version 2).

func (r *Reply) write(w *shape) {
	w.number("id", 1, uint64(r.ID))
	switch {
	case r.Error != nil:
		at := w.open("error", 2)
		r.Error.write(w)
		w.close(at)
	case r.Connect != nil:
		at := w.open("connect", 5)
		r.Connect.write(w)
		w.close(at)
	case r.Subscribe != nil:
		at := w.open("subscribe", 6)
		r.Subscribe.write(w)
		w.close(at)
	case r.Unsubscribe:
		w.close(w.open("unsubscribe", 7))
	case r.Publish:
		w.close(w.open("publish", 8))
	case r.Presence != nil:
		at := w.open("presence", 9)
		r.Presence.write(w)
		w.close(at)
	case r.Stats != nil:
		at := w.open("presence_stats", 10)
		w.number("num_clients", 1, uint64(r.Stats.Clients))
		w.number("num_users", 2, uint64(r.Stats.Users))
		w.close(at)
	case r.History != nil:
		at := w.open("history", 11)
		r.History.write(w)
		w.close(at)
	case r.Ping:
		w.close(w.open("ping", 12))
	case r.RPC != nil:
		at := w.open("rpc", 13)
		w.data("data", 1, r.RPC.Data)
		w.close(at)
	case r.Refresh != nil:
		at := w.open("refresh", 14)
		r.Refresh.write(w)
		w.close(at)
	case r.SubRefresh != nil:
		at := w.open("sub_refresh", 15)
		w.flag("expires", 1, r.SubRefresh.Expires)
		w.uint("ttl", 2, uint64(r.SubRefresh.TTL))
		w.close(at)
	}
}

func (e *Error) write(w *shape) {
	w.number("code", 1, uint64(e.Code))
	w.word("message", 2, e.Message)
	w.flag("temporary", 3, e.Temporary)
}

func (c *ConnectResult) write(w *shape) {
	c.RefreshResult.write(w)
	w.uint("ping", 7, uint64(c.Ping))
	w.flag("pong", 8, c.Pong)
	w.text("session", 9, c.Session)
	w.text("node", 10, c.Node)
	w.data("data", 5, c.Data)
	if len(c.Subs) > 0 {
		w.table("subs")
		for i := range c.Subs {
			at := w.entry(6, c.Subs[i].Channel)
			c.Subs[i].write(w)
			w.endEntry(at)
		}
		w.endTable()
	}
}

func (r *RefreshResult) write(w *shape) {
	w.word("client", 1, r.Client)
	w.word("version", 2, r.Version)
	w.flag("expires", 3, r.Expires)
	w.uint("ttl", 4, uint64(r.TTL))
}

func (r *SubscribeResult) write(w *shape) {
	w.flag("expires", 1, r.Expires)
	w.uint("ttl", 2, uint64(r.TTL))
	w.flag("recoverable", 3, r.Stream)
	w.flag("positioned", 10, r.Stream)
	position(w, 6, 9, r.Position)
	w.flag("was_recovering", 12, r.WasRecovering)
	w.flag("recovered", 8, r.Recovered)
	if len(r.Publications) > 0 {
		publications(w, 7, r.Publications)
	}
}

func (r *HistoryResult) write(w *shape) {
	publications(w, 1, r.Publications)
	position(w, 2, 3, r.Top)
}

func position(w *shape, epoch, offset protowire.Number, p evenkeel.Position) {
	w.word("epoch", epoch, p.Epoch)
	w.number("offset", offset, p.Offset)
}

func publications(w *shape, num protowire.Number, items []Item) {
	w.list("publications")
	for i := range items {
		at := w.element(num)
		items[i].write(w)
		w.close(at)
	}
	w.endList()
}

func (i *Item) write(w *shape) {
	w.data("data", 4, i.Data)
	if i.Info != nil {
		i.Info.write(w, "info", 5)
	}
	w.uint("offset", 6, i.Offset)
	w.text("epoch", 14, i.Epoch)
}

func (r *PresenceResult) write(w *shape) {
	if len(r.People) == 0 {
		return
	}
	w.table("presence")
	for _, p := range r.People {
		at := w.entry(1, p.Client)
		p.fields(w)
		w.endEntry(at)
	}
	w.endTable()
}

func (i *ClientInfo) write(w *shape, name string, num protowire.Number) {
	at := w.open(name, num)
	i.fields(w)
	w.close(at)
}

func (i *ClientInfo) fields(w *shape) {
	w.word("user", 1, i.User)
	w.word("client", 2, i.Client)
	w.data("conn_info", 3, i.Conn)
	w.data("chan_info", 4, i.Chan)
}

func (p *Push) write(w *shape) {
	w.text("channel", 2, p.Channel)
	switch {
	case p.Publication != nil:
		at := w.open("pub", 4)
		p.Publication.write(w)
		w.close(at)
	case p.Join != nil:
		at := w.open("join", 5)
		p.Join.write(w, "info", 1)
		w.close(at)
	case p.Leave != nil:
		at := w.open("leave", 6)
		p.Leave.write(w, "info", 1)
		w.close(at)
	case p.Unsubscribe != nil:
		at := w.open("unsubscribe", 7)
		p.Unsubscribe.write(w, 2, 3)
		w.close(at)
	case len(p.Message) > 0:
		at := w.open("message", 8)
		w.data("data", 1, p.Message)
		w.close(at)
	case p.Subscribe != nil:
		at := w.open("subscribe", 9)
		w.flag("recoverable", 1, true)
		position(w, 4, 5, *p.Subscribe)
		w.flag("positioned", 6, true)
		w.close(at)
	case p.Disconnect != nil:
		at := w.open("disconnect", 11)
		p.Disconnect.write(w, 1, 2)
		w.close(at)
	}
}

func (s *Status) write(w *shape, code, reason protowire.Number) {
	w.number("code", code, uint64(s.Code))
	w.word("reason", reason, s.Reason)
}
