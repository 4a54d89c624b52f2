package desk

import "github.com/evenkeel/evenkeel"

// Canned returns a canned reply that the caller may use.
func (d *Desk) Canned(by evenkeel.Principal, id string) (*evenkeel.Canned, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	r, refusal := d.cannedFor(&a, id)
	if refusal != nil {
		return nil, refusal
	}
	return cannedView(r), nil
}

// CannedReplies lists canned replies by id, behind after: the shared ones and the
// caller's own, or those of an owner whom he may ask for.
func (d *Desk) CannedReplies(by evenkeel.Principal, f evenkeel.CannedFilter, after string, limit int) ([]*evenkeel.Canned, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	own := ""
	if a.agent != nil {
		own = a.agent.Config.ID
	}
	if f.Owner != "" && f.Owner != own && !a.supervises() {
		return nil, &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "owner", Detail: "an agent sees the shared replies and his own"}
	}
	out := make([]*evenkeel.Canned, 0, min(limit, 64))
	d.workspaces.get(a.ws).canned.Ascend(after, func(id string, r *cannedRow) bool {
		if len(out) == limit {
			return false
		}
		k := &r.Canned
		whose := k.Owner == f.Owner || f.Owner == "" && k.Owner == own
		if id > after && whose && (f.Queue == "" || len(k.Queues) == 0 || named(k.Queues, f.Queue)) && (f.Match == nil || f.Match(k)) {
			out = append(out, cannedView(r))
		}
		return true
	})
	return out, nil
}

// cannedView copies a reply.
func cannedView(r *cannedRow) *evenkeel.Canned {
	v := r.Canned
	v.Queues, v.Tags = append([]string{}, v.Queues...), append([]string{}, v.Tags...)
	return &v
}

// RenderCanned fills a canned reply in for a chat that the caller reads: in the
// caller's name if he is an agent, else in that of the chat's.
func (d *Desk) RenderCanned(by evenkeel.Principal, chat, id string) (string, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return "", err
	}
	c, refusal := d.chatFor(&a, chat)
	if refusal != nil {
		return "", refusal
	}
	r, refusal := d.cannedFor(&a, id)
	if refusal != nil {
		return "", refusal
	}
	agent := a.agent
	if agent == nil {
		agent = d.agents.get(key{c.Workspace, c.Agent})
	}
	name := ""
	if agent != nil {
		name = agent.Config.Name
	}
	return d.render(r.Canned.Text, d.factsOf(c, name)), nil
}
