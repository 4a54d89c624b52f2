package bus

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// Outside is a NATS system of the operator's.
type Outside struct {
	Servers     []string // such as tls://nats-1.example:4222, with a user or a token in them if need be
	Credentials string   // a file of NATS credentials (a JWT and its seed); empty: none
	CA          string   // a file of certificates (PEM) that servers are trusted by; empty: the machine's
	Cert, Key   string   // files of a certificate for this client; empty: none
}

// Check tells what cannot be right, without asking a server.
func (o *Outside) Check() error {
	if len(o.Servers) == 0 {
		return errors.New("name a server, such as nats://nats.example:4222")
	}
	for _, s := range o.Servers {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" {
			return errors.New("servers are written nats://HOST:PORT, or tls://HOST:PORT, with commas between")
		}
	}
	if (o.Cert == "") != (o.Key == "") {
		return errors.New("a certificate and its key go together")
	}
	for _, file := range []string{o.Credentials, o.CA, o.Cert, o.Key} {
		if file == "" {
			continue
		}
		if f, err := os.Open(file); err != nil {
			return fmt.Errorf("a file cannot be read: %w", err)
		} else if err := f.Close(); err != nil {
			return fmt.Errorf("a file cannot be read: %w", err)
		}
	}
	return nil
}

func (o *Outside) open(_ []Peer, options []nats.Option) (*nats.Conn, error) {
	// A system that is down, or does not know this client yet, is asked again and again.
	options = append(options, nats.Name("evenkeel"), nats.RetryOnFailedConnect(true), nats.IgnoreAuthErrorAbort())
	if o.Credentials != "" {
		options = append(options, nats.UserCredentials(o.Credentials))
	}
	if o.CA != "" {
		options = append(options, nats.RootCAs(o.CA))
	}
	if o.Cert != "" {
		options = append(options, nats.ClientCert(o.Cert, o.Key))
	}
	conn, err := nats.Connect(strings.Join(o.Servers, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the outside NATS: %w", err)
	}
	return conn, nil
}

func (o *Outside) follow([]Peer) error { return nil }
func (o *Outside) routed() bool        { return true }
func (o *Outside) address() string     { return "" }
func (o *Outside) close()              {}
