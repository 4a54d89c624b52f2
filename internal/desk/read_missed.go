package desk

import (
	"github.com/evenkeel/evenkeel"
)

// Missed returns a missed item that the caller may treat.
func (d *Desk) Missed(by evenkeel.Principal, id string) (*evenkeel.Missed, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	m, refusal := d.missedFor(&a, id)
	if refusal != nil {
		return nil, refusal
	}
	return d.missedView(m), nil
}

// MissedItems lists the missed items that the caller may treat, oldest first,
// behind the item with the id after.
func (d *Desk) MissedItems(by evenkeel.Principal, f evenkeel.MissedFilter, after string, limit int) ([]*evenkeel.Missed, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	var from uint64
	if after != "" {
		seq, ok := missedSeq(after)
		if !ok {
			return nil, evenkeel.FieldErrorf("cursor", "the cursor is not one of this list")
		}
		from = seq + 1
	}
	out := make([]*evenkeel.Missed, 0, min(limit, 64))
	d.workspaces.get(a.ws).missed.Ascend(from, func(_ uint64, m *missedRow) bool {
		if len(out) == limit {
			return false
		}
		if selects(&f, m) && a.handles(m.Item.Queue) {
			out = append(out, d.missedView(m))
		}
		return true
	})
	return out, nil
}

func selects(f *evenkeel.MissedFilter, m *missedRow) bool {
	return (f.State == 0 || m.Item.State == f.State) && (f.Kind == 0 || m.Item.Kind == f.Kind) && (f.Queue == "" || m.Item.Queue == f.Queue) &&
		(f.Agent == "" || m.Agent == f.Agent) && (f.Customer == "" || m.Item.Customer == f.Customer)
}
