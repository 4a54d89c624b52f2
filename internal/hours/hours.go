// Package hours tells when a queue is open by its hours: with the clocks of its
// place, whatever clock the machine has. The desk has no calendar. It is told how
// a queue stands, and until when:
//
//	settings -> Due -> queue.hours {version, open, until} -> the desk
//
// The database of time zones is part of the program, so that every machine has one.
package hours

import (
	"slices"
	"time"
	_ "time/tzdata" // machines without a database of time zones are normal users

	"github.com/evenkeel/evenkeel"
)

// ahead is how far a change is looked for.
const ahead = 14 * 24 * time.Hour

// Check judges hours, and that their zone exists.
func Check(h *evenkeel.Hours) *evenkeel.Error {
	if h == nil {
		return nil
	}
	if refusal := h.Check(); refusal != nil {
		return refusal
	}
	if _, err := zone(h); err != nil {
		return evenkeel.FieldErrorf("hours", "there is no time zone %q; it must be one such as Europe/Berlin", h.TimeZone)
	}
	return nil
}

// Due returns what the desk is to be told of a queue at a time: nil if it knows.
func Due(s *evenkeel.QueueSchedule, now evenkeel.Time) (*evenkeel.QueueHours, error) {
	place, err := zone(s.Hours)
	if err != nil {
		return nil, err
	}
	at := now.Std()
	open := openAt(s.Hours, at.In(place))
	if s.Told == s.Version && open == s.Open && now < s.Until {
		return nil, nil
	}
	until := evenkeel.TimeOf(next(s.Hours, at.In(place)))
	return &evenkeel.QueueHours{Queue: s.Queue, Version: s.Version, Open: open, Until: until}, nil
}

// zone loads the zone of some hours. The machine's own is none.
func zone(h *evenkeel.Hours) (*time.Location, error) {
	if h.TimeZone == "Local" {
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "Local is no time zone")
	}
	return time.LoadLocation(h.TimeZone)
}

// next returns when the state changes, or how far it was looked. Ranges begin and
// end with a minute, in every zone.
func next(h *evenkeel.Hours, now time.Time) time.Time {
	open := openAt(h, now)
	t := now.Truncate(time.Minute)
	for end := t.Add(ahead); t.Before(end); {
		t = t.Add(time.Minute)
		if openAt(h, t) != open {
			break
		}
	}
	return t
}

// openAt judges a local time.
func openAt(h *evenkeel.Hours, local time.Time) bool {
	day := evenkeel.Weekday((local.Weekday() + 6) % 7) //nolint:gosec // 0 to 6
	minute := local.Hour()*60 + local.Minute()
	for _, w := range h.Weekly {
		from, _ := evenkeel.MinuteOfDay(w.From)
		to, _ := evenkeel.MinuteOfDay(w.To)
		if minute >= from && minute < to && slices.Contains(w.Days, day) {
			return !slices.Contains(h.Holidays, local.Format(time.DateOnly))
		}
	}
	return false
}
