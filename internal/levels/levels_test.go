package levels

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// counts makes counts of waits: answered, abandoned and flowed out, each in
// milliseconds.
func counts(answered, abandoned, flowed []evenkeel.Duration) *evenkeel.QueueCounts {
	c := &evenkeel.QueueCounts{}
	add := func(wait evenkeel.Duration, one evenkeel.QueueCounts, b evenkeel.WaitBucket) {
		b.Up = evenkeel.WaitEdge(wait)
		one.Offered, one.LongestWait, one.Waits = 1, wait, []evenkeel.WaitBucket{b}
		c.Add(&one)
	}
	for _, w := range answered {
		add(w, evenkeel.QueueCounts{Answered: 1, AnswerWait: w}, evenkeel.WaitBucket{Answered: 1})
	}
	for _, w := range abandoned {
		add(w, evenkeel.QueueCounts{Abandoned: 1, AbandonWait: w}, evenkeel.WaitBucket{Abandoned: 1})
	}
	for _, w := range flowed {
		add(w, evenkeel.QueueCounts{FlowedOut: 1}, evenkeel.WaitBucket{FlowedOut: 1})
	}
	return c
}

// TestVariants holds all variants against tables that were computed by hand.
func TestVariants(t *testing.T) {
	const s = evenkeel.Second
	// Ten contacts: answered after 0, 5, 19.9, 20, 20.001 and 45 s; abandoned after 2,
	// 5 and 31 s; flowed out after 20 s.
	ten := counts([]evenkeel.Duration{0, 5 * s, 19900, 20 * s, 20001, 45 * s}, []evenkeel.Duration{2 * s, 5 * s, 31 * s}, []evenkeel.Duration{20 * s})
	more := *ten
	more.Offered = 3 // the rest came in the interval before
	for _, row := range []struct {
		name  string
		c     *evenkeel.QueueCounts
		rule  Rule
		level string
	}{
		{"4 of 6+3", ten, Rule{Answered, 20 * s, 0}, "44.444"},
		{"4 of 10", ten, Rule{AnsweredAll, 20 * s, 0}, "40"},
		{"4 of 6+1: abandons up to 5 s do not count", ten, Rule{IgnoreShort, 20 * s, 5 * s}, "57.143"},
		{"4 of 6+2: one is longer than 4 s", ten, Rule{IgnoreShort, 20 * s, 4 * s}, "50"},
		{"4+2+1 of 10", ten, Rule{Removed, 20 * s, 0}, "70"},
		{"5 of 9: 21 s includes 20.001", ten, Rule{Answered, 21 * s, 0}, "55.556"},
		{"1 of 9: at once", ten, Rule{Answered, 0, 0}, "11.111"},
		{"all of 9", ten, Rule{Answered, evenkeel.Hour, 0}, "66.667"},
		{"more answers than offers", &more, Rule{AnsweredAll, evenkeel.Hour, 0}, "100"},
		{"nothing", &evenkeel.QueueCounts{}, Rule{Answered, 20 * s, 0}, ""},
		{"refused only", &evenkeel.QueueCounts{Refused: 3}, Rule{AnsweredAll, 20 * s, 0}, ""},
		{"all abandoned at once", counts(nil, []evenkeel.Duration{s}, nil), Rule{IgnoreShort, 20 * s, 5 * s}, ""},
	} {
		if got := ServiceLevel(row.c, row.rule).String(); got != row.level {
			t.Errorf("%s: %s instead of %s", row.name, got, row.level)
		}
	}
	for name, pair := range map[string][2]string{
		"asa":         {SpeedOfAnswer(ten).String(), "18.317"}, // 109.901 s / 6
		"abandonment": {Abandonment(ten).String(), "33.333"},
		"patience":    {Patience(ten).String(), "49.3"}, // (109.901 + 38) / 3
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %s instead of %s", name, pair[0], pair[1])
		}
	}
	agent := &evenkeel.AgentCounts{Slots: 400 * s, Busy: 100 * s, Held: 50 * s}
	if got := AgentOccupancy(agent).String(); got != "33.333" { // 150 of 450
		t.Errorf("occupancy %s", got)
	}
}

// TestEdges: a threshold that is an edge is judged exactly; another one by the
// edge below it, which never flatters.
func TestEdges(t *testing.T) {
	const s, m, h = evenkeel.Second, evenkeel.Minute, evenkeel.Hour
	for _, row := range []struct {
		wait evenkeel.Duration
		up   int64
	}{
		{0, 0}, {-5, 0}, {1, 1}, {s, 1}, {s + 1, 2}, {59*s + 1, 60}, {m, 60}, {m + 1, 70}, {70 * s, 70}, {10 * m, 600}, {10*m + 1, 660},
		{h, 3600}, {h + 1, 4500}, {24 * h, 86400}, {24*h + 1, evenkeel.WaitOpen},
	} {
		if got := evenkeel.WaitEdge(row.wait); got != row.up {
			t.Errorf("a wait of %s is within %d, want %d", row.wait, got, row.up)
		}
	}
	for threshold := evenkeel.Duration(0); threshold < 26*h; threshold += 777 {
		edge := evenkeel.ThresholdEdge(threshold)
		at := evenkeel.Duration(edge) * s
		if at > threshold || evenkeel.WaitEdge(at) != edge || edge > 0 && evenkeel.WaitEdge(at+1) <= edge {
			t.Fatalf("the edge of %s is %d", threshold, edge)
		}
	}
}

