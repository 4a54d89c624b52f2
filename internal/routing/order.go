package routing

import (
	"math"
	"sort"

	"github.com/tidwall/btree"
)

// tree is an ordered set. Its order never depends on how it was filled.
type tree[T any] = btree.BTreeG[T]

// newTree makes an empty set. The degree is for cache lines: the items here are
// small values compared without following pointers.
func newTree[T any](less func(a, b T) bool) *tree[T] {
	return btree.NewBTreeGOptions(less, btree.Options{Degree: 32, NoLocks: true})
}

// place is a chat's place in line. It repeats the three numbers that order
// chats, so that comparing two places touches nothing else.
type place struct {
	priority int64
	queuedAt int64
	seq      uint64
	chat     *chat
}

// before is the order in which chats are served, over all queues.
func before(a, b place) bool {
	switch {
	case a.priority != b.priority:
		return a.priority > b.priority
	case a.queuedAt != b.queuedAt:
		return a.queuedAt < b.queuedAt
	case a.seq != b.seq:
		return a.seq < b.seq
	case a.chat == b.chat || b.chat == nil:
		return false
	}
	return a.chat == nil || a.chat.id < b.chat.id
}

// frontmost is before every place of a chat.
var frontmost = place{priority: math.MaxInt64, queuedAt: math.MinInt64}

// wake is the moment at which time alone changes where a chat is filed.
type wake struct {
	at int64
	place
}

func wakesBefore(a, b wake) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return before(a.place, b.place)
}

// retry is a chat that a member may be asked about again, once the other
// members who refused it make up everybody on duty.
type retry struct {
	refusing int // the chat's refusing
	place
}

func retryBefore(a, b retry) bool {
	if a.refusing != b.refusing {
		return a.refusing < b.refusing
	}
	return before(a.place, b.place)
}

// firstMissing returns the first place of line that is not in part, all of
// whose places are in line, and its index (line.Len() if there is none). While
// both agree at an index they agree at every smaller one; so it looks at growing
// distances from a guess, then halves the last one: the cost is that of the
// logarithm of how far off the guess is. The guess changes nothing else.
func firstMissing(line, part *tree[place], guess int) (place, int) {
	agree := func(i int) bool {
		p, ok := part.GetAt(i)
		if !ok {
			return false
		}
		l, _ := line.GetAt(i)
		return l.chat == p.chat
	}
	lo, hi := 0, part.Len() // every index below lo agrees; hi does not
	guess = min(guess, hi)
	if guess == 0 || agree(guess-1) {
		lo = guess
		for step := 1; lo+step <= hi; step *= 2 {
			if !agree(lo + step - 1) {
				hi = lo + step - 1
				break
			}
			lo += step
		}
	} else {
		hi = guess - 1
		for step := 1; hi-step >= 0; step *= 2 {
			if agree(hi - step) {
				lo = hi - step + 1
				break
			}
			hi -= step
		}
	}
	i := lo + sort.Search(hi-lo, func(i int) bool { return !agree(lo + i) })
	first, _ := line.GetAt(i)
	return first, i
}

// countBefore returns how many places of line are before p.
func countBefore(line *tree[place], p place) int {
	return sort.Search(line.Len(), func(i int) bool {
		l, _ := line.GetAt(i)
		return !before(l, p)
	})
}
