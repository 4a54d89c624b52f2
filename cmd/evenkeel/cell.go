package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
	"github.com/evenkeel/evenkeel/internal/node"
)

// cellOptions are the flags of the verbs that talk to a cell. Beside a running
// node none is needed: it has left its address and a key in its data directory.
type cellOptions struct {
	URL    string `name:"url" placeholder:"URL" env:"EVENKEEL_URL" help:"Address of the cell, such as https://chat.example; empty: the node whose data is in --data."`
	APIKey string `name:"api-key" placeholder:"KEY" env:"EVENKEEL_API_KEY" help:"API key; empty: the own key of the node whose data is in --data."`
	Data   string `name:"data" default:"./evenkeel-data" placeholder:"DIR" env:"EVENKEEL_DATA" help:"Data directory of a node that runs on this machine."`
	JSON   bool   `name:"json" help:"Print JSON, for programs."`
}

// cellPatience is how long a call is tried again: a restart is a pause, not an
// error.
const cellPatience = 5 * time.Second

// connect makes a client of the cell that the options mean. Nothing is sent yet.
func (o *cellOptions) connect() (*client.Client, error) {
	cfg := client.Config{URL: o.URL, APIKey: o.APIKey, Patience: cellPatience}
	if o.URL != "" && o.APIKey == "" {
		return nil, usageError("--url needs an --api-key: the key in --data is sent to that node only")
	}
	for _, part := range []struct {
		into *string
		file string
	}{{&cfg.URL, node.LocalURLFile}, {&cfg.APIKey, node.LocalKeyFile}} {
		if *part.into != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(o.Data, part.file))
		if err != nil {
			return nil, o.noLocal(err)
		}
		*part.into = strings.TrimSpace(string(text))
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return c, nil
}

// noLocal says why the node's files cannot be read, and what to do.
func (o *cellOptions) noLocal(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no node runs with its data in %s on this machine: start one, name its directory with --data, or reach a cell elsewhere with --url and --api-key", o.Data)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the key of the node in %s is for the user that runs it: be that user, or use --url and --api-key (%w)", o.Data, err)
	}
	return fmt.Errorf("find the node's own key: %w", err)
}

// talk runs a verb against the cell, until it is done or somebody stops it.
func (o *cellOptions) talk(do func(ctx context.Context, c *client.Client) error) error {
	c, err := o.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.advise(c, do(ctx, c))
}

// advise adds to an error what to do about it, where that is known.
func (o *cellOptions) advise(c *client.Client, err error) error {
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("stopped")
	case errors.As(err, &network):
		return fmt.Errorf("no answer from %s: is the node running, and is this its address? (%w)", c.URL(), err)
	case evenkeel.ErrorCode(err) == evenkeel.CodeUnauthenticated && o.APIKey == "":
		return fmt.Errorf("%w: the key in %s is not of the node at %s; was it started anew?", err, o.Data, c.URL())
	case evenkeel.ErrorCode(err) == evenkeel.CodeUnauthenticated:
		return fmt.Errorf("%w: check --api-key (EVENKEEL_API_KEY)", err)
	case evenkeel.ErrorCode(err) == evenkeel.CodeForbidden && o.APIKey != "":
		return fmt.Errorf("%w: do it beside the node, where its own key is found in --data", err)
	}
	return err
}

// printJSON writes one document, for programs.
func printJSON(env *environment, v any) error { return json.NewEncoder(env.stdout).Encode(v) }

// plain makes text of people safe to show in a terminal: whoever writes into a
// chat must not be able to move the reader's cursor.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
}

// oneLine is plain text of one line, cut after so many characters.
func oneLine(text string, most int) string {
	runes := []rune(plain(strings.Join(strings.Fields(text), " ")))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}
