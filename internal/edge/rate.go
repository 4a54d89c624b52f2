//evenkeel:pure

package edge

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is how much may come: Count at once, and as many again within Per. The
// zero Rate is no limit. Its text is "600/1m", or "off".
type Rate struct {
	Count int
	Per   time.Duration
}

func (r Rate) String() string {
	if r.Count == 0 {
		return "off"
	}
	per := r.Per.String()
	if strings.HasSuffix(per, "m0s") {
		per = strings.TrimSuffix(per, "0s")
	}
	return strconv.Itoa(r.Count) + "/" + per
}

// UnmarshalText reads a rate.
func (r *Rate) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*r = Rate{}
		return nil
	}
	bad := fmt.Errorf("%q is not a rate: write how many within what time, such as 600/1m, or off", b)
	count, per, _ := strings.Cut(string(b), "/")
	n, err := strconv.Atoi(count)
	d, err2 := time.ParseDuration(per)
	if err := errors.Join(err, err2); err != nil || n < 1 || n > 1e9 || d < time.Second || d > 24*time.Hour {
		return bad
	}
	*r = Rate{n, d}
	return nil
}

// Rates limit the HTTP API as a whole: what one address, one user and one API
// key may ask of one node. RPC is bounded by its connection.
type Rates struct {
	AddressReads, AddressWrites Rate
	UserReads, UserWrites       Rate
	KeyReads, KeyWrites         Rate
	NewVisitors                 Rate // tokens for new visitors, by address
}

// gauge is one limit over all who fall under it.
type gauge struct {
	name    string
	rate    Rate
	buckets *buckets
}

// newGauge makes a limit that remembers so many callers.
func newGauge(name string, rate Rate, most int) *gauge {
	g := &gauge{name: name, rate: rate}
	if rate.Count > 0 {
		g.buckets = newBuckets(rate.Count, rate.Per, most)
	}
	return g
}

// reading is what a limit says of one request.
type reading struct {
	gauge *gauge
	left  int
	full  time.Duration // until all is there again
	wait  time.Duration // until one more may come; 0: this one may
}

// take counts one request.
func (g *gauge) take(key string, now time.Duration) (reading, bool) {
	if g.buckets == nil {
		return reading{}, true
	}
	ok, wait := g.buckets.take(key, now)
	used := g.buckets.table[key].used
	return reading{gauge: g, left: g.rate.Count - used, full: time.Duration(used) * g.buckets.every, wait: wait}, ok
}

// headers returns RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers).
func (r reading) headers() (policy, limit string) {
	seconds := func(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
	return fmt.Sprintf("%q;q=%d;w=%d", r.gauge.name, r.gauge.rate.Count, seconds(r.gauge.rate.Per)),
		fmt.Sprintf("%q;r=%d;t=%d", r.gauge.name, r.left, seconds(r.full))
}
