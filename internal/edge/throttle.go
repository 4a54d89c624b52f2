//evenkeel:shell

package edge

import (
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// withinAddress counts a request by its address. Callers on this machine are
// spared: a proxy or a tool there stands for many.
func (q *request) withinAddress(w http.ResponseWriter) *evenkeel.Error {
	from := addressOf(q.Request)
	if from.loopback || !q.route.limited() {
		return nil
	}
	l := &q.edge.limits
	return q.within(w, l.addressReads, l.addressWrites, from.key)
}

// LimitAddress counts each request to next as a change by its address, with the
// changes over the API: for what is served beside the API and is asked anew for
// each thing that a client says.
func (e *Edge) LimitAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := addressOf(r); !from.loopback {
			if err := e.count(w, e.limits.addressWrites, from.key); err != nil {
				writeProblem(w, err, 0)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// withinUser counts a request by who asks.
func (q *request) withinUser(w http.ResponseWriter) *evenkeel.Error {
	l := &q.edge.limits
	switch {
	case q.who.Role == evenkeel.RoleNone || !q.route.limited():
		return nil
	case q.who.Principal.Kind == evenkeel.PrincipalService:
		return q.within(w, l.keyReads, l.keyWrites, q.who.Principal.String())
	default:
		return q.within(w, l.userReads, l.userWrites, q.who.Principal.String())
	}
}

// limited leaves out what watches a node, and its pages.
func (r *route) limited() bool { return len(r.path) > 4 && r.path[:4] == "/v1/" }

func (q *request) within(w http.ResponseWriter, reads, writes *gauge, key string) *evenkeel.Error {
	g := writes
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		g = reads
	}
	return q.edge.count(w, g, key)
}

// count takes one from a limit and tells the caller where he stands.
func (e *Edge) count(w http.ResponseWriter, g *gauge, key string) *evenkeel.Error {
	e.limits.mu.Lock()
	said, ok := g.take(key, e.since())
	e.limits.mu.Unlock()
	if said.gauge != nil {
		policy, limit := said.headers()
		w.Header().Set("RateLimit-Policy", policy)
		w.Header().Set("RateLimit", limit)
	}
	if !ok {
		return tooManyRequests(said.wait, "too many requests of this "+g.name+"; ask less often, or have the limit raised")
	}
	return nil
}

// guess takes room for a try at a password before it is checked, so that many
// at once are no way around the limits. settle tells how it ended: a right
// password was no guess.
//
// Wrong passwords are counted by address, by address and account, and by
// account. The last keeps a thousand addresses from guessing at one account
// together; it does not hold for addresses and devices that have signed in to
// the account before, so that nobody can lock its owner out. A device has a
// count of its own: not even its neighbours behind one address lock it out.
func (e *Edge) guess(from address, account, device string) (settle func(right bool), err *evenkeel.Error) {
	l := &e.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	one := from.key + " " + account
	type limit struct {
		table     *buckets
		key, text string
	}
	var limits []limit
	if device != "" {
		limits = []limit{{l.devices, device, "too many wrong passwords from this device"}}
	} else {
		// The address first: one that may not guess at all leaves nothing behind.
		if !from.loopback {
			limits = append(limits, limit{l.spray, from.key, "too many wrong passwords from this address"})
		}
		limits = append(limits, limit{l.wrong, one, "too many wrong passwords for this account from this address"})
		if !l.known.has(one) {
			limits = append(limits, limit{l.account, account,
				"too many wrong passwords for this account; sign in from where you have before, or try again later"})
		}
	}
	for i, m := range limits {
		if ok, wait := m.table.take(m.key, e.since()); !ok {
			for _, before := range limits[:i] {
				before.table.giveBack(before.key)
			}
			return nil, tooManyRequests(wait, m.text)
		}
	}
	return func(right bool) {
		if right {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, m := range limits {
				m.table.giveBack(m.key)
			}
		}
	}, nil
}

// remembered tells which device of the account the token is of; empty: none.
func (e *Edge) remembered(account, token string) string {
	if token == "" {
		return ""
	}
	key, err := e.cfg.VisitorKey()
	if err != nil {
		return ""
	}
	d, ok := auth.ParseDevice(key, account, token, e.wall())
	if !ok {
		return ""
	}
	return account + " " + d.ID
}

// rememberDevice takes note of where an account was signed in to, and returns the
// token by which the device is known next time.
func (e *Edge) rememberDevice(from address, account string) (string, error) {
	e.limits.mu.Lock()
	e.limits.known.take(from.key+" "+account, e.since())
	e.limits.mu.Unlock()
	key, err := e.cfg.VisitorKey()
	if err != nil {
		return "", err
	}
	id, err := auth.NewID(e.cfg.Random, "")
	if err != nil {
		return "", err
	}
	return auth.Device{Account: account, ID: id, Expires: e.wall() + evenkeel.Time(auth.DeviceLife)}.Sign(key), nil
}

// seenEvery is how exactly it is known when a login was used last.
const seenEvery = time.Minute

// maxSeen bounds the logins of which that is known.
const maxSeen = 100000

// saw takes note that a login was used.
func (e *Edge) saw(hash string) {
	now := e.wall()
	now -= now % evenkeel.Time(seenEvery/time.Millisecond)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen[hash] == now {
		return
	}
	if len(e.seen) >= maxSeen {
		clear(e.seen) // then it is not known of any, for a while
	}
	e.seen[hash] = now
}
