//evenkeel:shell

package edge

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// tenants hold what each workspace uses of this node, so that one cannot use up
// what the others need. A workspace without limits of its own is not in it.
type tenants struct {
	commands map[string]*tenantRate
}

// tenantRate is a workspace's token bucket: a second's worth at most.
type tenantRate struct {
	rate  int64 // commands a second, as of its limits
	spent int64 // tokens that are missing
	since time.Duration
}

// tenantLimits returns the limits of a workspace.
func (e *Edge) tenantLimits(workspace string) (limits evenkeel.WorkspaceLimits) {
	e.cfg.Cell.View(func(r Reader) {
		if ws, ok := r.Workspace(workspace); ok {
			limits = ws.Limits
		}
	})
	return limits
}

// mayCommand takes a command of a workspace that has a limit for them.
func (e *Edge) mayCommand(workspace string) *evenkeel.Error {
	rate := e.tenantLimits(workspace).Commands
	e.limits.mu.Lock()
	defer e.limits.mu.Unlock()
	if rate == 0 {
		delete(e.limits.tenants.commands, workspace)
		return nil
	}
	now := e.since()
	t := e.limits.tenants.commands[workspace]
	if t == nil || t.rate != rate {
		t = &tenantRate{rate: rate, since: now}
		e.limits.tenants.commands[workspace] = t
	}
	if gained := int64((now - t.since) * time.Duration(rate) / time.Second); gained > 0 {
		t.spent = max(0, t.spent-gained)
		t.since += time.Duration(gained) * time.Second / time.Duration(rate)
		if t.spent == 0 {
			t.since = now
		}
	}
	if t.spent >= rate {
		return tooManyRequests(time.Second/time.Duration(rate), "the workspace "+workspace+" has reached its limit of commands a second")
	}
	t.spent++
	return nil
}

// roomForClient tells whether a workspace may have one more client on this node.
// The caller holds e.mu.
func (e *Edge) roomForClient(workspace string, most int64) bool {
	return most == 0 || e.guests[workspace] < most
}
