package main

import (
	"math"
	"math/bits"
	"time"
)

// latencies counts durations in buckets whose width is a 32nd of their value,
// so that percentiles are right to about 3 % at any size.
type latencies struct {
	buckets [64 * 32]uint64
	count   uint64
	longest time.Duration
}

const latencyBits = 5

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<(latencyBits+1) {
		return int(v)
	}
	shift := bits.Len64(v) - latencyBits - 1
	return shift<<latencyBits + int(v>>shift)
}

// bucketEnd is the highest duration of a bucket.
func bucketEnd(b int) time.Duration {
	if b < 1<<(latencyBits+1) {
		return time.Duration(b)
	}
	shift := b>>latencyBits - 1
	return time.Duration((uint64(b&(1<<latencyBits-1)|1<<latencyBits)+1)<<shift - 1)
}

func (l *latencies) add(d time.Duration) {
	l.buckets[bucketOf(d)]++
	l.count++
	l.longest = max(l.longest, d)
}

func (l *latencies) merge(o *latencies) {
	for i, n := range o.buckets {
		l.buckets[i] += n
	}
	l.count += o.count
	l.longest = max(l.longest, o.longest)
}

// at returns the duration below which the share p of all lies.
func (l *latencies) at(p float64) time.Duration {
	if l.count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(p * float64(l.count)))
	for b, n := range l.buckets {
		if rank <= n {
			return min(bucketEnd(b), l.longest)
		}
		rank -= n
	}
	return l.longest
}
