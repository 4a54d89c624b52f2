package realtime

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// enterRoom lets a user in, subscribes him and waits until he sees himself come.
func (s *site) enterRoom(channel string) *peer {
	p := s.connect("bob")
	p.send(fmt.Sprintf(`{"id":2,"subscribe":{"channel":%q,"join_leave":true}}`, channel))
	if f := p.next(); f.Subscribe == nil {
		s.t.Fatalf("not subscribed: %s", f.raw)
	}
	if f := p.next(); !strings.Contains(f.raw, `"join"`) {
		s.t.Fatalf("not told of himself: %s", f.raw)
	}
	return p
}

// TestManyPublishers: what many publish at once on a channel reaches everybody in
// one order, without a hole.
func TestManyPublishers(t *testing.T) {
	const publishers, each = 4, 20
	s := newSite(t, nil)
	reader := s.enterRoom("open:1")
	var sending sync.WaitGroup
	for range publishers {
		p := s.connect("bob")
		p.subscribe("open:1", evenkeel.Position{})
		sending.Go(func() {
			for i := range each {
				p.send(fmt.Sprintf(`{"id":%d,"publish":{"channel":"open:1","data":%d}}`, 10+i, i))
			}
		})
	}
	for next := uint64(1); next <= publishers*each; {
		f := reader.next()
		if f.Push == nil || f.Push.Pub == nil {
			continue // somebody came
		}
		if f.Push.Pub.Offset != next {
			t.Fatalf("offset %d instead of %d", f.Push.Pub.Offset, next)
		}
		next++
	}
	sending.Wait()
}

// TestRoomEmpties: who goes, however he goes, is not there any more, and nothing
// of him is left behind.
func TestRoomEmpties(t *testing.T) {
	s := newSite(t, nil)
	stays := s.enterRoom("open:1")
	told := func(what string) {
		for f := stays.next(); !strings.Contains(f.raw, what); f = stays.next() {
		}
	}
	goes := s.enterRoom("open:1")
	told(`"join"`)
	goes.close()
	told(`"leave"`)
	goes = s.enterRoom("open:1")
	told(`"join"`)
	goes.send(`{"id":3,"unsubscribe":{"channel":"open:1"}}`)
	told(`"leave"`)
	stays.send(`{"id":4,"presence_stats":{"channel":"open:1"}}`)
	told(`{"num_clients":1,"num_users":1}`)
	goes.close()
	stays.close()
	s.stop()
	for i := range s.server.shards {
		if n := len(s.server.shards[i].crowd.channels); n != 0 {
			t.Errorf("%d channels with nobody on them", n)
		}
	}
}

// TestNamespaceEnds: with a namespace its subscriptions end, and what was kept.
func TestNamespaceEnds(t *testing.T) {
	s := newSite(t, nil)
	p := s.enterRoom("open:1")
	s.server.Live("open:1", []byte("1"), nil, Keep{Size: 5, Bytes: 100, Age: 1 << 40})
	s.server.Live("open:2", []byte("1"), nil, Keep{Size: 5, Bytes: 100, Age: 1 << 40})
	s.server.Publish([]evenkeel.Event{{Kind: evenkeel.EventDropped, Channel: "open:"}})
	if f := p.next(); f.Push == nil || f.Push.Pub == nil || f.Push.Pub.Offset != 1 {
		t.Errorf("told %s", f.raw)
	}
	if f := p.next(); !strings.Contains(f.raw, `"unsubscribe":{"code":2000`) {
		t.Errorf("told %s", f.raw)
	}
	for i := range s.server.shards {
		if shelf := &s.server.shards[i].shelf; shelf.bytes != 0 || len(shelf.rings) != 0 {
			t.Errorf("%d bytes are kept", shelf.bytes)
		}
	}
}
