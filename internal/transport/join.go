package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// joinTimeout bounds the answer to one who joins: it may take an election.
const joinTimeout = 15 * time.Second

// joinMessage is a request to join, or its answer.
type joinMessage struct {
	Body    []byte `json:"body,omitempty"`
	Refusal string `json:"refusal,omitempty"`
	Cause   string `json:"cause,omitempty"`
}

// ErrWrongCell says that an address is not of the cell that was meant.
var ErrWrongCell = errors.New("the cell that answers is not the one that the token is for")

// Door is where a process asks to join.
type Door struct {
	Address     string // of a node
	Fingerprint string // of the cell's authority
	Source      net.IP // as in Config
}

// Join asks a node of a cell to let this process join. The cell is known by the
// fingerprint of its authority: nothing is said to another. A refusal is a
// *RefusedError.
func Join(ctx context.Context, door Door, version string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	dialer := tls.Dialer{NetDialer: dialerFrom(door.Source), Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: serverName,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it, against the fingerprint
		VerifyConnection:   func(s tls.ConnectionState) error { return verifyByFingerprint(s.PeerCertificates, door.Fingerprint) },
	}}
	conn, err := dialer.DialContext(ctx, "tcp", door.Address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", door.Address, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // a closed connection tells at the next use
	if err := writeMessage(conn, Hello{Protocol: Protocol, Version: version, Purpose: forJoin}); err != nil {
		return nil, err
	}
	var hello Hello
	if err := readMessage(conn, &hello); err != nil {
		return nil, err
	}
	if hello.Refusal != "" {
		return nil, &RefusedError{hello.Refusal, hello.Cause}
	}
	if hello.Protocol != Protocol {
		return nil, fmt.Errorf("the cell runs version %s, this program is version %s: they do not understand each other; update the older one", hello.Version, version)
	}
	if err := writeMessage(conn, joinMessage{Body: request}); err != nil {
		return nil, err
	}
	var answer joinMessage
	if err := readMessage(conn, &answer); err != nil {
		return nil, err
	}
	if answer.Refusal != "" {
		return nil, &RefusedError{answer.Refusal, answer.Cause}
	}
	return answer.Body, nil
}

// verifyByFingerprint accepts a node whose certificate is of the authority with
// that fingerprint. Time is not looked at: the machine may not know it yet.
func verifyByFingerprint(chain []*x509.Certificate, fingerprint string) error {
	if len(chain) == 0 {
		return ErrWrongCell
	}
	at := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return Fingerprint(c.Raw) == fingerprint })
	if at < 0 {
		return ErrWrongCell
	}
	roots := x509.NewCertPool()
	roots.AddCert(chain[at])
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, DNSName: serverName, CurrentTime: chain[0].NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrongCell, err)
	}
	return nil
}

// dialerFrom dials from an address of this machine.
func dialerFrom(source net.IP) *net.Dialer {
	if source == nil {
		return &net.Dialer{}
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: source}}
}
