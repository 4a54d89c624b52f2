package journal

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
)

// ResolveDoubt decides about Recovered.Doubt, durably. Without a doubt it does
// nothing. An error poisons the journal; the doubt is then found again by the next
// Open, or resolved.
func (j *Journal) ResolveDoubt(how Resolution) error {
	switch {
	case j.closed:
		return ErrClosed
	case j.err != nil:
		return j.err
	case how != Cut && how != Carry:
		return fmt.Errorf("resolve a doubt: no such resolution: %d", how)
	}
	var err error
	switch {
	case j.doubt != nil:
		err = j.replaceDoubtful(how)
	case j.state.doubt != nil && how == Cut:
		err = j.appendNoDoubt()
	}
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("resolve a doubt: %w", err)
	}
	return j.err
}

// replaceDoubtful writes a batch in the place of the doubtful one, under its
// number. Its payload is made durable first: until then the old descriptor tells
// of the doubt, from then on the payload overrules it.
func (j *Journal) replaceDoubtful(how Resolution) error {
	next := j.state
	var head []byte
	if how == Carry {
		d := *j.doubt
		d.Carried = true
		if old := next.doubt; old != nil {
			d.join(old)
		}
		next.doubt = &d
		head = appendDoubt(nil, &d)
	}
	j.begin()
	if j.off == headSize {
		j.buf = appendState(j.buf, &next)
	} else {
		j.buf = append(j.buf, head...)
	}
	if !j.fits(len(j.buf) - infoSize) {
		return fmt.Errorf("%w: its place", ErrTooLarge)
	}
	i := j.seal(&next)
	i.number, i.prev, i.flags = j.doubtful.number, j.doubtful.prev, i.flags|flagResolves
	s := j.cur
	i.put(j.buf, magicPayload, s.seed)
	if _, err := s.file.WriteAt(j.buf, i.offset); err != nil {
		return fmt.Errorf("write batch %d to %s: %w", i.number, s.name, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	if _, err := s.wipe(i.end()); err != nil {
		return err
	}
	if err := s.write(&i, j.buf); err != nil {
		return err
	}
	j.state, j.doubt = next, nil
	j.number, j.prev, j.off = i.number, i.sum(s.seed), i.end()
	if j.restart != nil {
		return j.commitRestart()
	}
	return nil
}

// harmless: the batch was never acknowledged and had no entries that another node
// could miss. What else it said is said again, or was never promised.
func (d *Doubt) harmless() bool { return d.Torn && d.First == 0 }

// join widens a doubt by an older one that is carried.
func (d *Doubt) join(old *Doubt) {
	if d.First == 0 || old.First > 0 && old.First < d.First {
		d.First = old.First
	}
	d.Torn = d.Torn && old.Torn
	d.Last, d.LastTerm = max(d.Last, old.Last), max(d.LastTerm, old.LastTerm)
}

// appendNoDoubt ends a carried doubt.
func (j *Journal) appendNoDoubt() error {
	next := j.state
	next.doubt = nil
	head := appendNumbers(nil, recNoDoubt)
	if err := j.plan(&Batch{}, len(head), &next); err != nil {
		return err
	}
	if err := j.writePart(head, nil, len(head), &next); err != nil {
		return err
	}
	j.state = next
	return nil
}

// commitRestart makes the log begin behind a snapshot that is ahead of it.
func (j *Journal) commitRestart() error {
	m := j.restart
	j.restart = nil
	return j.Append(&Batch{
		HardState: j.state.hardState(),
		Snapshot:  &raftpb.SnapshotMetadata{Index: new(m.Index), Term: new(m.Term), ConfState: m.ConfState},
	})
}
