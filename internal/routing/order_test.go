package routing

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// lineOf makes places 0 to n-1, and the part of them for which in is true.
func lineOf(n int, in func(i int) bool) (line, part *tree[place], places []place) {
	line, part = newTree(before), newTree(before)
	for i := range n {
		c := &chat{id: fmt.Sprint(i)}
		c.place = place{0, int64(i), 0, c}
		line.Set(c.place)
		places = append(places, c.place)
		if in(i) {
			part.Set(c.place)
		}
	}
	return line, part, places
}

func TestFirstMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		first := rapid.IntRange(0, n).Draw(t, "first")
		every := rapid.IntRange(1, 5).Draw(t, "every")
		line, part, places := lineOf(n, func(i int) bool { return i < first || i > first && i%every == 0 })
		got, at := firstMissing(line, part, rapid.IntRange(0, n+2).Draw(t, "guess"))
		want := place{}
		if first < n {
			want = places[first]
		}
		if got != want || at != first {
			t.Fatalf("got %v at %d, want %v at %d", got, at, want, first)
		}
	})
}

func TestBefore(t *testing.T) {
	a, b := &chat{id: "a"}, &chat{id: "b"}
	ordered := []place{
		frontmost,
		{2, 9, 9, a}, {1, 0, 9, a}, {1, 1, 0, a}, {1, 1, 5, a}, {1, 1, 6, a}, {1, 1, 6, b}, {0, 0, 0, a}, {-1, 0, 0, a},
	}
	for i, x := range ordered {
		for k, y := range ordered {
			if got := before(x, y); got != (i < k) {
				t.Errorf("before(%v, %v) = %v", x, y, got)
			}
		}
	}
}
