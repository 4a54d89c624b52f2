package desk

import (
	"slices"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// maxIncidentText bounds the sentences of an incident, in characters.
const maxIncidentText = 1000

func (d *Desk) incidentRaise(b *evenkeel.IncidentRaise) (evenkeel.Result, *evenkeel.Error) {
	if b.Incident == "" || b.Summary == "" || b.Severity < evenkeel.SeverityInfo || b.Severity > evenkeel.SeverityCritical {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "an incident needs a kind, a severity and a summary")
	}
	for _, text := range []struct {
		field, value string
		limit        int
	}{{"incident", b.Incident, maxLabel}, {"subject", b.Subject, maxLabel}, {"summary", b.Summary, maxIncidentText}, {"advice", b.Advice, maxIncidentText}} {
		if refusal := checkLabel(text.field, text.value, text.limit); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	created, refusal := d.raise(b)
	return evenkeel.Result{Created: created}, refusal
}

// raise opens an incident or counts it. When there are as many as there may be,
// the one that has been over for longest is forgotten; those that are open never are.
func (d *Desk) raise(b *evenkeel.IncidentRaise) (created bool, refusal *evenkeel.Error) {
	if open := d.openIncident(b.Incident, b.Subject); open != nil {
		if refusal := d.resize(incidentSize(&open.Incident), incidentSize(&evenkeel.Incident{Summary: b.Summary, Advice: b.Advice})); refusal != nil {
			return false, refusal
		}
		d.incidents.touch(open)
		open.Severity, open.Summary, open.Advice, open.Last = b.Severity, b.Summary, b.Advice, d.Wall()
		open.Count++
		return false, nil
	}
	if int64(len(d.opened)) >= d.cell.Limits.Incidents {
		return false, evenkeel.Errorf(evenkeel.CodeLimitReached, "%d incidents are open, which is the limit", len(d.opened))
	}
	for int64(d.incidents.len()) >= d.cell.Limits.Incidents {
		oldest := d.remembered.pop()
		d.account(-incidentSize(&oldest.Incident))
		d.incidents.remove(oldest)
	}
	d.cell.IncidentSeq++
	row := &incidentRow{Seq: d.cell.IncidentSeq, Incident: evenkeel.Incident{
		ID: "i" + base36(d.cell.IncidentSeq), Kind: b.Incident, Subject: b.Subject, Severity: b.Severity,
		Summary: b.Summary, Advice: b.Advice, Opened: d.Wall(), Last: d.Wall(), Count: 1,
	}}
	d.incidents.add(row)
	d.opened = append(d.opened, row)
	d.account(incidentSize(&row.Incident))
	return true, nil
}

func (d *Desk) incidentEnd(c *call, b *evenkeel.IncidentEnd) (evenkeel.Result, *evenkeel.Error) {
	if c.by.Kind == evenkeel.PrincipalSystem && b.ID == "" {
		d.end(d.openIncident(b.Incident, b.Subject))
		return evenkeel.Result{}, nil
	}
	if c.by.Kind != evenkeel.PrincipalSystem && !c.actor.operatesCell() {
		return evenkeel.Result{}, errIncidents()
	}
	seq, ok := incidentSeq(b.ID)
	row := d.incidents.get(seq)
	if !ok || row == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no incident %q", b.ID)
	}
	d.end(row)
	return evenkeel.Result{}, nil
}

// incidentSeq is the reverse of an incident's id.
func incidentSeq(id string) (uint64, bool) {
	if len(id) < 2 || id[0] != 'i' {
		return 0, false
	}
	return parseBase36(id[1:])
}

func errIncidents() *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeForbidden, "incidents are for operators, and for admins and services of the workspace %s", evenkeel.DefaultWorkspace)
}

// end closes an incident, if there is one and it is open.
func (d *Desk) end(row *incidentRow) {
	if row == nil || row.Closed != 0 {
		return
	}
	d.incidents.touch(row)
	d.cell.IncidentEnds++
	row.Ended, row.Closed = d.cell.IncidentEnds, d.Wall()
	d.opened = slices.DeleteFunc(d.opened, func(r *incidentRow) bool { return r == row })
	d.remembered.push(row)
}

