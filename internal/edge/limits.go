//evenkeel:pure

package edge

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// buckets are token buckets by key, for limits by address. The table is
// bounded: when it is full the bucket that was used longest ago is forgotten,
// which gives its owner a full one, and takes nothing from anybody else.
type buckets struct {
	burst int           // tokens of a full bucket
	every time.Duration // until one more token is there
	most  int           // buckets

	table map[string]*bucket
	// newest and oldest are the ends of the list of buckets by their last use.
	newest, oldest *bucket
}

type bucket struct {
	key          string
	used         int           // tokens that are missing
	since        time.Duration // when `used` was right
	newer, older *bucket
}

// newBuckets makes a table: burst tokens at first, and again within per.
func newBuckets(burst int, per time.Duration, most int) *buckets {
	return &buckets{burst: burst, every: per / time.Duration(burst), most: most, table: map[string]*bucket{}}
}

// take takes one token. If there is none it says when there will be.
func (b *buckets) take(key string, now time.Duration) (ok bool, wait time.Duration) {
	k := b.table[key]
	if k == nil {
		if len(b.table) >= b.most {
			b.drop(b.oldest)
		}
		k = &bucket{key: key, since: now}
		b.table[key] = k
	} else {
		b.unlink(k)
	}
	b.link(k)
	k.refill(now, b.every)
	if k.used >= b.burst {
		return false, k.since + b.every - now
	}
	k.used++
	return true, 0
}

// giveBack undoes a take.
func (b *buckets) giveBack(key string) {
	if k := b.table[key]; k != nil && k.used > 0 {
		k.used--
	}
}

func (k *bucket) refill(now, every time.Duration) {
	gained := int((now - k.since) / every)
	if gained >= k.used {
		k.used, k.since = 0, now
		return
	}
	k.used -= gained
	k.since += time.Duration(gained) * every
}

func (b *buckets) link(k *bucket) {
	k.older = b.newest
	if b.newest != nil {
		b.newest.newer = k
	}
	b.newest = k
	if b.oldest == nil {
		b.oldest = k
	}
}

func (b *buckets) unlink(k *bucket) {
	if k.newer != nil {
		k.newer.older = k.older
	} else {
		b.newest = k.older
	}
	if k.older != nil {
		k.older.newer = k.newer
	} else {
		b.oldest = k.newer
	}
	k.newer, k.older = nil, nil
}

func (b *buckets) drop(k *bucket) {
	b.unlink(k)
	delete(b.table, k.key)
}

// tooManyRequests is the refusal of a limit.
func tooManyRequests(wait time.Duration, detail string) *evenkeel.Error {
	after := evenkeel.DurationOf(wait + time.Second - 1)
	return &evenkeel.Error{
		Code: evenkeel.CodeTooManyRequests, Detail: detail,
		RetryAfter: max(evenkeel.Second, after-after%evenkeel.Second),
	}
}
