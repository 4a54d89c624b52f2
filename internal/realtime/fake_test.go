package realtime

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel"
)

// fakeDesk is as much of a replica as sessions see of one.
type fakeDesk struct {
	channels map[string]*fakeChannel
	denied   map[string]evenkeel.Code
	epochs   int
	// unrouted are events that readers can see already.
	unrouted []evenkeel.Event
	// hidden is how many of a channel's publications readers do not see yet: a
	// replica that is behind.
	hidden map[string]int
}

type fakeChannel struct {
	epoch string
	first uint64
	next  uint64
}

func newFakeDesk() *fakeDesk {
	return &fakeDesk{channels: map[string]*fakeChannel{}, denied: map[string]evenkeel.Code{}, hidden: map[string]int{}}
}

func fakePub(offset uint64) *evenkeel.Publication {
	return &evenkeel.Publication{Type: evenkeel.PubSeen, Side: evenkeel.SideAgent, Number: offset}
}

func (d *fakeDesk) publish(channel string) {
	ch := d.channels[channel]
	if ch == nil {
		d.epochs++
		ch = &fakeChannel{epoch: fmt.Sprintf("e%d", d.epochs), first: 1, next: 1}
		d.channels[channel] = ch
	}
	d.unrouted = append(d.unrouted, evenkeel.Event{
		Kind: evenkeel.EventPublication, Channel: channel, Pub: fakePub(ch.next),
		Position: evenkeel.Position{Epoch: ch.epoch, Offset: ch.next},
	})
	ch.next++
}

func (d *fakeDesk) drop(channel string) {
	delete(d.channels, channel)
	d.unrouted = append(d.unrouted, evenkeel.Event{Kind: evenkeel.EventDropped, Channel: channel})
}

func (d *fakeDesk) revoke(channel string, p evenkeel.Principal) {
	d.unrouted = append(d.unrouted, evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: channel, Principal: p})
}

// evict leaves the newest n publications of a channel.
func (d *fakeDesk) evict(channel string, n uint64) {
	ch := d.channels[channel]
	ch.first = max(ch.first, ch.next-min(n, ch.next-1))
}

func (d *fakeDesk) read(q ReadRequest) (Page, *evenkeel.Error) {
	if code, ok := d.denied[q.Channel]; ok {
		return Page{}, evenkeel.Errorf(code, "no")
	}
	ch := d.channels[q.Channel]
	gone := evenkeel.Errorf(evenkeel.CodeUnrecoverablePosition, "gone")
	if ch == nil {
		if q.Since != (evenkeel.Position{}) {
			return Page{}, gone
		}
		return Page{}, nil
	}
	page := Page{Top: evenkeel.Position{Epoch: ch.epoch, Offset: ch.next - 1 - uint64(d.hidden[q.Channel])}, First: ch.first}
	if q.Since != (evenkeel.Position{}) && q.Since.Epoch != ch.epoch || q.Since.Offset+1 < ch.first {
		return page, gone
	}
	bytes := 0
	for o := q.Since.Offset + 1; o <= page.Top.Offset && len(page.Items) < q.Limit && bytes < q.Bytes; o++ {
		pub := fakePub(o)
		bytes += len(dataOf(pub))
		page.Items = append(page.Items, evenkeel.HistoryItem{Offset: o, Pub: pub})
	}
	return page, nil
}

// People who may come.
var (
	ann = Client{ //state: test data
		Principal: evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalAgent, ID: "ann"},
		Role:      evenkeel.RoleAgent, Login: "login1", Channels: []string{"agent:ann"}, Present: true, User: "agent:ann",
	}
	bob = Client{ //state: test data
		Principal: evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalUser, ID: "bob"}, User: "bob", Info: []byte("{\n\"n\":1}"),
	}
	visitor = Client{ //state: test data
		Principal: evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalVisitor, ID: "v1"}, Role: evenkeel.RoleCustomer,
	}
)

func fakeAuthenticate(q ConnectRequest) (Client, *evenkeel.Error) {
	switch q.Token {
	case "ann":
		return ann, nil
	case "visitor":
		return visitor, nil
	case "short", "short2":
		c := visitor
		c.TTL, c.Login = time.Minute, q.Token
		return c, nil
	case "told":
		c := visitor
		c.Data = []byte("{\n\"hello\": 1}")
		return c, nil
	case "two":
		c := ann
		c.Channels = []string{"agent:ann", "user:ann"}
		return c, nil
	case "bob", "bob again":
		c := bob
		c.Grants = []Grant{{"user:bob", evenkeel.Terms{Kept: true}}}
		if q.Token == "bob again" {
			c.TTL = time.Hour
		}
		return c, nil
	case "granted":
		c := bob
		c.TTL = time.Minute
		c.Grants = []Grant{
			{"user:bob", evenkeel.Terms{Kept: true, Recover: true}},
			{"quotes:rub", evenkeel.Terms{Kept: true, Last: true, Shown: true, Joins: true, Presence: true, Info: []byte(`{"seat":1}`)}},
		}
		return c, nil
	case "expired":
		return Client{}, evenkeel.Errorf(evenkeel.CodeTokenExpired, "it was yesterday's")
	case "down":
		return Client{}, evenkeel.Errorf(evenkeel.CodeNoLeader, "")
	default:
		return Client{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "who are you?")
	}
}
