package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/evenkeel/evenkeel/internal/node"
)

// stopWithin bounds a graceful stop.
const stopWithin = 4 * time.Second

// envAdminPassword names the variable with the password of a fresh cell's admin.
const envAdminPassword = "EVENKEEL_ADMIN_PASSWORD"

type serveVerb struct {
	options
}

func (v *serveVerb) Help() string {
	return "On the first start it forms a cell and prints a link that signs you in. Stop it with Ctrl-C; a second Ctrl-C does not wait."
}

func (v *serveVerb) Run(ctx *kong.Context, env *environment) error {
	loaded, err := v.load(ctx, env)
	if err != nil {
		return err
	}
	// Both signals have room: the first asks, the second insists.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return serve(loaded.Config, env, signals)
}

// serve runs a node until a signal comes or it cannot go on. One that must not act under
// its number any more is started again, and gets itself another.
func serve(cfg node.Config, env *environment, signals <-chan os.Signal) error {
	for {
		if err := serveOnce(cfg, env, signals); !errors.Is(err, node.ErrOutcast) {
			return err
		}
	}
}

func serveOnce(cfg node.Config, env *environment, signals <-chan os.Signal) error {
	log := newLogger(cfg, env.stderr)
	password, _ := env.env(envAdminPassword)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	type outcome struct {
		node *node.Node
		err  error
	}
	began := make(chan outcome, 1)
	go func() {
		n, err := node.Start(ctx, cfg, node.Host{Version: version().Version, Log: log, Random: rand.Reader, AdminPassword: password})
		began <- outcome{n, err}
	}()
	var running outcome
	interrupted := false
	select {
	case running = <-began:
	case <-signals: // before it was ready, or just then
		cancel()
		if running = <-began; running.err != nil {
			return errStopped
		}
		interrupted = true
	}
	if running.err != nil {
		return running.err
	}
	// The link of a new cell is told all the same: somebody saw it ready.
	if err := announce(running.node, cfg, env.stdout); err != nil || interrupted {
		return errors.Join(err, stop(running.node, env.stderr, signals))
	}
	select {
	case <-signals:
		return stop(running.node, env.stderr, signals)
	case <-running.node.Done():
		return errors.Join(running.node.Err(), stop(running.node, env.stderr, signals))
	}
}

// errStopped: a signal came before there was anything to stop.
var errStopped = errors.New("stopped before it was ready")

// stop ends the node gracefully, unless somebody insists.
func stop(n *node.Node, out io.Writer, signals <-chan os.Signal) error {
	fmt.Fprintln(out, "evenkeel: stopping; clients are asked to reconnect")
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- n.Stop(ctx) }()
	late := time.NewTimer(stopWithin + time.Second/2)
	defer late.Stop()
	select {
	case err := <-stopped:
		if err == nil {
			fmt.Fprintln(out, "evenkeel: stopped; all that was acknowledged is on the disk")
		}
		return err
	case <-signals:
		return errors.New("stopped at once; all that was acknowledged is on the disk")
	case <-late.C:
		return errors.New("stopped without waiting any longer; all that was acknowledged is on the disk")
	}
}

// announce says where to look, in a few lines.
func announce(n *node.Node, cfg node.Config, out io.Writer) error {
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		data = cfg.Data
	}
	text := fmt.Sprintf("Evenkeel %s is ready: %s\n", version().Version, n.URL())
	if first := n.FirstRun(); first != nil {
		text += "\n  The cell is new. Open this link to begin; it works once, for 15 minutes:\n"
		text += fmt.Sprintf("    %s/start#t=%s\n\n", n.URL(), first.StartToken)
		if first.Password != "" {
			text += fmt.Sprintf("  Or sign in as %s with the one-time password %s\n", first.Email, first.Password)
		} else {
			text += fmt.Sprintf("  Or sign in as %s with the password of %s\n", first.Email, envAdminPassword)
		}
	} else {
		text += fmt.Sprintf("  Sign in at %s/\n", n.URL())
	}
	text += fmt.Sprintf("  Data: %s\n  Stop: Ctrl-C\n", data)
	_, err = io.WriteString(out, text)
	return err
}

func newLogger(cfg node.Config, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // one of the four, by Config's own rule
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
