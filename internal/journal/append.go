package journal

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// maxPart bounds the body of one batch, in bytes, and with it the buffer that
// the journal keeps. A single entry may be larger.
const maxPart = 1 << 20

// part is a share of a Batch that is written and synced at once.
type part struct {
	from, to int // of Batch.Entries
	size     int // of its records, the restated ones not counted
}

// Append makes the batch durable: when it returns nil, it is on the disk. The
// refusals ErrFull, ErrGap, ErrTooLarge, ErrDoubt and ErrNoSnapshot change
// nothing. Any other error poisons the journal: this and all later appends fail
// with it, and only opening the journal anew tells what the disk holds.
func (j *Journal) Append(b *Batch) error {
	switch {
	case j.closed:
		return ErrClosed
	case j.err != nil:
		return j.err
	case j.doubt != nil:
		return ErrDoubt
	}
	next := j.state
	head, err := j.check(b, &next)
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if len(b.Entries) == 0 && len(head) == 0 && next.term == j.state.term && next.vote == j.state.vote {
		j.state.commit = next.commit
		return nil
	}
	if err := j.plan(b, len(head), &next); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	for i, p := range j.parts {
		if i > 0 {
			head = nil
		}
		if err := j.writePart(head, b.Entries[p.from:p.to], p.size, &next); err != nil {
			j.err = fmt.Errorf("append: %w", err)
			return j.err
		}
	}
	j.state = next
	return nil
}

// check refuses a batch that does not continue the log. It returns the encoded
// records other than entries, and in next the state that the batch leads to.
func (j *Journal) check(b *Batch, next *state) (head []byte, err error) {
	if hs := b.HardState; hs != nil {
		next.term, next.vote, next.commit = hs.GetTerm(), hs.GetVote(), hs.GetCommit()
	}
	if head, err = j.checkRecords(b, next); err != nil {
		return nil, err
	}
	for i, e := range b.Entries {
		index, term := e.GetIndex(), e.GetTerm()
		switch {
		case index == 0 || index <= next.base || index > next.last+1 || i > 0 && index != next.last+1:
			return nil, fmt.Errorf("%w: entry %d, while the log holds %d to %d", ErrGap, index, next.base+1, next.last)
		case index == next.last+1 && term < next.lastTerm:
			return nil, fmt.Errorf("%w: entry %d has term %d, the one before it %d", ErrGap, index, term, next.lastTerm)
		}
		next.last, next.lastTerm = index, term
	}
	return head, nil
}

func (j *Journal) checkRecords(b *Batch, next *state) (head []byte, err error) {
	if m := b.Snapshot; m != nil {
		if err := j.checkSnapshot(m.GetIndex(), m.GetTerm()); err != nil {
			return nil, err
		}
		head = appendNumbers(head, recSnapshot, m.GetIndex(), m.GetTerm())
		next.skips = append([]Skip(nil), next.skips...)
		next.restart(m.GetIndex(), m.GetTerm())
	}
	if b.Meta != nil {
		if len(b.Meta) > maxMeta {
			return nil, fmt.Errorf("%w: a record of %d bytes", ErrTooLarge, len(b.Meta))
		}
		next.meta = append([]byte(nil), b.Meta...)
		head = appendBytes(head, recMeta, next.meta)
	}
	if b.ConfState != nil {
		next.conf, err = proto.MarshalOptions{Deterministic: true}.Marshal(b.ConfState)
		if err != nil {
			return nil, fmt.Errorf("encode the configuration: %w", err)
		}
		if len(next.conf) > maxConf {
			return nil, fmt.Errorf("%w: a configuration of %d bytes", ErrTooLarge, len(next.conf))
		}
		head = appendBytes(head, recConf, next.conf)
	}
	if len(b.Skips) > 0 {
		next.skips = append([]Skip(nil), next.skips...)
		for _, k := range b.Skips {
			head = appendNumbers(head, recSkip, k.Index, uint64(k.Ordinal))
			next.addSkip(k)
		}
	}
	return head, nil
}

// checkSnapshot refuses to let the log begin behind a snapshot that is not on the disk.
func (j *Journal) checkSnapshot(index, term uint64) error {
	for _, m := range j.snaps.list() {
		if m.Index == index && m.Term == term {
			return nil
		}
	}
	return fmt.Errorf("restart the log behind index %d, term %d: %w", index, term, ErrNoSnapshot)
}
