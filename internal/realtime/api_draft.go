//evenkeel:shell

package realtime

import (
	"context"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
)

// SessionAPI is what NewSession(id ClientID, enc Encoding, settings *Settings, now
// time.Duration) *Session returns, until the code is here.
type SessionAPI interface {
	Step(in Input, now time.Duration) []Effect // valid until the next Step
	Next() (at time.Duration, ok bool)         // when to Step(Wake{})
	Take(dst []byte, max int) []byte           // a message of waiting frames; empty: none waits
	Pending() int                              // bytes that wait
}

// HubAPI is what *Hub[S] is (zero value ready; S is whatever names a session).
type HubAPI[S comparable] interface {
	Join(key string, s S)
	Leave(key string, s S)
	Route(e *evenkeel.Event, encodings ...any) (to []S, in Input)
}

// ServerAPI is what New(cfg Config) (*Server, error) returns.
type ServerAPI interface {
	ServeHTTP(w http.ResponseWriter, r *http.Request) // GET /connection/websocket
	Publish(events []evenkeel.Event)                  // in log order; does not block
	// Ephemeral sends JSON to a channel's subscribers, without an offset.
	Ephemeral(channel string, data []byte)
	Disconnect(id ClientID, code uint32, reason string)
	Present(id ClientID, present bool) // ping every 5 s or 25 s
	Stats() Stats
	Stop(ctx context.Context) error // 3001 to all, paced; waits
}

// Config is what a server is made of.
type Config struct {
	Backend        Backend
	Settings       Settings                   // DefaultSettings()
	AllowOrigin    func(r *http.Request) bool // judges the Origin header
	MaxConnections int                        // 0: 100,000
	MaxMessage     int                        // bytes of a client's message; 0: 64 KiB
	WriteTimeout   time.Duration              // for a client to take a message; 0: 10 s
}

// Stats are counts of a server.
type Stats struct {
	Connections int64
}
