//evenkeel:pure

package edge

import (
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/levels"
)

// parameters are those of a query, each once.
type parameters map[string][]string

func (p parameters) Get(name string) string {
	if values := p[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// reportQuery is what a report is asked for.
type reportQuery struct {
	agents bool
	id     string // of one queue or agent; empty: of all
	span   levels.Range
	limit  int

	// The row at which the page before ended, and the last one of this page.
	afterID, lastID   string
	afterRow, lastRow int64
}

const (
	defaultRows = 200
	maxRows     = 1000
	maxRange    = 400 * 24 * evenkeel.Hour
)

// reportCursor is the letter of the cursors of reports.
const reportCursor = 'r'

func (a *reportQuery) cursor() string {
	return makeCursor(reportCursor, strconv.FormatInt(a.lastRow, 10)+" "+a.lastID)
}

// readReport reads what all reports are asked for. name is the parameter that
// names one queue or agent.
func readReport(v parameters, name string, now evenkeel.Time) (*reportQuery, *evenkeel.Error) {
	a := &reportQuery{id: v.Get(name), limit: defaultRows}
	const day = 24 * evenkeel.Hour
	to, err := readTime("to", v.Get("to"), now)
	from, err2 := readTime("from", v.Get("from"), to-evenkeel.Time(day))
	rows, known := levels.ParseInterval(v.Get("interval"))
	last, err3 := readCursor(reportCursor, v.Get("cursor"))
	if err := firstError(err, err2, err3); err != nil {
		return nil, err
	}
	switch format := v.Get("format"); {
	case !known:
		return nil, badQuery("interval", "must be 15m, 1h, 1d or total")
	case format != "" && format != "json" && format != "csv":
		return nil, badQuery("format", "must be json or csv")
	case to <= from:
		return nil, badQuery("to", "must be later than from")
	case evenkeel.Duration(to-from) > maxRange:
		return nil, badQuery("from", "must be at most 400 days before to")
	}
	// Whole intervals, so that all of the asked time is in it.
	a.span = levels.Range{From: evenkeel.IntervalOf(from), To: evenkeel.IntervalOf(to-1) + 1, Rows: rows}
	if s := v.Get("limit"); s != "" {
		n, failure := strconv.Atoi(s)
		if failure != nil || n < 1 || n > maxRows {
			return nil, badQuery("limit", "must be a whole number from 1 to "+strconv.Itoa(maxRows))
		}
		a.limit = n
	}
	if v.Get("cursor") != "" {
		row, id, _ := strings.Cut(last, " ")
		n, failure := strconv.ParseInt(row, 10, 64)
		if failure != nil || id == "" {
			return nil, badQuery("cursor", "is not one that this list gave")
		}
		a.afterRow, a.afterID = n, id
	}
	return a, nil
}

func readTime(name, s string, otherwise evenkeel.Time) (evenkeel.Time, *evenkeel.Error) {
	if s == "" {
		return otherwise, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9000 {
		return 0, badQuery(name, "must be a time in RFC 3339 form, such as 2026-01-31T12:00:00Z")
	}
	return evenkeel.TimeOf(t), nil
}

// readSeconds reads a number of seconds; otherwise, -1.
func readSeconds(v parameters, name string) (evenkeel.Duration, *evenkeel.Error) {
	s := v.Get(name)
	if s == "" {
		return -1, nil
	}
	var d evenkeel.Duration
	if err := d.UnmarshalJSON([]byte(s)); err != nil || d < 0 || d > 24*evenkeel.Hour {
		return 0, badQuery(name, "must be a number of seconds from 0 to 86400")
	}
	return d, nil
}

// defaultShort is up to how long a wait is no real one, if nobody says.
const defaultShort = 5 * evenkeel.Second

// readRule reads how service levels are to be judged; a threshold of -1 is that
// of each queue.
func readRule(v parameters) (levels.Rule, *evenkeel.Error) {
	variant, failure := levels.ParseVariant(v.Get("variant"))
	if failure != nil {
		return levels.Rule{}, badQuery("variant", failure.Error())
	}
	threshold, err := readSeconds(v, "threshold")
	short, err2 := readSeconds(v, "short")
	if short < 0 {
		short = defaultShort
	}
	return levels.Rule{Variant: variant, Threshold: threshold, Short: short}, firstError(err, err2)
}

// defaultChats is how many chats an agent is taken to hold, if nobody says.
const defaultChats = evenkeel.DefaultCapacity

// readTarget reads what staffing aims at; what is -1 is that of each queue.
func readTarget(v parameters) (levels.Target, *evenkeel.Error) {
	t := levels.Target{Share: -1, ChatsPerAgent: defaultChats}
	threshold, err := readSeconds(v, "threshold")
	if err != nil {
		return t, err
	}
	t.Threshold = threshold
	if s := v.Get("target"); s != "" {
		n, failure := strconv.Atoi(s)
		if failure != nil || n < 1 || n > 99 {
			return t, badQuery("target", "must be a whole percentage from 1 to 99")
		}
		t.Share = float64(n) / 100
	}
	if s := v.Get("chats_per_agent"); s != "" {
		n, failure := strconv.Atoi(s)
		if failure != nil || n < 1 || n > 1000 {
			return t, badQuery("chats_per_agent", "must be a whole number from 1 to 1000")
		}
		t.ChatsPerAgent = int64(n)
	}
	return t, nil
}
