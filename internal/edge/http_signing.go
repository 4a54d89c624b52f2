//evenkeel:shell

package edge

import (
	"fmt"
	"net/http"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

func (e *Edge) signingRoutes() []route {
	who := asking(evenkeel.KindSigningPut)
	rows := []route{}
	for _, r := range []struct {
		use  evenkeel.SigningUse
		whom string
	}{{evenkeel.SigningCustomers, "customers' signed identities"}, {evenkeel.SigningUsers, "push users' tokens"}} {
		path := "/v1/workspaces/{id}/" + r.use.String()
		rows = append(rows,
			route{http.MethodGet, path, who, e.getSigning(r.use), "How " + r.whom + " are checked, without the secret", gives[signingReply]().of(evenkeel.KindSigningPut).partly(r.use.String())},
			route{http.MethodPut, path, who, e.putSigning(r.use), "Say how " + r.whom + " are checked", puts[signingBody, signingReply](signingBody{}).of(evenkeel.KindSigningPut).partly(r.use.String())})
	}
	return rows
}

type signingBody struct {
	Secret   *string `json:"hmac_secret"` // absent: the one that is there stays; empty: none
	JWKSURL  string  `json:"jwks_url"`
	Issuer   string  `json:"issuer"`
	Audience string  `json:"audience"`
}

type signingReply struct {
	HasSecret   bool   `json:"has_secret"`
	Fingerprint string `json:"secret_fingerprint,omitempty"`
	JWKSURL     string `json:"jwks_url"`
	Issuer      string `json:"issuer"`
	Audience    string `json:"audience"`
}

// ownWorkspace refuses another workspace than the caller's, except to operators.
func (q *request) ownWorkspace(r Reader) error {
	_, err := q.workspace(r)
	return err
}

func (q *request) signing(r Reader, use evenkeel.SigningUse) (any, error) {
	if err := q.ownWorkspace(r); err != nil {
		return nil, err
	}
	s, _ := r.Signing(q.PathValue("id"), use)
	reply := &signingReply{HasSecret: len(s.Secret) > 0, JWKSURL: s.JWKSURL, Issuer: s.Issuer, Audience: s.Audience}
	if reply.HasSecret {
		secret, err := q.edge.cfg.Open(signingPurpose(q.PathValue("id"), use), s.Secret)
		if err != nil {
			return nil, fmt.Errorf("open the secret of %s: %w", use, err)
		}
		reply.Fingerprint = auth.SecretFingerprint(secret)
	}
	return reply, nil
}

func (e *Edge) getSigning(use evenkeel.SigningUse) handler {
	return func(q *request) (*answer, *evenkeel.Error) {
		return q.view(func(r Reader) (any, error) { return q.signing(r, use) })
	}
}

func (e *Edge) putSigning(use evenkeel.SigningUse) handler {
	s := shapeFor[signingBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b signingBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := b.check(); err != nil {
			return nil, err
		}
		id := q.PathValue("id")
		if _, err := q.view(func(r Reader) (any, error) { return nil, q.ownWorkspace(r) }); err != nil {
			return nil, err
		}
		put := &evenkeel.SigningPut{
			Workspace: id, Use: use, Keep: b.Secret == nil,
			Signing: evenkeel.Signing{JWKSURL: b.JWKSURL, Issuer: b.Issuer, Audience: b.Audience},
		}
		if b.Secret != nil && *b.Secret != "" {
			sealed, err := e.cfg.Seal(signingPurpose(id, use), []byte(*b.Secret))
			if err != nil {
				e.cfg.Log.Error("cannot seal a workspace's secret", "error", err)
				return nil, evenkeel.Errorf(evenkeel.CodeInternal, "the secret cannot be sealed")
			}
			put.Signing.Secret = sealed
		}
		return q.put(put, func(r Reader) (any, error) { return q.signing(r, use) })
	}
}

func (b *signingBody) check() *evenkeel.Error {
	if b.Secret != nil && *b.Secret != "" && (len(*b.Secret) < auth.MinSecretBytes || len(*b.Secret) > maxSecretBytes) {
		return badField("hmac_secret", "must have %d to %d bytes: a key of HS256 is no shorter (RFC 7518, 3.2)", auth.MinSecretBytes, maxSecretBytes)
	}
	if b.JWKSURL != "" {
		if err := auth.CheckKeysURL(b.JWKSURL); err != nil {
			return err
		}
	}
	return firstError(tooLong("issuer", b.Issuer, maxNameRunes), tooLong("audience", b.Audience, maxNameRunes))
}

// maxSecretBytes bounds a secret that an operator chose himself.
const maxSecretBytes = auth.MaxSecretBytes