func (d *Desk) openIncident(kind, subject string) *incidentRow {
	for _, row := range d.opened {
		if row.Kind == kind && row.Subject == subject {
			return row
		}
	}
	return nil
}

func incidentSize(i *evenkeel.Incident) int64 { return keyBytes + int64(len(i.Summary)+len(i.Advice)) }

// watchState raises an incident while the state is near its budget: from four
// fifths of it, until it is below three quarters again.
func (d *Desk) watchState() {
	if !d.Formed() {
		return
	}
	budget := d.cell.Limits.MaxState
	open := d.openIncident(evenkeel.IncidentState, "")
	switch {
	case open == nil && d.cell.Bytes > budget/5*4:
		_, _ = d.raise(&evenkeel.IncidentRaise{ // refused: the state has no room for one more row
			Incident: evenkeel.IncidentState, Severity: evenkeel.SeverityCritical,
			Summary: "The state of the cell has passed 80 % of its budget (max_state). At its end new chats are refused; live ones go on.",
			Advice:  "See what grows: waiting chats, a backlog of the archive, attributes. Repair the archive, or raise max_state if the machines have the memory.",
		})
	case open != nil && d.cell.Bytes < budget/4*3:
		d.end(open)
	}
}

// tellSkip raises the incident of a step that panicked.
func (d *Desk) tellSkip() {
	_, _ = d.raise(&evenkeel.IncidentRaise{ // refused: too many are open already, and the log of the node has it
		Incident: evenkeel.IncidentPanic, Severity: evenkeel.SeverityCritical,
		Summary: "A step of entry " + itoa(int(d.cell.Index)) + " failed inside the server. It was left out on every replica and answered with internal; nothing else is affected.",
		Advice:  "Please report this with the log of the node. End the incident when you have read it.",
	})
}

func (d *Desk) relinkIncidents() error {
	for _, row := range d.incidents.list {
		if row.Closed == 0 {
			d.opened = append(d.opened, row)
		} else {
			d.remembered.push(row)
		}
	}
	sort.Slice(d.opened, func(i, j int) bool { return d.opened[i].Seq < d.opened[j].Seq })
	sort.Slice(d.remembered.list, func(i, j int) bool { return d.remembered.list[i].Ended < d.remembered.list[j].Ended })
	return nil
}

// Incidents lists incidents, the newest first, behind the one with the id
// after; with open set only those that are not over. They are the cell's: its
// operators see them, and the admins of the default workspace.
func (d *Desk) Incidents(by evenkeel.Principal, open bool, after string, limit int) ([]*evenkeel.Incident, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	if !a.operatesCell() {
		return nil, errIncidents()
	}
	below := d.cell.IncidentSeq + 1
	if after != "" {
		seq, ok := incidentSeq(after)
		if !ok {
			return nil, evenkeel.FieldErrorf("cursor", "the cursor is not one of this list")
		}
		below = seq
	}
	rows := pageRows(d.incidents.list, limit, func(r *incidentRow) bool {
		return r.Seq < below && (!open || r.Closed == 0)
	}, func(x, y *incidentRow) bool { return x.Seq > y.Seq })
	out := make([]*evenkeel.Incident, 0, len(rows))
	for _, r := range rows {
		incident := r.Incident
		out = append(out, &incident)
	}
	return out, nil
}

// IncidentOpen tells whether an incident of a kind and subject is open.
func (d *Desk) IncidentOpen(kind, subject string) bool { return d.openIncident(kind, subject) != nil }

// operatesCell tells whether the actor answers for the cell as a whole.
func (a *actor) operatesCell() bool {
	return a.role == evenkeel.RoleOperator || a.ws == evenkeel.DefaultWorkspace && (a.role == evenkeel.RoleAdmin || a.role == evenkeel.RoleService)
}
