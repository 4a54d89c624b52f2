package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
)

// serveMetrics answers GET /metrics for those who may ask: callers whose own
// address is in metrics_from. What came through a proxy is the proxy's word, so
// it is refused.
func (n *Node) serveMetrics(w http.ResponseWriter, r *http.Request) {
	proxied := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
	if proxied || !n.cfg.MetricsFrom.holds(r.RemoteAddr) {
		http.Error(w, "metrics are told to the networks of metrics_from only, and not through a proxy", http.StatusForbidden)
		return
	}
	n.metricsHandler.ServeHTTP(w, r)
}

// debugServer serves profiles of the program, and its metrics, on an address of
// this machine alone.
type debugServer struct {
	listener net.Listener
	server   *http.Server
}

// openDebug takes the address of debug-http; without one there is no server.
func openDebug(ctx context.Context, address string, metrics http.Handler) (*debugServer, error) {
	if address == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on the address of --debug-http: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", metrics)
	// A profile takes as long as it is asked to; whoever asks is on this machine.
	return &debugServer{listener: l, server: &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}}, nil
}

func (d *debugServer) serve(n *Node) {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		n.log.Error("the debug address is not served any more", "error", err)
	}
}

// close cuts what is being asked: nobody's chat depends on it.
func (d *debugServer) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.server.Close(), closeListener(d.listener))
}

func closeListener(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// DebugURL returns where profiles are; empty without --debug-http.
func (n *Node) DebugURL() string {
	if n.debug == nil {
		return ""
	}
	return "http://" + n.debug.listener.Addr().String() + "/debug/pprof/"
}
