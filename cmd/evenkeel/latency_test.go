package main

import (
	"testing"
	"time"
)

func TestPercentilesAreNearTheTruth(t *testing.T) {
	var l, even latencies
	for i := 1; i <= 100000; i++ {
		d := time.Duration(i) * time.Microsecond
		if i%2 == 0 {
			even.add(d)
		} else {
			l.add(d)
		}
	}
	l.merge(&even)
	for p, want := range map[float64]time.Duration{
		0.00001: time.Microsecond, 0.5: 50 * time.Millisecond, 0.9: 90 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond,
	} {
		if got := l.at(p); got < want || float64(got) > 1.04*float64(want) {
			t.Errorf("at %v: %s, want %s or up to 4 %% more", p, got, want)
		}
	}
	if l.count != 100000 || l.longest != 100*time.Millisecond {
		t.Errorf("%d, longest %s", l.count, l.longest)
	}
	if (&latencies{}).at(0.5) != 0 {
		t.Error("of nothing the median is something")
	}
}

func TestBucketsDoNotOverlap(t *testing.T) {
	for b := range 40 * 32 {
		if end := bucketEnd(b); bucketOf(end) != b || bucketOf(end+1) != b+1 {
			t.Fatalf("bucket %d ends at %d, which is in %d; the next is in %d", b, end, bucketOf(end), bucketOf(end+1))
		}
	}
}
