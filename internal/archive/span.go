//evenkeel:pure

package archive

import "github.com/evenkeel/evenkeel"

// bounds are the numbers of the first and last message that a range selects of
// a chat with so many messages; first is above last if it selects none. The
// desk reads a live chat by the same rule.
func bounds(r evenkeel.MessageRange, count uint64) (first, last uint64) {
	first, last = min(r.After, count)+1, count
	n := uint64(max(r.Limit, 0))
	if r.Before > 0 {
		first, last = 1, min(last, r.Before-1)
		if last > n {
			first = last - n + 1
		}
	} else if last >= first && last-first+1 > n {
		last = first + n - 1
	}
	return first, last
}

// behind tells whether a note belongs to the messages first to last: it stands
// behind one of them, before the first one where the range starts there, or
// after the last one of all.
func behind(n *evenkeel.Note, first, last uint64, r evenkeel.MessageRange, count uint64) bool {
	from := first
	if r.After == 0 && first <= 1 {
		from = 0
	}
	return n.After >= from && (n.After <= last || last >= count)
}
