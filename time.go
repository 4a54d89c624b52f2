package evenkeel

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// DeskTime is the cell's own steady clock: milliseconds since the cell was
// formed, advanced by the leader and written into every entry. It never goes
// back. Deadlines are desk times.
type DeskTime int64

// Time is a wall-clock time: milliseconds since 1970 UTC. It serves display,
// business hours and cron, never a deadline. Its JSON form is RFC 3339.
type Time int64

// TimeOf converts a time of the standard library.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Std converts to the standard library's type, in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// AppendFormat appends the RFC 3339 form with milliseconds, in UTC.
func (t Time) AppendFormat(dst []byte) []byte {
	return t.Std().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}

func (t Time) String() string { return string(t.AppendFormat(nil)) }

// MarshalJSON writes RFC 3339 with milliseconds, in UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 32), '"')
	return append(t.AppendFormat(b), '"'), nil
}

// UnmarshalJSON reads RFC 3339.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return errors.New("a time must be a string in RFC 3339 form")
	}
	std, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return errors.New("a time must be in RFC 3339 form, such as 2026-01-31T12:00:00Z")
	}
	*t = TimeOf(std)
	return nil
}

// Duration is a span of desk time in milliseconds. Its JSON form is a number
// of seconds, its YAML form a string such as "20s".
type Duration int64

// Spans of desk time.
const (
	Millisecond Duration = 1
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
)

// DurationOf converts a span of the standard library, cutting off what is
// below a millisecond.
func DurationOf(d time.Duration) Duration { return Duration(d / time.Millisecond) }

// Std converts to the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) * time.Millisecond }

func (d Duration) String() string { return d.Std().String() }

// MarshalJSON writes seconds, with up to three decimals.
func (d Duration) MarshalJSON() ([]byte, error) {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	s := sign + strconv.FormatInt(int64(d/Second), 10)
	if ms := d % Second; ms != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(int64(ms+Second), 10)[1:], "0")
	}
	return []byte(s), nil
}

// UnmarshalJSON reads seconds, with up to three decimals.
func (d *Duration) UnmarshalJSON(b []byte) error {
	bad := errors.New("a duration must be a number of seconds, such as 20 or 0.5")
	s := string(b)
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > 3 {
		return bad
	}
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec > 1e12 || sec < -1e12 {
		return bad
	}
	var ms int64
	if fraction != "" {
		u, err := strconv.ParseUint((fraction + "00")[:3], 10, 16)
		if err != nil {
			return bad
		}
		ms = int64(u)
	}
	if strings.HasPrefix(whole, "-") {
		ms = -ms
	}
	*d = Duration(sec)*Second + Duration(ms)
	return nil
}

// UnmarshalText reads a Go-style string such as "20s" (YAML, command line).
func (d *Duration) UnmarshalText(b []byte) error {
	std, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New(`a duration must look like "20s", "1m30s" or "2h"`)
	}
	*d = DurationOf(std)
	return nil
}
