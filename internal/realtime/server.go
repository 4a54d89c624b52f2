//evenkeel:shell

package realtime

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// Config is what a server is made of.
type Config struct {
	Backend  Backend
	Settings Settings // zero: DefaultSettings

	// AllowOrigin judges the Origin header of a request; nil allows none but
	// requests without one.
	AllowOrigin func(r *http.Request) bool

	// Node is this node's name in requests that carry commands of clients whose
	// transport goes one way only; any node may get them. Forward passes one on to
	// the Emulate of another node; not_found if there is none of this name. nil:
	// there is no other node.
	Node    string
	Forward func(ctx context.Context, node, session string, message []byte) *evenkeel.Error

	// Elsewhere tells a client that is sent away because of this node where to go:
	// JSON for a transport (websocket, http_stream, sse), empty if there is nowhere.
	// nil: there is no other node.
	Elsewhere func(transport string) []byte
	// Others are the servers of the other nodes; nil: there are none.
	Others Others

	MaxConnections int           // 0: 100,000
	MaxMessage     int64         // bytes of a client's message; 0: 64 KiB
	WriteTimeout   time.Duration // for a client to take a message; 0: 10 s
	ShutdownPace   int           // clients sent away a second when stopping; 0: 10,000
	MaxKept        int           // bytes kept of channels of namespaces; 0: 64 MiB
}

// Stats are counts of a server.
type Stats struct {
	Connections int64 // open now; of them:
	WebSocket   int64
	HTTPStream  int64
	SSE         int64

	Slow uint64 // clients cut because they read too slowly
}

// Server is the shell around sessions: sockets, goroutines and the clock.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	upgrade websocket.Upgrader
	start   time.Time
	seed    maphash.Seed
	shards  [shardCount]shard

	// ctx ends with the server and bounds what it waits for in the backend.
	ctx    context.Context
	cancel context.CancelFunc
	// running counts all goroutines of connections.
	running sync.WaitGroup
	buffers sync.Pool // of *bytes.Buffer

	mu       sync.Mutex
	lastID   ClientID
	conns    map[ClientID]*conn
	emulated map[string]*conn // those whose transport goes one way only, by session
	open     [kinds]int64
	stopping bool

	slow atomic.Uint64

	epoch  string // begins the epochs of what is kept here
	epochs atomic.Uint64
}

// shardCount spreads the channels over locks. It is well above the number of
// cores, so that two channels seldom meet.
const shardCount = 64

// shard is the hub for a part of the channels. Its lock is never held together
// with that of a connection.
type shard struct {
	mu    sync.Mutex
	hub   Hub[*conn]
	crowd Crowds
	shelf shelf
	// live is held while a publication is kept and handed out, so that those of a
	// channel are handed out in the order of their offsets. It is taken before mu.
	live sync.Mutex
}

// New makes a server. It has nothing to start: it lives by its requests and by
// what is published. Stop ends it.
func New(cfg Config) (*Server, error) {
	if cfg.Backend == nil {
		return nil, errors.New("realtime: the backend is missing")
	}
	if cfg.Settings == (Settings{}) {
		cfg.Settings = DefaultSettings()
	}
	if cfg.AllowOrigin == nil {
		cfg.AllowOrigin = func(r *http.Request) bool { return r.Header.Get("Origin") == "" }
	}
	cfg.MaxConnections = cmp.Or(cfg.MaxConnections, 100000)
	cfg.MaxMessage = cmp.Or(cfg.MaxMessage, 64<<10)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 10*time.Second)
	cfg.ShutdownPace = cmp.Or(cfg.ShutdownPace, 10000)
	cfg.MaxKept = cmp.Or(cfg.MaxKept, 64<<20)
	s := &Server{
		cfg: cfg, start: time.Now(), seed: maphash.MakeSeed(), conns: map[ClientID]*conn{}, emulated: map[string]*conn{},
		upgrade: websocket.Upgrader{
			ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: &sync.Pool{},
			Subprotocols: []string{protocolJSON, protocolProtobuf}, CheckOrigin: func(*http.Request) bool { return true }, // judged before
		},
	}
	s.mux = s.routes()
	s.epoch = rand.Text()[:8] + "-"
	for i := range s.shards {
		s.shards[i].shelf.budget = cfg.MaxKept / shardCount
	}
	s.buffers.New = func() any { return new(bytes.Buffer) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// now is the sessions' clock: it starts above 0 and is steady.
func (s *Server) now() time.Duration { return time.Since(s.start) + 1 }

func (s *Server) buffer() *bytes.Buffer { return s.buffers.Get().(*bytes.Buffer) }

func (s *Server) shard(key string) *shard {
	return &s.shards[maphash.String(s.seed, key)%shardCount]
}

// Publish hands events to the clients that they concern. It is to be called
// with all events in the order of the log, by one goroutine at a time. It does
// not block: clients take what is published at their own speed.
func (s *Server) Publish(events []evenkeel.Event) {
	for i := range events {
		e := &events[i]
		if e.Kind == evenkeel.EventDropped && strings.HasSuffix(e.Channel, ":") {
			s.dropNamespace(e.Channel)
		} else if key := KeyOf(e); key != "" {
			s.route(key, func(used []Encoding) Input { return InputOf(e, used...) })
		}
	}
}

// Ephemeral sends JSON to a channel's subscribers, without an offset: it is in
// no history, and who is not there, or slow, does not get it.
func (s *Server) Ephemeral(channel string, data []byte) {
	s.route(channel, func(used []Encoding) Input { return NewDelivery(channel, evenkeel.Position{}, data, used...) })
}

// Listened tells whether a client here is subscribed to a channel.
func (s *Server) Listened(channel string) bool {
	shard := s.shard(channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return len(shard.hub.Listeners(channel)) > 0
}

// route steps all sessions of a key with an input that is made for the
// encodings that they use. The shard's lock is released before that:
// who joins later reads the history after it joined, and has the event there.
func (s *Server) route(key string, input func(used []Encoding) Input) {
	var few [64]*conn
	shard := s.shard(key)
	shard.mu.Lock()
	to := append(few[:0], shard.hub.Listeners(key)...)
	shard.mu.Unlock()
	if len(to) == 0 {
		return
	}
	if in := input(encodingsOf(to)); in != nil {
		for _, c := range to {
			c.step(in, false)
		}
	}
}

// encodingsOf returns the encodings of connections, each once.
func encodingsOf(conns []*conn) []Encoding {
	var used [slots]Encoding
	n := 0
	for _, c := range conns {
		if !slices.Contains(used[:n], c.enc) {
			used[n] = c.enc
			if n++; n == slots {
				break
			}
		}
	}
	return used[:n]
}

// Disconnect sends a client away, with a code of the protocol. A client that is
// gone is no error.
func (s *Server) Disconnect(id ClientID, code uint32, reason string) {
	if c := s.conn(id); c != nil {
		c.step(Disconnect{Code: code, Reason: reason}, false)
	}
}

// Present changes how often a client is pinged: more often while the desk
// decides on its presence (an agent, a customer with a live chat).
func (s *Server) Present(id ClientID, present bool) {
	if c := s.conn(id); c != nil {
		c.step(Presence{Present: present}, false)
	}
}

func (s *Server) conn(id ClientID) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

// Stats returns the server's counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Connections: int64(len(s.conns)),
		WebSocket:   s.open[kindWebSocket], HTTPStream: s.open[kindHTTPStream], SSE: s.open[kindSSE],
		Slow: s.slow.Load(),
	}
}

