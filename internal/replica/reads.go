//evenkeel:shell

package replica

import (
	"encoding/binary"
	"sync"
)

// reads are the requests for a fresh index that have no answer yet.
type reads struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- uint64 // each has room for its answer
}

// ask takes note of a request and names it.
func (w *reads) ask(answer chan<- uint64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = make(map[uint64]chan<- uint64)
	}
	w.last++
	w.waiting[w.last] = answer
	return w.last
}

func (w *reads) forget(key uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, key)
}

// context is what raft carries for a request. The leader tells the requests of
// all replicas apart by it.
func (*reads) context(replica, key uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, replica), key)
}

// answer passes on what raft found out.
func (w *reads) answer(read Read) {
	if len(read.Context) != 16 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := binary.BigEndian.Uint64(read.Context[8:])
	if waiting := w.waiting[key]; waiting != nil {
		delete(w.waiting, key)
		waiting <- read.Index
	}
}
