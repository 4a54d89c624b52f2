//evenkeel:shell

package edge

import (
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/levels"
)

func (e *Edge) reportRoutes() []route {
	who := being(evenkeel.RoleSupervisor, evenkeel.RoleAdmin, evenkeel.RoleService, evenkeel.RoleOperator)
	common := []string{"from", "to", "interval", "limit", "cursor", "format"}
	return []route{
		{http.MethodGet, "/v1/reports/queues", who, reportQueues, "Service levels of queues, as JSON or CSV",
			gives[reportOf[levels.QueueReport]]().asks(common...).asks("queue", "variant", "threshold", "short").orCSV()},
		{http.MethodGet, "/v1/reports/agents", who, reportAgents, "What agents did, and how their slots were used, as JSON or CSV",
			gives[reportOf[levels.AgentReport]]().asks(common...).asks("agent").orCSV()},
		{http.MethodGet, "/v1/reports/staffing", who, reportStaffing, "How many agents the recorded arrivals would have needed (Erlang C and A), as JSON or CSV",
			gives[reportOf[levels.StaffingReport]]().asks(common...).asks("queue", "threshold", "target", "chats_per_agent").orCSV()},
	}
}

// reportOf is a page of a report.
type reportOf[T any] struct {
	From  evenkeel.Time `json:"from"` // of the range, at a quarter of an hour
	To    evenkeel.Time `json:"to"`
	Items []T           `json:"items"`
	Next  *string       `json:"next"`
}

func reportQueues(q *request) (*answer, *evenkeel.Error) {
	asked, err := q.readReport("queue")
	rule, err2 := readRule(parameters(q.URL.Query()))
	if err := firstError(err, err2); err != nil {
		return nil, err
	}
	return report(q, asked, func(id string) maker[levels.QueueReport] {
		rule := rule
		if rule.Threshold < 0 {
			rule.Threshold = q.serviceLevel(id).Threshold
		}
		return func(row *levels.Row, _ []evenkeel.Tally) *levels.QueueReport { return levels.OfQueue(row, rule) }
	})
}

func reportAgents(q *request) (*answer, *evenkeel.Error) {
	asked, err := q.readReport("agent")
	if err != nil {
		return nil, err
	}
	asked.agents = true
	return report(q, asked, func(string) maker[levels.AgentReport] {
		return func(row *levels.Row, _ []evenkeel.Tally) *levels.AgentReport { return levels.OfAgent(row) }
	})
}

func reportStaffing(q *request) (*answer, *evenkeel.Error) {
	asked, err := q.readReport("queue")
	target, err2 := readTarget(parameters(q.URL.Query()))
	if err := firstError(err, err2); err != nil {
		return nil, err
	}
	if q.URL.Query().Get("interval") == "" {
		asked.span.Rows = levels.Hourly // staff is planned by the hour, not by the month
	}
	return report(q, asked, func(id string) maker[levels.StaffingReport] {
		target := target
		own := q.serviceLevel(id)
		if target.Threshold < 0 {
			target.Threshold = own.Threshold
		}
		if target.Share < 0 {
			target.Share = float64(own.Target) / 100
		}
		return func(row *levels.Row, tallies []evenkeel.Tally) *levels.StaffingReport {
			all := levels.Rows(id, tallies, levels.Range{From: asked.span.From, To: asked.span.To})
			return levels.OfStaffing(row, &all[0].Queue, target)
		}
	})
}

// readReport reads what all reports are asked for, by the cell's wall clock.
func (q *request) readReport(name string) (a *reportQuery, err *evenkeel.Error) {
	return readReport(parameters(q.URL.Query()), name, q.edge.cfg.Cell.Wall()+1)
}

// serviceLevel is what a queue promises; that of a new queue for one that is
// gone.
func (q *request) serviceLevel(id string) (own evenkeel.ServiceLevel) {
	own = evenkeel.NewQueue(id).ServiceLevel
	q.edge.cfg.Cell.View(func(r Reader) {
		if state, err := r.Queue(q.who.Principal, id); err == nil {
			own = state.ServiceLevel
		}
	})
	return own
}

