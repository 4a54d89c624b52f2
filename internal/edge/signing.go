//evenkeel:shell

package edge

import (
	"sync"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// keySources are the key sets that workspaces name: fetched ones are kept for
// as long as the address is the same.
type keySources struct {
	mu  sync.Mutex
	all map[string]keySource // by workspace and use
}

type keySource struct {
	url    string
	source *auth.KeySource
}

// signingPurpose is what a workspace's secret is sealed for.
func signingPurpose(workspace string, use evenkeel.SigningUse) string {
	return "signing " + use.String() + " " + workspace
}

// jwtCheck is what the signed tokens of a workspace must fulfil, with the cell's
// wall clock by which they are judged.
func (e *Edge) jwtCheck(workspace string, use evenkeel.SigningUse) (check auth.JWTCheck, now evenkeel.Time, refusal *evenkeel.Error) {
	var s evenkeel.Signing
	trusts := false
	e.cfg.Cell.View(func(r Reader) { s, trusts = r.Signing(workspace, use) })
	now = e.cfg.Cell.Wall()
	if !trusts {
		return check, now, evenkeel.Errorf(evenkeel.CodeUnauthenticated,
			"the workspace trusts no signed tokens yet: an admin says which with PUT /v1/workspaces/%s/%s", workspace, use)
	}
	check = auth.JWTCheck{Issuer: s.Issuer, Audience: s.Audience}
	if len(s.Secret) > 0 {
		secret, err := e.cfg.Open(signingPurpose(workspace, use), s.Secret)
		if err != nil {
			e.cfg.Log.Error("cannot open a workspace's secret", "workspace", workspace, "use", use.String(), "error", err)
			return check, now, evenkeel.Errorf(evenkeel.CodeInternal, "signed tokens cannot be checked")
		}
		check.Secret = secret
	}
	if s.JWKSURL != "" {
		if check.Keys, refusal = e.keys.get(e, signingPurpose(workspace, use), s.JWKSURL); refusal != nil {
			return check, now, refusal
		}
	}
	return check, now, nil
}

func (k *keySources) get(e *Edge, name, url string) (*auth.KeySource, *evenkeel.Error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.all[name]; ok && known.url == url {
		return known.source, nil
	}
	source, err := auth.NewKeySource(url, e.cfg.Now, e.cfg.Log)
	if err != nil {
		return nil, err
	}
	k.all[name] = keySource{url: url, source: source}
	return source, nil
}
