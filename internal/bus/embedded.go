package bus

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// embedded is a NATS server inside this process. With the servers of the other nodes
// it keeps routes; its only client is this process. That one comes by a pipe, but a
// server of this make has no routes unless it listens for clients as well: it does on
// loopback, and lets in nobody who does not know a token that is told to nobody.
type embedded struct {
	cfg *Config
	log *slog.Logger

	server *server.Server
	tls    *tls.Config // this and the token are the same for as long as the server runs
	token  string
	peers  []Peer
	routes []string
	had    string // the address that it listened on last
	host   string // of it, as it was configured
}

// readyTime bounds the start of a server.
const readyTime = 5 * time.Second

func (e *embedded) open(peers []Peer, options []nats.Option) (*nats.Conn, error) {
	listen, err := e.free()
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	if _, err := io.ReadFull(e.cfg.Random, secret); err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	e.tls, e.token = e.cfg.TLS(), hex.EncodeToString(secret)
	e.peers, e.routes = slices.Clone(peers), routesTo(peers)
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("the address of the bus: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("the address of the bus: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	if e.server, err = server.NewServer(e.settings(host, port)); err != nil {
		return nil, fmt.Errorf("make the bus's server: %w", err)
	}
	e.server.SetLogger(serverLog{e.log}, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(readyTime) {
		return nil, fmt.Errorf("the bus's server does not start on %s", listen)
	}
	e.had, e.host = e.server.ClusterAddr().String(), host
	conn, err := nats.Connect("", append(options, nats.InProcessServer(e.server), nats.Token(e.token))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus's server: %w", err)
	}
	return conn, nil
}

// free returns the first address to listen on that no other program has.
func (e *embedded) free() (string, error) {
	candidates := e.cfg.Listen
	if e.had != "" && len(candidates) > 1 {
		candidates = append([]string{e.had}, candidates...) // others know it
	}
	var last error
	for _, address := range candidates {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("listen for the bus (--bus gives an address): %w", last)
}

func (e *embedded) settings(host string, port int) *server.Options {
	routes := make([]*url.URL, 0, len(e.routes))
	for _, address := range e.routes {
		routes = append(routes, &url.URL{Scheme: "nats", Host: address})
	}
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: e.token, AuthTimeout: 2,
		NoSigs: true, NoLog: true, NoSystemAccount: true,
		MaxPayload: 1 << 20, MaxPending: 16 << 20, WriteDeadline: 5 * time.Second,
		PingInterval: 5 * time.Second, MaxPingsOut: 2,
		Routes: routes,
		Cluster: server.ClusterOpts{
			Name: e.cfg.Cell + "." + e.cfg.Generation, Host: host, Port: port, NoAdvertise: true,
			TLSConfig: e.tls, TLSTimeout: 2, AuthTimeout: 3,
			PoolSize: -1, // one connection: little goes over it, and in order
			// The pings of a route tell a node that is cut off.
			PingInterval: 5 * time.Second, MaxPingsOut: 2, WriteDeadline: 5 * time.Second,
			Compression: server.CompressionOpts{Mode: server.CompressionOff},
		},
	}
}

// routesTo lists the addresses of servers, each once and in order.
func routesTo(peers []Peer) []string {
	var routes []string
	for _, p := range peers {
		if p.Address != "" {
			routes = append(routes, p.Address)
		}
	}
	slices.Sort(routes)
	return slices.Compact(routes)
}

// follow has the server keep routes to where the others are now. After one has left
// it begins anew: a route that the other had made would stay.
func (e *embedded) follow(peers []Peer) error {
	for _, p := range e.peers {
		if !slices.ContainsFunc(peers, func(q Peer) bool { return q.Node == p.Node }) {
			return errReopen
		}
	}
	e.peers = slices.Clone(peers)
	routes := routesTo(peers)
	if slices.Equal(routes, e.routes) {
		return nil
	}
	e.routes = routes
	if err := e.server.ReloadOptions(e.settings(e.host, e.server.ClusterAddr().Port)); err != nil {
		e.log.Debug("the bus's server does not take other routes; it begins anew", "error", err)
		return errReopen
	}
	return nil
}

func (e *embedded) routed() bool { return e.server.NumRemotes() > 0 }

func (e *embedded) address() string { return e.had }

func (e *embedded) close() {
	if e.server == nil {
		return
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.server = nil
}

// serverLog lets a server of NATS speak into the node's log. What it notices of
// connections that come and go is for whoever looks for a fault.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(string, ...any)           {}
func (l serverLog) Tracef(string, ...any)           {}
