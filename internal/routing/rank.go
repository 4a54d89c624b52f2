package routing

import (
	"cmp"
	"math/bits"
	"slices"
)

// rank is a free member's place in the order of his queue's strategy: smaller
// keys are asked first. The keys are computed when the facts change, so that
// comparing two ranks follows no pointer unless all keys are equal.
type rank struct {
	keys   [3]int64
	member *member
}

func rankBefore(a, b rank) bool {
	switch {
	case a.keys[0] != b.keys[0]:
		return a.keys[0] < b.keys[0]
	case a.keys[1] != b.keys[1]:
		return a.keys[1] < b.keys[1]
	case a.keys[2] != b.keys[2]:
		return a.keys[2] < b.keys[2]
	}
	return a.member != b.member && a.member.agent.id < b.member.agent.id
}

// rankKeys computes the keys by which m is ordered among the free members.
func rankKeys(m *member) [3]int64 {
	a := m.agent
	switch m.queue.strategy {
	case LongestIdle:
		return [3]int64{a.idleSince}
	case RoundRobin:
		return [3]int64{int64(m.turn ^ 1<<63)} // keeps the order of unsigned numbers
	case Tiers:
		return [3]int64{m.level, m.position}
	case MostSkilled:
		return [3]int64{-m.skill, share(a.used, a.capacity), a.lastAssigned}
	default:
		return [3]int64{share(a.used, a.capacity), a.lastAssigned}
	}
}

// share is used/capacity in units of 2^-62, rounded down. Two different
// fractions whose denominators are below 2^31 lie more than 2^-62 apart, so the
// rounding never makes them equal: comparing shares compares the fractions exactly.
// A free member uses less than his capacity, so it fits.
func share(used, capacity int64) int64 {
	if used <= 0 {
		return 0
	}
	if used >= capacity {
		return 1 << 62
	}
	hi, lo := uint64(used)>>2, uint64(used)<<62
	s, _ := bits.Div64(hi, lo, uint64(capacity))
	return int64(s)
}

// qualify compares the agent's skills with those that the queue requires.
// missing is the index of the first required skill that he lacks, or -1; sum is
// what MostSkilled ranks by.
func qualify(have, required []Skill) (missing int, sum int64) {
	if len(required) == 0 {
		for _, s := range have {
			sum += s.Level
		}
		return -1, sum
	}
	for i, r := range required {
		at, ok := slices.BinarySearchFunc(have, r.Name, func(s Skill, name string) int {
			return cmp.Compare(s.Name, name)
		})
		if !ok || have[at].Level < r.Level {
			return i, 0
		}
		sum += have[at].Level
	}
	return -1, sum
}
