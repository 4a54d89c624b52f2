package evenkeel

import (
	"strconv"
	"time"
)

// Weekday is a day of the week.
type Weekday uint8

// The days, as in the calendar of most of the world.
const (
	Monday Weekday = iota
	Tuesday
	Wednesday
	Thursday
	Friday
	Saturday
	Sunday
)

var weekdayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func (d Weekday) String() string { return enumString(d, weekdayNames) }

// MarshalText writes the day's name.
func (d Weekday) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a day's name.
func (d *Weekday) UnmarshalText(b []byte) error { return parseEnum(d, weekdayNames, "day", b) }

// Hours are the times at which a queue takes chats, by the clocks of a place. A
// queue is open when its local time is in one of the ranges and the day is no
// holiday: so it holds on days on which clocks change, too.
type Hours struct {
	TimeZone string      `cbor:"1,keyasint" json:"time_zone"` // of the IANA database: Europe/Berlin
	Weekly   []OpenHours `cbor:"2,keyasint,omitempty" json:"weekly"`
	Holidays []string    `cbor:"3,keyasint,omitempty" json:"holidays"` // dates such as 2026-12-25: closed all day
}

// OpenHours is a range of time on some days: from From until before To. Over
// midnight are two.
type OpenHours struct {
	Days []Weekday `cbor:"1,keyasint" json:"days"`
	From string    `cbor:"2,keyasint" json:"from"` // 09:00
	To   string    `cbor:"3,keyasint" json:"to"`   // 17:30; 24:00 is the end of the day
}

// The bounds of hours.
const (
	maxWeekly   = 50
	maxHolidays = 400
)

// QueueHours says how a queue stands by its hours, for the version of its
// settings that was looked at.
type QueueHours struct {
	Queue   string `cbor:"1,keyasint"`
	Version uint64 `cbor:"2,keyasint"`
	Open    bool   `cbor:"3,keyasint,omitempty"`
	Until   Time   `cbor:"4,keyasint"` // it stays so until then, at least
}

// Kind returns the kind of the command.
func (*QueueHours) Kind() Kind { return KindQueueHours }

// QueueSchedule is a queue with hours, and what the desk was told of them.
type QueueSchedule struct {
	Workspace string
	Queue     string
	Hours     *Hours
	Version   uint64 // of the settings
	Told      uint64 // the version for which it was told, 0: never
	Open      bool
	Until     Time
}

// Check judges hours, but for the name of the zone: those are known to whoever
// has the database.
func (h *Hours) Check() *Error {
	if h.TimeZone == "" || len(h.TimeZone) > 64 {
		return FieldErrorf("hours", "time_zone must name a zone such as Europe/Berlin")
	}
	if len(h.Weekly) > maxWeekly || len(h.Holidays) > maxHolidays {
		return FieldErrorf("hours", "hours have %d ranges and %d holidays at most", maxWeekly, maxHolidays)
	}
	for _, w := range h.Weekly {
		from, ok := MinuteOfDay(w.From)
		to, ok2 := MinuteOfDay(w.To)
		if !ok || !ok2 || from >= to {
			return FieldErrorf("hours", "a range goes from a time such as 09:00 to a later one such as 17:30, 24:00 at most; over midnight make two of it")
		}
		if len(w.Days) == 0 || len(w.Days) > len(weekdayNames) {
			return FieldErrorf("hours", "a range has 1 to 7 days")
		}
		for _, d := range w.Days {
			if d > Sunday {
				return FieldErrorf("hours", "a day is one of mon, tue, wed, thu, fri, sat, sun")
			}
		}
	}
	for _, day := range h.Holidays {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return FieldErrorf("hours", "a holiday is a date such as 2026-12-25, not %q", day)
		}
	}
	return nil
}

// MinuteOfDay reads a time of day such as 09:30.
func MinuteOfDay(s string) (minute int, ok bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	hour, err := strconv.ParseUint(s[:2], 10, 8)
	rest, err2 := strconv.ParseUint(s[3:], 10, 8)
	minute = int(hour)*60 + int(rest)
	return minute, err == nil && err2 == nil && rest < 60 && minute <= 24*60
}