// add makes room for a connection and counts its reading goroutine.
func (s *Server) add(c *conn) *evenkeel.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.closed(); err != nil {
		return err
	}
	s.lastID++
	c.session = NewSession(s.lastID, c.enc, &s.cfg.Settings, s.now())
	c.id = s.lastID
	s.conns[c.id] = c
	s.open[c.kind]++
	if c.kind != kindWebSocket {
		c.name = rand.Text()
		c.session.Emulate(c.name, s.cfg.Node)
		s.emulated[c.name] = c
	}
	s.running.Add(1)
	return nil
}

// closed tells why no connection is taken.
func (s *Server) closed() *evenkeel.Error {
	switch {
	case s.stopping:
		return &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "this node is stopping", RetryAfter: evenkeel.Second}
	case len(s.conns) >= s.cfg.MaxConnections:
		return &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "this node has as many connections as it may have", RetryAfter: 5 * evenkeel.Second}
	default:
		return nil
	}
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.id)
	delete(s.emulated, c.name)
	s.open[c.kind]--
	s.mu.Unlock()
	s.running.Done()
}

// Stop takes no further connections, sends all clients away (3001: they come
// back elsewhere), at a pace that their next node can stand, and waits until
// they are gone. When ctx ends it cuts those that are left. No event is to be
// published after Stop.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	ids := slices.Sorted(maps.Keys(s.conns))
	s.mu.Unlock()

	const part = 100 * time.Millisecond
	pause := time.NewTicker(part)
	defer pause.Stop()
	for batch := range slices.Chunk(ids, max(s.cfg.ShutdownPace/10, 1)) {
		for _, id := range batch {
			s.sendAway(id)
		}
		if batch[len(batch)-1] == ids[len(ids)-1] {
			break
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	gone := make(chan struct{})
	go func() {
		s.running.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		s.cut()
	}
	s.cancel()
	<-gone
	return err
}

// cut closes all sockets at once.
func (s *Server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.link.cut() // its reading goroutine sees to the rest
	}
}

// Restart has every client connect again, here or elsewhere.
func (s *Server) Restart() {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, id := range ids {
		s.sendAway(id)
	}
}

// Move sends all clients that are here now to other nodes, at a pace that those can
// stand, until ctx ends. Those who come meanwhile stay.
func (s *Server) Move(ctx context.Context, pace int) {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.conns))
	s.mu.Unlock()
	const part = 100 * time.Millisecond
	pause := time.NewTicker(part)
	defer pause.Stop()
	for batch := range slices.Chunk(ids, max(pace/10, 1)) {
		for _, id := range batch {
			s.sendAway(id)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// sendAway has a client connect again, where it is told.
func (s *Server) sendAway(id ClientID) {
	c := s.conn(id)
	if c == nil {
		return
	}
	var move []byte
	if s.cfg.Elsewhere != nil {
		move = s.cfg.Elsewhere(c.kind.String())
	}
	c.step(Disconnect{Code: CloseShutdown, Reason: "shutdown", Move: move}, false)
}
