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
	slices chan Slice
	held   *Slice // cut, but the disk was busy
	done   bool   // the last slice is on its way

	applying, slicing time.Duration // spent since the last slice
}

// beginSaving starts the goroutine that writes the frozen snapshot, if there is
// one.
func (r *Replica) beginSaving() *saving {
	order := r.applier.Freezing()
	if order == nil {
		return nil
	}
	s := &saving{order: order, slices: make(chan Slice, sliceAhead)}
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
	s.send()
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
		return // given up
	}
	cut, err := r.applier.Slice(sliceBytes)
	if err != nil {
		r.log.Error("the snapshot was given up", "index", s.order.Index, "error", err)
		return
	}
	s.held = &cut
}

// send passes the held slice on, if there is room.
func (s *saving) send() {
	if s.held == nil {
		return
	}
	select {
	case s.slices <- *s.held:
		s.done, s.held = s.held.Last, nil
	default:
	}
}

// settle lets go of a snapshot that was cut to its end or given up.
func (r *Replica) settle(s *saving) *saving {
	if s != nil && (s.done || s.held == nil && r.applier.Freezing() != s.order) {
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
		if s = r.settle(s); s == nil {
			return nil
		}
		select {
		case s.slices <- *s.held:
			s.done, s.held = s.held.Last, nil
			s = r.settle(s)
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
func (r *Replica) runSave(order *SnapshotOrder, slices <-chan Slice) {
	defer r.io.Done()
	meta, err := r.save(order, slices)
	for range slices { //nolint:revive // what comes after an error is of no use
	}
	if err != nil {
		r.log.Error("the snapshot was given up", "index", order.Index, "error", err)
		r.gaveUp.Add(1)
		r.news.tell()
		r.applies.put(applyTask{abandon: order})
		r.tell(func(c *Core, _ time.Duration) error { c.SnapshotFailed(order); return nil })
		return
	}
	r.saved.Store(order.Index)
	r.news.tell()
	r.applies.put(applyTask{saved: order, size: meta.Size})
	r.writes.put(diskTask{compact: order.Index})
	r.tell(func(c *Core, _ time.Duration) error { c.SnapshotSaved(order, meta.Size); return nil })
}

func (r *Replica) save(order *SnapshotOrder, slices <-chan Slice) (journal.SnapshotMeta, error) {
	none := journal.SnapshotMeta{}
	w, err := r.disk.CreateSnapshot(order.Index, order.Term)
	if err != nil {
		return none, fmt.Errorf("create the snapshot of %d: %w", order.Index, err)
	}
	for s := range slices {
		if _, err = w.Write(s.Data); err != nil {
			break
		}
		if !s.Last {
			continue
		}
		meta, err := w.Commit(journal.SnapshotMeta{
			Index: order.Index, Term: order.Term, ConfState: order.ConfState,
			DeskHash: binary.BigEndian.AppendUint64(make([]byte, 0, hashOfBytes), s.Hash),
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
