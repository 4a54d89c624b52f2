package desk

import "github.com/evenkeel/evenkeel"

// startLife is how long the first-run link is good.
const startLife = 15 * evenkeel.Minute

// cellForm makes the cell: one workspace with one queue, and its first admin as
// a member, so that somebody can say hello at once.
func (d *Desk) cellForm(b *evenkeel.CellForm) (evenkeel.Result, *evenkeel.Error) {
	if b.CellID == "" || b.Generation == "" || b.Admin.ID == "" || b.Password == "" {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "a cell needs an id, a generation and an admin with a password")
	}
	if refusal := checkLimits(&b.Limits); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := checkID("admin", b.Admin.ID); refusal != nil || !administers(b.Admin.Role) || b.Admin.Capacity < 0 || b.Admin.Capacity > maxCapacity {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "the first admin needs an id, the role of one and a capacity")
	}
	d.cell.CellID, d.cell.Generation, d.cell.Level = b.CellID, b.Generation, FeatureLevel
	d.cell.Limits = b.Limits
	d.cell.Offset = evenkeel.Duration(int64(b.Wall) - int64(d.cell.Now))
	d.cell.VisitorKey, d.cell.Authority, d.cell.AuthorityKey = b.VisitorKey, b.Authority, b.AuthorityKey
	d.cell.StartHash, d.cell.StartAdmin = b.StartHash, b.Admin.ID
	d.cell.StartUntil = d.cell.Now + evenkeel.DeskTime(startLife)

	admin := b.Admin
	d.furnish(&evenkeel.WorkspacePut{
		Workspace: evenkeel.Workspace{ID: evenkeel.DefaultWorkspace, Name: "Default"}, Admin: &admin, Password: b.Password, OneTime: b.OneTime,
	})
	return evenkeel.Result{}, nil
}

func (d *Desk) limitsSet(b *evenkeel.LimitsSet) (evenkeel.Result, *evenkeel.Error) {
	if refusal := checkLimits(&b.Limits); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.cell.Limits = b.Limits
	d.tidyTallies()
	return evenkeel.Result{}, nil
}

// The highest limits: far above what a machine holds, far below what sums could
// not hold. A step of the cell does as much follow-up work as its limit says,
// and nothing else meanwhile.
const (
	maxLimit    = 1 << 50
	maxFollowUp = 100000
)

// leastReplace is how long a voter may be silent at least before it is replaced.
const leastReplace = 10 * evenkeel.Second

// checkLimits refuses limits with which the cell could not go on.
func checkLimits(l *evenkeel.Limits) *evenkeel.Error {
	type count struct {
		name         string
		value, least int64
	}
	for _, f := range []count{
		{"follow_up", l.FollowUp, 1}, {"max_state", l.MaxState, 1}, {"live_keys", l.LiveKeys, 1}, {"tokens", l.Tokens, 1},
		{"missed_offers", l.MissedOffers, 1}, {"message_chars", l.MessageChars, 1},
		{"chat_messages", l.ChatMessages, 0}, {"queues", l.Queues, 0}, {"agents", l.Agents, 0}, {"live_chats", l.LiveChats, 0},
		{"api_keys", l.APIKeys, 0}, {"workspaces", l.Workspaces, 0}, {"visitor_sessions", l.VisitorSessions, 0},
		{"agent_sessions", l.AgentSessions, 0}, {"agent_queues", l.AgentQueues, 0}, {"participants", l.Participants, 0},
		{"attributes", l.Attributes, 0}, {"tags", l.Tags, 0}, {"closed_chats", l.ClosedChats, 0}, {"customers", l.Customers, 0},
		{"nodes", l.Nodes, 0}, {"incidents", l.Incidents, 0}, {"tallies", l.Tallies, 0}, {"missed", l.Missed, 0},
		{"missed_own", l.MissedOwn, 0}, {"missed_claims", l.MissedClaims, 0}, {"canned", l.Canned, 0}, {"canned_own", l.CannedOwn, 0},
		{"context", l.Context, 0}, {"aliases", l.Aliases, 0}, {"namespaces", l.Namespaces, 0},
	} {
		if f.value < f.least || f.value > maxLimit {
			return evenkeel.FieldErrorf(f.name, "%s must be from %d to %d", f.name, f.least, int64(maxLimit))
		}
	}
	if l.FollowUp > maxFollowUp {
		return evenkeel.FieldErrorf("follow_up", "follow_up must be at most %d: one step of the cell must stay short", maxFollowUp)
	}
	if l.Voters < 1 || l.Voters > 9 || l.Voters%2 == 0 {
		return evenkeel.FieldErrorf("voters", "voters must be 1, 3, 5, 7 or 9: an even number survives no more")
	}
	if l.ReplaceAfter < leastReplace {
		return evenkeel.FieldErrorf("replace_after", "replace_after must be at least %d seconds: a node that restarts is not gone", leastReplace/evenkeel.Second)
	}
	for _, f := range []namedDuration{{"linger", l.Linger}, {"key_life", l.KeyLife}, {"re_offer", l.ReOffer}, {"tally_keep", l.TallyKeep}, {"missed_keep", l.MissedKeep}, {"replace_after", l.ReplaceAfter}} {
		if f.value < 0 || f.value > maxDuration {
			return evenkeel.FieldErrorf(f.name, "%s must be from 0 to 366 days", f.name)
		}
	}
	return nil
}
