package desk

// lookup is a map that gives its memory back when most of what it held has gone:
// a map of Go never does.
type lookup[K comparable, V any] struct {
	m    map[K]V
	most int // entries at a time, since it was made
}

// What held shrinkFrom entries or more is made anew when all but one of
// shrinkTo have gone: what it costs to copy the rest was earned by the removals.
const (
	shrinkFrom = 1024
	shrinkTo   = 8
)

func newLookup[K comparable, V any]() lookup[K, V] { return lookup[K, V]{m: make(map[K]V)} }

func (l *lookup[K, V]) get(k K) V { return l.m[k] }

func (l *lookup[K, V]) find(k K) (V, bool) {
	v, ok := l.m[k]
	return v, ok
}

func (l *lookup[K, V]) set(k K, v V) {
	l.m[k] = v
	l.most = max(l.most, len(l.m))
}

func (l *lookup[K, V]) remove(k K) {
	delete(l.m, k)
	n := len(l.m)
	if l.most < shrinkFrom || n > l.most/shrinkTo {
		return
	}
	rest := make(map[K]V, n)
	for k, v := range l.m { //order: a copy is the same in any order
		rest[k] = v
	}
	l.m, l.most = rest, n
}

// shrunk returns the list in less memory, if it takes much more than it needs.
func shrunk[T any](list []T) []T {
	if cap(list) < shrinkFrom || len(list) > cap(list)/shrinkTo {
		return list
	}
	return append(make([]T, 0, 2*len(list)), list...)
}
