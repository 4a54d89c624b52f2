package client

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
)

// maxCalls is how many calls a server takes from one connection without having
// answered them.
const maxCalls = 64

// call is an RPC that is not answered yet.
type call struct {
	body     string
	answered chan struct{}
	result   json.RawMessage
	err      error
}

func (k *call) answer(result json.RawMessage, err error) {
	select {
	case <-k.answered:
	default:
		k.result, k.err = result, err
		close(k.answered)
	}
}

// Call runs an RPC method and waits for its answer, across reconnections and
// temporary errors, until ctx ends. Methods that change something take an "id"
// (NewID): with it a repetition does nothing twice. Calls that are made one
// after the other are carried out in that order.
//
// An error of ctx leaves open whether the call was carried out: ask again with
// the same id.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	body, err := encode("rpc", rpcCommand{Method: method, Data: raw})
	if err != nil {
		return err
	}
	pauses := newBackoff(50*time.Millisecond, 2*time.Second)
	for {
		answer, err := c.callOnce(ctx, body)
		if err == nil {
			return c.understand(answer, result)
		}
		var refusal *evenkeel.Error
		if !errors.As(err, &refusal) || !refusal.Code.Info().Temporary {
			return err
		}
		if _, wait := retry(err, &pauses); !pause(ctx, wait) {
			return err
		}
	}
}

// callOnce waits for one answer, whichever socket brings it.
func (c *Conn) callOnce(ctx context.Context, body string) (json.RawMessage, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, c.Err()
	}
	k := &call{body: body, answered: make(chan struct{})}
	c.mu.Lock()
	if c.timers == nil {
		err := c.err
		c.mu.Unlock()
		return nil, err
	}
	c.calls = append(c.calls, k)
	if c.link != nil {
		c.send(k)
	}
	c.mu.Unlock()
	patience := time.NewTimer(c.cfg.CallTimeout)
	defer patience.Stop()
	for {
		select {
		case <-k.answered:
			return k.result, k.err
		case <-ctx.Done():
			c.forget(k)
			return nil, ctx.Err()
		case <-patience.C:
			c.suspect()
			patience.Reset(c.cfg.CallTimeout)
		}
	}
}

// send sends a call on the link in use. Called under the lock.
func (c *Conn) send(k *call) {
	c.link.ask(k.body, func(f *frame) {
		c.remove(k)
		switch {
		case f.Error != nil:
			k.answer(nil, f.Error.err())
		case f.RPC != nil:
			k.answer(f.RPC.Data, nil)
		default:
			k.answer(nil, nil)
		}
	})
}

// suspect gives up a socket on which a call was not answered in time.
func (c *Conn) suspect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.drop()
	}
}

func (c *Conn) forget(k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
}

func (c *Conn) remove(k *call) {
	if i := slices.Index(c.calls, k); i >= 0 {
		c.calls = slices.Delete(c.calls, i, i+1)
	}
}

// understand reads an answer, and the index in it.
func (c *Conn) understand(answer json.RawMessage, result any) error {
	var at struct {
		Index uint64 `json:"index"`
	}
	if len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, &at); err == nil {
		c.client.saw(at.Index) // an answer without one has none to remember
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}

// Subscribe subscribes to a channel and waits for the server's word. It goes on
// from since: the zero Position is the channel's first event, nil its present.
// Over reconnections the subscription goes on by itself.
func (c *Conn) Subscribe(ctx context.Context, channel string, since *evenkeel.Position) error {
	s := c.follow(channel, since)
	select {
	case <-s.settled:
		return s.failed
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.Err()
	}
}

// follow begins a subscription, if there is none.
func (c *Conn) follow(channel string, since *evenkeel.Position) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.subs[channel]; s != nil {
		return s
	}
	s := &subscription{channel: channel, settled: make(chan struct{})}
	if since != nil {
		s.pos, s.known = *since, true
	}
	c.subs[channel] = s
	if c.link != nil {
		c.join(s)
	}
	return s
}

// Unsubscribe ends a subscription. Events that came before may still be there.
func (c *Conn) Unsubscribe(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[channel] == nil {
		return
	}
	delete(c.subs, channel)
	if body, err := encode("unsubscribe", channelCommand{Channel: channel}); err == nil && c.link != nil {
		c.link.ask(body, func(*frame) {}) // there is nothing that could be refused
	}
}

// Next waits for the next event. After the connection's end it hands on what is
// left and then the reason of the end.
func (c *Conn) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok := c.poll(); ok {
			return e, nil
		}
		select {
		case <-c.inbox.ready:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		case <-c.done:
			if e, ok := c.poll(); ok {
				return e, nil
			}
			return Event{}, c.Err()
		}
	}
}

// poll takes an event if there is one. When half of the queue is free again
// channels that were left behind are read on.
func (c *Conn) poll() (Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.inbox.pop()
	if c.inbox.len() <= c.inbox.most/2 {
		for _, s := range c.subs {
			c.catchUp(s)
		}
	}
	return e, ok
}

// refreshSoon renews the token beside everything else, if the link it is for is
// still in use. Called under the lock.
func (c *Conn) refreshSoon(l *link) {
	if c.link != l {
		return
	}
	c.tasks.Go(func() {
		err := c.renew(c.ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.link != l {
			return
		}
		body, encoding := encode("refresh", tokenCommand{Token: c.client.credential()})
		if err != nil || encoding != nil {
			c.later(pingGrace/2, func() { c.refreshSoon(l) })
			return
		}
		l.ask(body, func(f *frame) {
			switch {
			case f.Fresh != nil && f.Fresh.Expires && f.Fresh.TTL > 0:
				c.later(time.Duration(f.Fresh.TTL)*time.Second*9/10, func() { c.refreshSoon(l) })
			case f.Error != nil:
				c.later(pingGrace/2, func() { c.refreshSoon(l) })
			}
		})
	})
}

// renew gets a fresh token.
func (c *Conn) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	if c.cfg.Token != nil {
		token, err := c.cfg.Token(ctx)
		if err == nil {
			c.client.setToken(token)
		}
		return err
	}
	return c.client.renewToken(ctx)
}
