package transport

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"
)

// Identity is how a node shows who it is: its certificate, which may be renewed
// while it is used. Make one with NewIdentity.
type Identity struct{ now *atomic.Pointer[shown] }

type shown struct {
	cert  tls.Certificate
	roots *x509.CertPool
	clock func() time.Time
}

// NewIdentity makes an identity of the node's certificate and that of the
// authority (DER), and the node's key. clock tells the time by which the
// certificates of others are judged.
func NewIdentity(certificate, authority []byte, key ed25519.PrivateKey, clock func() time.Time) (Identity, error) {
	i := Identity{new(atomic.Pointer[shown])}
	return i, i.Renew(certificate, authority, key, clock)
}

// Renew has connections that begin from now on use another certificate.
func (i Identity) Renew(certificate, authority []byte, key ed25519.PrivateKey, clock func() time.Time) error {
	leaf, err := x509.ParseCertificate(certificate)
	if err != nil {
		return fmt.Errorf("read the node's certificate: %w", err)
	}
	root, err := x509.ParseCertificate(authority)
	if err != nil {
		return fmt.Errorf("read the cell's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	i.now.Store(&shown{
		// The authority is shown, too: who joins knows it by its hash only.
		cert:  tls.Certificate{Certificate: [][]byte{certificate, authority}, PrivateKey: key, Leaf: leaf},
		roots: pool, clock: clock,
	})
	return nil
}

// Expires returns when the node's certificate ends.
func (i Identity) Expires() time.Time { return i.now.Load().cert.Leaf.NotAfter }

func (i Identity) client() *tls.Config {
	s := i.now.Load()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{s.cert}, RootCAs: s.roots, ServerName: serverName, Time: s.clock}
}

// Mutual is for connections of another protocol between nodes, for both of their
// sides: each shows its certificate, as it is then, and must be welcome.
func (i Identity) Mutual(welcome func(cell string, node uint64) error) *tls.Config {
	s := i.now.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: serverName, RootCAs: s.roots, ClientCAs: s.roots, Time: s.clock,
		ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &i.now.Load().cert, nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &i.now.Load().cert, nil },
		VerifyConnection: func(c tls.ConnectionState) error {
			cell, node, err := certified(c.PeerCertificates)
			if err != nil {
				return err
			}
			return welcome(cell, node)
		},
	}
}

// server asks for a certificate and verifies it, but lets those in who have none:
// what they may do is to ask to join.
func (i Identity) server() *tls.Config {
	s := i.now.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{s.cert}, ClientCAs: s.roots,
		ClientAuth: tls.VerifyClientCertIfGiven, Time: s.clock, SessionTicketsDisabled: true,
	}
}
