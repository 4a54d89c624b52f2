package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/web"
)

// Times and sizes of the HTTP server. A connection that became a WebSocket is
// the realtime server's, which has its own.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	answerTimeout  = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// listen takes the address. Whoever connects before the node serves waits in
// the kernel's queue, so a restart is a pause and not an error.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case addressInUse(err):
		return nil, fmt.Errorf("listen on %s: another program has this port; stop it, or choose another with --http, such as --http :8081", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("listen on %s: this user may not take the port; choose one from 1024 on with --http (%w)", address, err)
	}
	return nil, fmt.Errorf("listen on the address of --http: %w", err)
}

func addressInUse(err error) bool {
	const windowsAddressInUse = syscall.Errno(10048) // WSAEADDRINUSE
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsAddressInUse)
}

// handler joins what answers HTTP: the realtime protocol, the pages, the API.
func (n *Node) handler() http.Handler {
	mux := http.NewServeMux()
	live := n.edge.GuardOrigin(n.realtime)
	mux.Handle("/connection/", live)
	// A session's requests are bounded, but one that names no session costs its
	// sender nothing but the asking.
	mux.Handle("/emulation", n.edge.GuardOrigin(n.edge.LimitAddress(n.realtime)))
	mux.HandleFunc("GET /metrics", n.serveMetrics)
	mux.Handle("/", web.Handler(n.edge.Handler()))
	proxies, err := edge.ParseProxies(string(n.cfg.TrustedProxies))
	if err != nil {
		n.log.Error("trusted_proxies cannot be read, so no proxy is believed", "error", err) // the configuration was checked
	}
	return proxies.Handler(mux)
}

func (n *Node) serve() {
	door := newDoorman(openFiles(), func() int64 { return n.realtime.Stats().Connections })
	n.server = &http.Server{
		Handler: n.handler(), ReadHeaderTimeout: headerTimeout / max(1, n.host.hurry),
		ReadTimeout: requestTimeout / max(1, n.host.hurry), WriteTimeout: answerTimeout / max(1, n.host.hurry),
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ConnState: door.watch,
		ErrorLog: slog.NewLogLogger(n.log.With("part", "http").Handler(), slog.LevelDebug),
	}
	if n.debug != nil {
		n.tasks.Go(func() { n.debug.serve(n) })
	}
	n.tasks.Go(func() {
		if err := n.server.Serve(n.listener); !errors.Is(err, http.ErrServerClosed) {
			n.end(fmt.Errorf("serve HTTP: %w", err))
		}
	})
}

// stopServing lets requests finish; those that do not by the end of ctx are cut.
func (n *Node) stopServing(ctx context.Context) error {
	if err := n.server.Shutdown(ctx); err != nil {
		return n.server.Close()
	}
	return nil
}

// Addr returns the address that the node listens on.
func (n *Node) Addr() net.Addr { return n.listener.Addr() }

// URL returns where a browser on this machine finds the node.
func (n *Node) URL() string {
	host := "localhost"
	addr, ok := n.Addr().(*net.TCPAddr)
	if !ok {
		return "http://" + n.Addr().String()
	}
	if !addr.IP.IsUnspecified() && !addr.IP.IsLoopback() {
		host = addr.IP.String()
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}