// maker makes a report's row of what was counted in the row's time and in all.
type maker[T any] func(row *levels.Row, tallies []evenkeel.Tally) *T

// talliesAtOnce bounds what is read of the desk before others have their turn.
const talliesAtOnce = 500

// report makes a page of a report: id by id, so that what is held at a time is
// bounded by the range and the page.
func report[T any](q *request, asked *reportQuery, of func(id string) maker[T]) (*answer, *evenkeel.Error) {
	out := &reportOf[T]{From: evenkeel.IntervalStart(asked.span.From), To: evenkeel.IntervalStart(asked.span.To), Items: []T{}}
	a := &answer{value: out}
	q.edge.cfg.Cell.View(func(r Reader) { a.index = r.Index() })
	for id := range q.reported(asked) {
		if id.err != nil {
			return nil, id.err
		}
		tallies, err := q.tallies(asked, id.id)
		if err != nil {
			return nil, err
		}
		var write maker[T]
		for _, row := range levels.Rows(id.id, tallies, asked.span) {
			if id.id == asked.afterID && row.From <= asked.afterRow {
				continue
			}
			if len(out.Items) == asked.limit {
				next := asked.cursor()
				out.Next = &next
				return q.written(a, out.Items, out.Next)
			}
			if write == nil {
				write = of(id.id)
			}
			out.Items = append(out.Items, *write(row, tallies))
			asked.lastID, asked.lastRow = id.id, row.From
		}
	}
	return q.written(a, out.Items, nil)
}

type reportedID struct {
	id  string
	err *evenkeel.Error
}

// reported yields the ids that a page may be about, the one at which the page
// before ended among them.
func (q *request) reported(asked *reportQuery) func(yield func(reportedID) bool) {
	return func(yield func(reportedID) bool) {
		if asked.id != "" {
			yield(reportedID{id: asked.id})
			return
		}
		if asked.afterID != "" && !yield(reportedID{id: asked.afterID}) {
			return
		}
		for after := asked.afterID; ; {
			var ids []string
			var err error
			q.edge.cfg.Cell.View(func(r Reader) { ids, err = r.TallyIDs(q.who.Principal, asked.agents, after, talliesAtOnce) })
			if err != nil {
				yield(reportedID{err: asError(err)})
				return
			}
			for _, id := range ids {
				if !yield(reportedID{id: id}) {
					return
				}
			}
			if len(ids) < talliesAtOnce {
				return
			}
			after = ids[len(ids)-1]
		}
	}
}

// tallies reads all that was counted of one queue or agent in the range.
func (q *request) tallies(asked *reportQuery, id string) (all []evenkeel.Tally, refusal *evenkeel.Error) {
	f := evenkeel.TallyFilter{Agents: asked.agents, ID: id, From: asked.span.From, To: asked.span.To, Limit: talliesAtOnce}
	for more := true; more; {
		var page []evenkeel.Tally
		var err error
		q.edge.cfg.Cell.View(func(r Reader) { page, more, err = r.Tallies(q.who.Principal, f) })
		if err != nil {
			return nil, asError(err)
		}
		all = append(all, page...)
		if more {
			f.After = page[len(page)-1]
		}
	}
	return all, nil
}

// written turns an answer into CSV if that is asked for.
func (q *request) written(a *answer, items any, next *string) (*answer, *evenkeel.Error) {
	if !q.wantsCSV() {
		return a, nil
	}
	body, err := levels.CSV(items)
	if err != nil {
		return nil, evenkeel.Errorf(evenkeel.CodeInternal, "the report cannot be written: %v", err)
	}
	a.raw, a.kind = body, "text/csv; charset=utf-8; header=present"
	if next != nil {
		a.next = *next
	}
	return a, nil
}

func (q *request) wantsCSV() bool {
	if format := q.URL.Query().Get("format"); format != "" {
		return format == "csv"
	}
	return strings.Contains(q.Header.Get("Accept"), "text/csv")
}
