package client

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// realtimePath is where every node serves its WebSockets.
const realtimePath = "/connection/websocket"

// Endpoint is where a realtime connection can be opened.
type Endpoint struct {
	Node      string `json:"node"`
	Transport string `json:"transport"`
	URL       string `json:"url"`
}

// Decision is a cell's answer to where a client should connect.
type Decision struct {
	Node       string            `json:"node"`
	Endpoint   Endpoint          `json:"endpoint"`
	Fallbacks  []Endpoint        `json:"fallbacks"`
	Decide     []string          `json:"decide"` // the same question, to other nodes
	Expires    evenkeel.Time     `json:"expires"`
	RetryAfter evenkeel.Duration `json:"retry_after"`
}

// decide asks one address once.
func (c *Client) decide(ctx context.Context, base string) (*Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	var d Decision
	_, err := c.at(base).Do(ctx, Request{Method: http.MethodPost, Path: "/v1/connect", Body: map[string]string{"transport": "websocket"}}, &d)
	return &d, err
}

// at is the same client for another address, without patience.
func (c *Client) at(base string) *Client {
	return &Client{base: base, http: c.http, patience: -1, apiKey: c.apiKey, token: c.Token(), index: c.index}
}

// places are the addresses that a connection tries, one after the other.
type places struct {
	client *Client
	others []string // bases of other nodes, from the last decision
	turn   int      // which of them is next; 0: the client's own
	plain  bool     // the cell does not decide: its address is the endpoint
	listed []string // endpoints that are left of the last decision
}

// next returns the address of the next try.
func (p *places) next(ctx context.Context) (string, error) {
	if len(p.listed) > 0 {
		address := p.listed[0]
		p.listed = p.listed[1:]
		return address, nil
	}
	base := p.client.base
	if p.turn > 0 && p.turn <= len(p.others) {
		base = p.others[p.turn-1]
	}
	if p.plain {
		return webSocketOf(base), nil
	}
	d, err := p.client.decide(ctx, base)
	switch code := evenkeel.ErrorCode(err); {
	case err == nil:
		return p.decided(d, base), nil
	case code == evenkeel.CodeUnknownMethod, code == evenkeel.CodeNotFound:
		p.plain = true
		return webSocketOf(base), nil
	}
	p.failed()
	return "", err
}

// decided remembers what a decision says about other nodes.
func (p *places) decided(d *Decision, base string) string {
	p.others, p.turn = nil, 0
	for _, address := range d.Decide {
		if other, ok := strings.CutSuffix(address, "/v1/connect"); ok && other != p.client.base {
			p.others = append(p.others, other)
		}
	}
	for _, e := range d.Fallbacks {
		if e.Transport == "websocket" {
			p.listed = append(p.listed, e.URL)
		}
	}
	if d.Endpoint.Transport != "websocket" || d.Endpoint.URL == "" {
		return webSocketOf(base)
	}
	return d.Endpoint.URL
}

// failed moves on to the next address.
func (p *places) failed() {
	if len(p.listed) == 0 {
		p.turn = (p.turn + 1) % (len(p.others) + 1)
	}
}

// connected forgets the other endpoints of a decision: the next try asks anew.
func (p *places) connected() { p.listed, p.turn = nil, 0 }

// moved has the next try go where the server has sent the client.
func (p *places) moved(address string) { p.listed, p.turn = []string{address}, 0 }

// webSocketOf makes ws://host/connection/websocket of http://host.
func webSocketOf(base string) string { return "ws" + strings.TrimPrefix(base, "http") + realtimePath }

// renewToken replaces the token by a fresh one of the same caller.
func (c *Client) renewToken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	token := c.Token()
	var err error
	switch {
	case c.apiKey != "":
		return errors.New("an API key cannot be renewed")
	case strings.HasPrefix(token, "ekt_"):
		_, err = c.Refresh(ctx)
	case strings.HasPrefix(token, "ekv1_"):
		_, err = c.NewVisitor(ctx, "")
	default:
		return errors.New("this token cannot be renewed: set ConnConfig.Token")
	}
	return err
}
