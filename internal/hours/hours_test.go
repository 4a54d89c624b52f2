package hours

import (
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

func weekdays(from, to string) evenkeel.OpenHours {
	return evenkeel.OpenHours{Days: []evenkeel.Weekday{evenkeel.Monday, evenkeel.Tuesday, evenkeel.Wednesday, evenkeel.Thursday, evenkeel.Friday}, From: from, To: to}
}

func on(day evenkeel.Weekday, from, to string) evenkeel.OpenHours {
	return evenkeel.OpenHours{Days: []evenkeel.Weekday{day}, From: from, To: to}
}

// TestDue: how a queue stands and until when, in times of UTC.
func TestDue(t *testing.T) {
	berlin := func(ranges ...evenkeel.OpenHours) *evenkeel.Hours {
		return &evenkeel.Hours{TimeZone: "Europe/Berlin", Weekly: ranges, Holidays: []string{"2026-12-25", "2026-12-26"}}
	}
	office := berlin(weekdays("09:00", "17:30"))
	for _, c := range []struct {
		name  string
		hours *evenkeel.Hours
		at    string
		open  bool
		until string
	}{
		{"before", office, "2026-01-05T07:59:59Z", false, "2026-01-05T08:00:00Z"},
		{"at the first second", office, "2026-01-05T08:00:00Z", true, "2026-01-05T16:30:00Z"},
		{"at the last one", office, "2026-01-05T16:29:59Z", true, "2026-01-05T16:30:00Z"},
		{"after", office, "2026-01-05T16:30:00Z", false, "2026-01-06T08:00:00Z"},
		{"over a weekend into summer time", office, "2026-03-27T17:00:00Z", false, "2026-03-30T07:00:00Z"},
		{"over a weekend into winter time", office, "2026-10-23T16:00:00Z", false, "2026-10-26T08:00:00Z"},
		{"over holidays and a weekend", office, "2026-12-24T16:30:00Z", false, "2026-12-28T08:00:00Z"},
		{"a holiday on a working day", office, "2026-12-25T10:00:00Z", false, "2026-12-28T08:00:00Z"},
		// On 29 March 02:00 is 03:00: what would begin between begins then.
		{"a beginning that does not exist", berlin(on(evenkeel.Sunday, "02:30", "05:00")), "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
		{"an end that does not exist", berlin(on(evenkeel.Sunday, "01:00", "02:30")), "2026-03-29T00:30:00Z", true, "2026-03-29T01:00:00Z"},
		// On 25 October the hour from 02:00 is there twice: so is what lies in it.
		{"an hour that is there twice", berlin(on(evenkeel.Sunday, "02:00", "02:30")), "2026-10-25T00:10:00Z", true, "2026-10-25T00:30:00Z"},
		{"its second time", berlin(on(evenkeel.Sunday, "02:00", "02:30")), "2026-10-25T00:40:00Z", false, "2026-10-25T01:00:00Z"},
		{"through it", berlin(on(evenkeel.Sunday, "01:00", "03:00")), "2026-10-25T00:10:00Z", true, "2026-10-25T02:00:00Z"},
		{"over midnight", berlin(on(evenkeel.Friday, "22:00", "24:00"), on(evenkeel.Saturday, "00:00", "02:00")), "2026-01-09T22:00:00Z", true, "2026-01-10T01:00:00Z"},
		{"ranges that touch", berlin(weekdays("09:00", "12:00"), weekdays("12:00", "13:00")), "2026-01-05T09:00:00Z", true, "2026-01-05T12:00:00Z"},
		{"never", berlin(), "2026-01-05T09:00:00Z", false, "2026-01-19T09:00:00Z"},
		{"a zone of a quarter of an hour", &evenkeel.Hours{TimeZone: "Asia/Kathmandu", Weekly: []evenkeel.OpenHours{weekdays("10:00", "17:00")}}, "2026-01-05T04:14:00Z", false, "2026-01-05T04:15:00Z"},
	} {
		s := &evenkeel.QueueSchedule{Queue: "q", Hours: c.hours, Version: 7}
		now := instant(t, c.at)
		got, err := Due(s, now)
		if err != nil || got == nil || got.Open != c.open || got.Until != instant(t, c.until) || got.Version != 7 || got.Queue != "q" {
			t.Errorf("%s: %+v, %v; wanted %v until %s", c.name, got, err, c.open, c.until)
			continue
		}
		s.Told, s.Open, s.Until = 7, got.Open, got.Until
		for what, want := range map[string]bool{"known": false, "changed settings": true, "time over": true} {
			asked, at := *s, now
			switch what {
			case "changed settings":
				asked.Version = 8
			case "time over":
				at = s.Until
			}
			if again, err := Due(&asked, at); err != nil || (again != nil) != want {
				t.Errorf("%s, %s: %+v, %v", c.name, what, again, err)
			}
		}
	}
}

func instant(t *testing.T, s string) evenkeel.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return evenkeel.TimeOf(at)
}

func TestCheck(t *testing.T) {
	for name, h := range map[string]*evenkeel.Hours{
		"no zone":       {},
		"no such zone":  {TimeZone: "Europe/Bremen"},
		"the machine's": {TimeZone: "Local"},
		"a file":        {TimeZone: "../etc/passwd"},
		"backwards":     {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "17:00", "09:00")}},
		"empty":         {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "09:00", "09:00")}},
		"no time":       {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "9:00", "10:00")}},
		"a long hour":   {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "09:60", "10:00")}},
		"a long day":    {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "09:00", "24:01")}},
		"no days":       {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{{From: "09:00", To: "10:00"}}},
		"an eighth day": {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Sunday+1, "09:00", "10:00")}},
		"no date":       {TimeZone: "UTC", Holidays: []string{"2026-02-29"}},
		"many ranges":   {TimeZone: "UTC", Weekly: make([]evenkeel.OpenHours, 51)},
		"many holidays": {TimeZone: "UTC", Holidays: make([]string, 401)},
		"letters":       {TimeZone: "UTC", Weekly: []evenkeel.OpenHours{on(evenkeel.Monday, "0x:00", "10:00")}},
	} {
		if err := Check(h); err == nil || err.Field != "hours" || err.Code != evenkeel.CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := &evenkeel.Hours{TimeZone: "America/St_Johns", Weekly: []evenkeel.OpenHours{weekdays("00:00", "24:00")}, Holidays: []string{"2028-02-29"}}
	if err := Check(good); err != nil {
		t.Error(err)
	}
	if err := Check(nil); err != nil {
		t.Error(err)
	}
}
