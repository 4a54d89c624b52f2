package transport

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// serverName is in every node's certificate: who a node is stands in its URI.
const serverName = "node.evenkeel"

// Certificates begin a day early, for machines whose clocks differ.
const (
	authorityLife = 100 * 365 * 24 * time.Hour // it lives as long as its cell
	slack         = 24 * time.Hour
)

// Authority issues the certificates of a cell's nodes. Its key is among the cell's
// secrets.
type Authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

// NewAuthority makes the authority of a new cell.
func NewAuthority(random io.Reader, cell string, now time.Time) (*Authority, error) {
	public, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("make the cell's authority: %w", err)
	}
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(random, authorityTemplate(serial, cell, now), authorityTemplate(serial, cell, now), public, key)
	if err != nil {
		return nil, fmt.Errorf("make the cell's authority: %w", err)
	}
	return ParseAuthority(der, key)
}

func authorityTemplate(serial *big.Int, cell string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Evenkeel " + cell},
		NotBefore: now.Add(-slack), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// ParseAuthority reads an authority from its certificate (DER) and its key.
func ParseAuthority(certificate, key []byte) (*Authority, error) {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("read the cell's authority: %w", err)
	}
	public, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PrivateKeySize || !public.Equal(ed25519.PrivateKey(key).Public()) {
		return nil, errors.New("read the cell's authority: the key is not that of the certificate")
	}
	return &Authority{cert: cert, key: key}, nil
}

// Certificate returns the authority's own certificate (DER).
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// Key returns the authority's own key, which is the cell's secret.
func (a *Authority) Key() []byte { return a.key }

// Fingerprint names an authority by the SHA-256 of its certificate (DER), in hex.
func Fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return hex.EncodeToString(sum[:])
}

// Issue certifies that a public key is that of a node, from now and for so long.
func (a *Authority) Issue(random io.Reader, cell string, node uint64, public crypto.PublicKey, now time.Time, life time.Duration) ([]byte, error) {
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(random, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: fmt.Sprintf("node %d of %s", node, cell)},
		NotBefore: now.Add(-slack), NotAfter: now.Add(life),
		DNSNames: []string{serverName}, URIs: []*url.URL{{Scheme: "evenkeel", Opaque: cell + "/" + strconv.FormatUint(node, 10)}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("certify node %d: %w", node, err)
	}
	return der, nil
}

func newSerial(random io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b), nil
}

// certified returns whose certificate the other side has shown.
func certified(chain []*x509.Certificate) (cell string, node uint64, err error) {
	if len(chain) == 0 {
		return "", 0, errors.New("no certificate was shown")
	}
	for _, u := range chain[0].URIs {
		if u.Scheme != "evenkeel" {
			continue
		}
		if at := strings.LastIndexByte(u.Opaque, '/'); at > 0 {
			if node, err = strconv.ParseUint(u.Opaque[at+1:], 10, 64); err == nil && node != 0 {
				return u.Opaque[:at], node, nil
			}
		}
	}
	return "", 0, errors.New("the certificate is not that of a node")
}
