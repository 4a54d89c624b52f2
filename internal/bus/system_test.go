package bus

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// system is an operator's NATS system: two servers, clustered, as processes of their
// own. They speak TLS and let in who has credentials.
type system struct {
	*testing.T
	dir     string
	program string
	servers []*natsServer

	ca, credentials, stranger string // files
}

type natsServer struct {
	config, url string
	process     *exec.Cmd // nil: it does not run
}

// outsideKind carries the bus by an operator's system.
func outsideKind(t *testing.T) kind {
	s := newSystem(t)
	return kind{
		name: "outside",
		config: func(node uint64) Config {
			cfg := baseConfig(t, node)
			cfg.Outside = s.outside()
			return cfg
		},
		restart: func(_ *cell, between func()) {
			for i := range s.servers {
				s.kill(i)
			}
			between()
			for i := range s.servers {
				s.start(i)
			}
		},
	}
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{T: t, dir: t.TempDir()}
	s.program = filepath.Join(s.dir, "nats-server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	trust := s.trust()
	certificate, key := s.certify()
	var clients, routes []string
	for range 2 {
		clients, routes = append(clients, freeAddress(t)), append(routes, freeAddress(t))
	}
	for i, client := range clients {
		s.servers = append(s.servers, &natsServer{
			url: "tls://" + client,
			config: s.write(fmt.Sprintf("server-%d.conf", i), fmt.Appendf(nil, `
server_name: outside-%d
listen: %q
tls { cert_file: %q, key_file: %q, timeout: 5 }
cluster { name: outside, listen: %q, routes: ["nats://%s"] }
%s`, i, client, certificate, key, routes[i], routes[1-i], trust)),
		})
		s.start(i)
	}
	t.Cleanup(func() {
		for i := range s.servers {
			s.kill(i)
		}
	})
	return s
}

func (s *system) outside() *Outside {
	return &Outside{Servers: []string{s.servers[0].url, s.servers[1].url}, Credentials: s.credentials, CA: s.ca}
}

func (s *system) write(name string, content []byte) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// start runs a server and waits until it takes connections.
func (s *system) start(i int) {
	s.Helper()
	n := s.servers[i]
	n.process = exec.Command(s.program, "-c", n.config)
	var said bytes.Buffer
	n.process.Stderr = &said
	if err := n.process.Start(); err != nil {
		s.Fatal(err)
	}
	eventually(s.T, "a server of NATS to start", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "tls://"))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

func (s *system) kill(i int) {
	s.Helper()
	n := s.servers[i]
	if n.process == nil {
		return
	}
	if err := n.process.Process.Kill(); err != nil {
		s.Error(err)
	}
	_ = n.process.Wait() // says that it was killed
	n.process = nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// certify makes the servers' certificate, of an authority of its own.
func (s *system) certify() (certificate, key string) {
	s.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an operator"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, authorityKey.Public(), authorityKey)
	if err != nil {
		s.Fatal(err)
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a server"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, serverKey.Public(), authorityKey)
	if err != nil {
		s.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		s.Fatal(err)
	}
	s.ca = s.write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))
	return s.write("server.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		s.write("server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// trust makes an account with a user, and one of a stranger whom the system does not
// know. It returns what the servers' configuration says of them.
func (s *system) trust() string {
	s.Helper()
	operator, operatorJWT := s.operator()
	account, accountJWT := s.account(operator)
	s.credentials = s.user("user.creds", account)
	other, _ := s.operator()
	unknown, _ := s.account(other)
	s.stranger = s.user("stranger.creds", unknown)
	return fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }\n", operatorJWT, s.public(account), accountJWT)
}

func (s *system) public(pair nkeys.KeyPair) string {
	s.Helper()
	public, err := pair.PublicKey()
	if err != nil {
		s.Fatal(err)
	}
	return public
}

func (s *system) operator() (nkeys.KeyPair, string) {
	s.Helper()
	pair, err := nkeys.CreateOperator()
	if err != nil {
		s.Fatal(err)
	}
	token, err := jwt.NewOperatorClaims(s.public(pair)).Encode(pair)
	if err != nil {
		s.Fatal(err)
	}
	return pair, token
}

func (s *system) account(operator nkeys.KeyPair) (nkeys.KeyPair, string) {
	s.Helper()
	pair, err := nkeys.CreateAccount()
	if err != nil {
		s.Fatal(err)
	}
	token, err := jwt.NewAccountClaims(s.public(pair)).Encode(operator)
	if err != nil {
		s.Fatal(err)
	}
	return pair, token
}

// user writes the credentials of a user of an account.
func (s *system) user(name string, account nkeys.KeyPair) string {
	s.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		s.Fatal(err)
	}
	token, err := jwt.NewUserClaims(s.public(pair)).Encode(account)
	if err != nil {
		s.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		s.Fatal(err)
	}
	file, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		s.Fatal(err)
	}
	return s.write(name, file)
}
