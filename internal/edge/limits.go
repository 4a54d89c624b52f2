//evenkeel:pure

package edge

import (
	"container/list"
	"time"

	"github.com/evenkeel/evenkeel"
)

// buckets are token buckets by key, for limits by address. The table is
// bounded: when it is full the bucket that was used longest ago is forgotten,
// which gives its owner a full one, and takes nothing from anybody else. One that
// is full again says nothing and goes sooner: visitors come and never come back.
type buckets struct {
	burst int           // tokens of a full bucket
	every time.Duration // until one more token is there
	most  int           // buckets
	lasts bool          // full ones are kept: who has one is asked for (has)

	table map[string]*bucket
	order list.List // of all buckets, the one used last in front
}

type bucket struct {
	key   string
	used  int           // tokens that are missing
	since time.Duration // when `used` was right
	place *list.Element // in buckets.order
}

// newBuckets makes a table: burst tokens at first, and again within per.
func newBuckets(burst int, per time.Duration, most int) *buckets {
	return &buckets{burst: burst, every: per / time.Duration(burst), most: most, table: map[string]*bucket{}}
}

// take takes one token. If there is none it says when there will be.
func (b *buckets) take(key string, now time.Duration) (ok bool, wait time.Duration) {
	return b.takeMany(key, 1, now)
}

// takeMany takes n tokens or none. More than a bucket holds are as many as it
// holds.
func (b *buckets) takeMany(key string, n int, now time.Duration) (ok bool, wait time.Duration) {
	n = min(n, b.burst)
	b.tidy(now)
	k := b.table[key]
	if k == nil {
		if len(b.table) >= b.most {
			b.drop(b.oldest())
		}
		k = &bucket{key: key, since: now}
		k.place = b.order.PushFront(k)
		b.table[key] = k
	}
	b.order.MoveToFront(k.place)
	k.refill(now, b.every)
	if missing := k.used + n - b.burst; missing > 0 {
		return false, k.since + time.Duration(missing)*b.every - now
	}
	k.used += n
	return true, 0
}

// tidy forgets two of the oldest buckets if they are full again: two for each that
// may come, so that the table becomes smaller after a rush.
func (b *buckets) tidy(now time.Duration) {
	for n := 0; n < 2 && !b.lasts && len(b.table) > 0 && b.oldest().full(now, b.every); n++ {
		b.drop(b.oldest())
	}
}

// oldest is the bucket that was used longest ago; there is one.
func (b *buckets) oldest() *bucket { return b.order.Back().Value.(*bucket) }

func (k *bucket) full(now, every time.Duration) bool {
	return int((now-k.since)/every) >= k.used
}

// has tells whether something was taken by a key, as far as is remembered.
func (b *buckets) has(key string) bool { return b.table[key] != nil }

// giveBack undoes a take.
func (b *buckets) giveBack(key string) {
	if k := b.table[key]; k != nil && k.used > 0 {
		k.used--
	}
}

func (k *bucket) refill(now, every time.Duration) {
	if k.full(now, every) {
		k.used, k.since = 0, now
		return
	}
	gained := int((now - k.since) / every)
	k.used -= gained
	k.since += time.Duration(gained) * every
}

func (b *buckets) drop(k *bucket) {
	b.order.Remove(k.place)
	delete(b.table, k.key)
}

// What a customer may have written down: far more than anybody types, and so
// little that many who only want to fill the cell need hours. A command costs a
// token for itself and one for each KiB.
const (
	writeTokens = 256
	writeEvery  = 250 * time.Millisecond // until one more token is there
	writeSize   = 1 << 10                // bytes of a token
)

// writeCost is what a command costs its customer; 0: it keeps no text.
func writeCost(kind evenkeel.Kind, size int) int {
	switch kind {
	case evenkeel.KindChatStart, evenkeel.KindChatSend, evenkeel.KindChatRate, evenkeel.KindChatOffline, evenkeel.KindCustomerClaim:
		return 1 + size/writeSize
	default:
		return 0
	}
}

// tooManyRequests is the refusal of a limit.
func tooManyRequests(wait time.Duration, detail string) *evenkeel.Error {
	after := evenkeel.DurationOf(wait + time.Second - 1)
	return &evenkeel.Error{
		Code: evenkeel.CodeTooManyRequests, Detail: detail,
		RetryAfter: max(evenkeel.Second, after-after%evenkeel.Second),
	}
}