// TestRows cuts runs at the borders of rows and of the range.
func TestRows(t *testing.T) {
	day := int64(20000 * 96)
	tallies := []evenkeel.Tally{
		{From: day - 10, Intervals: 300, Agent: &evenkeel.AgentCounts{Online: evenkeel.IntervalLength}},
		{From: day + 1, Intervals: 1, Agent: &evenkeel.AgentCounts{Handled: 2}},
		{From: day + 1, Intervals: 1, Agent: &evenkeel.AgentCounts{Handled: 3}},
	}
	for _, row := range []struct {
		r    Range
		want string
	}{
		{Range{day, day + 8, Total}, "0-8:5,2h0m0s"},
		{Range{day, day + 8, Hourly}, "0-4:5,1h0m0s 4-8:0,1h0m0s"},
		{Range{day + 1, day + 6, Hourly}, "1-4:5,45m0s 4-6:0,30m0s"},
		{Range{day + 2, day + 4, Quarter}, "2-3:0,15m0s 3-4:0,15m0s"},
		{Range{day - 100, day + 500, Daily}, "-96-0:0,2h30m0s 0-96:5,24h0m0s 96-192:0,24h0m0s 192-288:0,24h0m0s 288-384:0,30m0s"},
		{Range{day + 400, day + 500, Daily}, ""},
	} {
		var got []string
		for _, x := range Rows("ann", tallies, row.r) {
			got = append(got, fmt.Sprintf("%d-%d:%d,%s", x.From-day, x.To-day, x.Agent.Handled, x.Agent.Online))
		}
		if s := strings.Join(got, " "); s != row.want {
			t.Errorf("%+v: %s instead of %s", row.r, s, row.want)
		}
	}
}

// TestCSV: names of columns, RFC 4180, and nothing that a spreadsheet would run.
func TestCSV(t *testing.T) {
	row := OfAgent(&Row{ID: "=1+1,\"x\"", From: 0, To: 4, Agent: evenkeel.AgentCounts{Online: 1500}})
	b, err := CSV([]AgentReport{*row})
	if err != nil {
		t.Fatal(err)
	}
	want := "agent,from,to,handled,aht,wrap_up,transferred,missed_offers,declined_offers,online,away,occupancy,slot_seconds,busy_seconds,held_seconds\r\n" +
		"\"'=1+1,\"\"x\"\"\",1970-01-01T00:00:00.000Z,1970-01-01T01:00:00.000Z,0,,,0,0,0,1.5,0,,0,0,0\r\n"
	if string(b) != want {
		t.Errorf("%q\nwant\n%q", b, want)
	}
	for _, text := range []string{"+1", "-1", "@x", "\tx", "\rx"} {
		if cell(text) != "'"+text {
			t.Errorf("%q is written as %q", text, cell(text))
		}
	}
	j, err := json.Marshal(row)
	if err != nil || !strings.Contains(string(j), `"aht":null`) || !strings.Contains(string(j), `"online":1.5`) {
		t.Errorf("%s, %v", j, err)
	}
}

// TestStaffing: 100 chats in half an hour of 3 minutes each (the example of
// TestErlangCPublished) take 14 chats at once, which are 4 agents with 4 each.
func TestStaffing(t *testing.T) {
	c := evenkeel.QueueCounts{Offered: 100, Handled: 100, HandleTime: 18000 * evenkeel.Second}
	target := Target{Threshold: 20 * evenkeel.Second, Share: 0.8, ChatsPerAgent: 4}
	got := OfStaffing(&Row{From: 0, To: 2, Queue: c}, &c, target)
	if got.Erlangs.String() != "10" || got.ChatsC != 14 || got.AgentsC != 4 || got.ChatsA.Known() {
		t.Errorf("%+v", got)
	}
	c.Answered, c.Abandoned, c.AbandonWait = 90, 10, 600*evenkeel.Second
	if got := OfStaffing(&Row{From: 0, To: 2, Queue: c}, &c, target); got.Patience != 60 || got.ChatsA > 13 || got.ChatsA < 8 {
		t.Errorf("%+v", got)
	}
	if got := OfStaffing(&Row{From: 0, To: 2, Queue: evenkeel.QueueCounts{Offered: 5}}, &evenkeel.QueueCounts{}, target); got.ChatsC.Known() {
		t.Errorf("staffing without a handle time: %+v", got)
	}
}

// TestEstimatedWait is honest about what it does not know.
func TestEstimatedWait(t *testing.T) {
	head := evenkeel.LineHead{Answered: 10, Over: 10 * evenkeel.Minute, Staffed: true}
	for position, want := range map[int]evenkeel.Duration{1: evenkeel.Minute, 3: 3 * evenkeel.Minute} {
		if got, ok := EstimatedWait(&head, position); !ok || got != want {
			t.Errorf("%d: %s, %v", position, got, ok)
		}
	}
	head.Answered = 2
	_, few := EstimatedWait(&head, 1)
	head.Answered, head.Staffed = 10, false
	_, nobody := EstimatedWait(&head, 1)
	if few || nobody {
		t.Error("a guess is told as an estimate")
	}
}
