//evenkeel:shell

package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// How a snapshot is cut. While entries are waiting, slices get one part in
// busyShare of the applying goroutine's time.
const (
	sliceBytes  = 64 << 10
	sliceAhead  = 4 // slices that may wait for the disk
	busyShare   = 10
	hashOfBytes = 8
)

// saving is a snapshot on its way to the disk, as the applying goroutine sees
// it. A nil saving is none.
type saving struct {
	order  *SnapshotOrder
	slices chan slice
	held   *slice // cut, but the disk was busy
	done   bool   // the last slice is on its way

	applying, slicing time.Duration // spent since the last slice
}

type slice struct {
	data []byte
	last bool
	hash uint64 // of the records; with last
}

// beginSaving starts the goroutine that writes the frozen snapshot, if there is
// one.
func (r *Replica) beginSaving() *saving {
	order := r.applier.Freezing()
	if order == nil {
		return nil
	}
	s := &saving{order: order, slices: make(chan slice, sliceAhead)}
	r.io.Add(1)
	go r.runSave(order, s.slices)
	return s
}

// between cuts a slice between two entries if it is its turn. The caller holds
// the lock.
func (s *saving) between(r *Replica, spent time.Duration) {
	if s == nil {
		return
	}
	s.applying += spent
	if s.done || s.held != nil || len(s.slices) == cap(s.slices) || s.slicing*(busyShare-1) > s.applying {
		return
	}
	begin := time.Now()
	s.cut(r)
	s.slicing += time.Since(begin)
	s.send()
}

// cut takes the next slice. The caller holds the lock.
func (s *saving) cut(r *Replica) {
	if r.applier.Freezing() != s.order {
		return // given up because of a panic
	}
	data, done, hash := r.applier.Slice(sliceBytes)
	s.held = &slice{data: data, last: done, hash: hash}
}

// send passes the held slice on, if there is room.
func (s *saving) send() {
	if s.held == nil {
		return
	}
	select {
	case s.slices <- *s.held:
		s.done, s.held = s.held.last, nil
	default:
	}
}

// settle lets go of a snapshot that was cut to its end.
func (s *saving) settle() *saving {
	if s != nil && s.done {
		s.end()
		return nil
	}
	return s
}

// end lets the writing goroutine go: without a last slice, it drops the file.
func (s *saving) end() {
	if s != nil {
		close(s.slices)
	}
}

// idle cuts slices for as long as no entry is waiting. It returns nil when there
// is none to cut any more.
func (r *Replica) idle(s *saving) *saving {
	for s != nil {
		select {
		case <-r.applies.signal:
			return s
		case <-r.stop:
			return s
		default:
		}
		if s.held == nil {
			r.mu.Lock()
			s.cut(r)
			r.mu.Unlock()
		}
		if s.held == nil { // given up
			s.end()
			return nil
		}
		select {
		case s.slices <- *s.held:
			s.done, s.held = s.held.last, nil
			s = s.settle()
		case <-r.applies.signal:
			return s
		case <-r.stop:
			return s
		}
	}
	return nil
}

// abandon gives up a snapshot that the disk refused.
func (r *Replica) abandon(order *SnapshotOrder, s *saving) *saving {
	if r.applier.Freezing() == order {
		r.mu.Lock()
		r.applier.Abandon()
		r.mu.Unlock()
	}
	if s != nil && s.order == order {
		s.end()
		return nil
	}
	return s
}

// runSave is the goroutine that writes one snapshot.
func (r *Replica) runSave(order *SnapshotOrder, slices <-chan slice) {
	defer r.io.Done()
	meta, err := r.save(order, slices)
	for range slices { //nolint:revive // what comes after an error is of no use
	}
	if err != nil {
		r.log.Error("the snapshot was given up", "index", order.Index, "error", err)
		r.applies.put(applyTask{abandon: order})
		r.tell(func(c *Core, _ time.Duration) error { c.SnapshotFailed(order); return nil })
		return
	}
	r.applies.put(applyTask{saved: order})
	r.writes.put(diskTask{compact: order.Index})
	r.tell(func(c *Core, _ time.Duration) error { c.SnapshotSaved(order, meta.Size); return nil })
}

func (r *Replica) save(order *SnapshotOrder, slices <-chan slice) (journal.SnapshotMeta, error) {
	none := journal.SnapshotMeta{}
	w, err := r.disk.CreateSnapshot(order.Index, order.Term)
	if err != nil {
		return none, fmt.Errorf("create the snapshot of %d: %w", order.Index, err)
	}
	for s := range slices {
		if _, err = w.Write(s.data); err != nil {
			break
		}
		if !s.last {
			continue
		}
		meta, err := w.Commit(journal.SnapshotMeta{
			Index: order.Index, Term: order.Term, ConfState: order.ConfState,
			DeskHash: binary.BigEndian.AppendUint64(make([]byte, 0, hashOfBytes), s.hash),
		})
		if err != nil {
			return none, fmt.Errorf("finish the snapshot of %d: %w", order.Index, err)
		}
		return meta, nil
	}
	if err == nil {
		err = errors.New("it was abandoned")
	}
	if aborted := w.Abort(); aborted != nil {
		r.log.Error("drop the snapshot's file", "error", aborted)
	}
	return none, fmt.Errorf("write the snapshot of %d: %w", order.Index, err)
}
