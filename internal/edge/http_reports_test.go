package edge

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// served plays three contacts in the queue general: one answered after 10 s by
// the agent, one abandoned after 3 s, one that still waits.
func (f *fixture) served() {
	f.Helper()
	ann := principalNamed("agent", "agent")
	f.must(ann, &evenkeel.SetAgentStatus{Status: evenkeel.StatusAway})
	first := f.must(principalNamed("visitor", "v1"), &evenkeel.ChatStart{Message: "hi"}).Chat.ID
	f.cell.pass(10 * evenkeel.Second)
	f.must(principalNamed("agent", "supervisor"), &evenkeel.ChatTake{Chat: first})
	second := f.must(principalNamed("visitor", "v2"), &evenkeel.ChatStart{}).Chat.ID
	f.cell.pass(3 * evenkeel.Second)
	f.must(principalNamed("visitor", "v2"), &evenkeel.ChatClose{Chat: second})
	f.must(principalNamed("visitor", "v3"), &evenkeel.ChatStart{})
}

// TestReports reads figures of what happened, by JSON and by CSV.
func TestReports(t *testing.T) {
	f := newFixture(t)
	f.served()
	r := f.call("GET", "/v1/reports/queues?queue=general&threshold=10", "supervisor", "").want(200)
	r.equal("items.0.queue", "general", "items.0.offered", 3, "items.0.answered", 1, "items.0.abandoned", 1, "items.0.asa", 10,
		"items.0.service_level", 50, "items.0.threshold", 10, "items.0.answered_within", 1, "items.0.aht", nil, "next", nil)
	f.call("GET", "/v1/reports/queues?variant=ignore_short&short=3", "admin", "").want(200).equal("items.0.service_level", 100)
	f.call("GET", "/v1/reports/queues?variant=answered_all&threshold=9.5", "service", "").want(200).equal("items.0.service_level", 0, "items.0.threshold", 9)
	// 13 s with a chat: the supervisor is not done with it yet.
	f.call("GET", "/v1/reports/agents?agent=supervisor", "operator", "").want(200).equal("items.0.held_seconds", 3, "items.0.handled", 0)
	f.call("GET", "/v1/reports/staffing", "supervisor", "").want(200).equal("items.0.offered", 3, "items.0.erlangs", nil)
	f.call("GET", "/v1/reports/queues?queue=none", "supervisor", "").want(200).equal("items", "[]")

	for _, ask := range [][]string{{"?format=csv"}, {"", "Accept", "text/csv"}} {
		r := f.call("GET", "/v1/reports/queues"+ask[0], "supervisor", "", ask[1:]...).want(200)
		if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") {
			t.Fatalf("%s", kind)
		}
		rows, err := csv.NewReader(bytes.NewReader(r.body)).ReadAll()
		if err != nil || len(rows) != 2 || rows[0][0] != "queue" || rows[1][0] != "general" || rows[1][3] != "3" {
			t.Fatalf("%q, %v", rows, err)
		}
	}
}

// TestReportPages: page by page comes what one page has.
func TestReportPages(t *testing.T) {
	f := newFixture(t)
	admin := principalNamed("agent", "admin")
	for i := range 5 {
		id := fmt.Sprintf("q%d", i)
		f.must(admin, &evenkeel.QueuePut{Queue: evenkeel.NewQueue(id)})
		for n := range 4 {
			f.must(principalNamed("visitor", fmt.Sprintf("v%d-%d", i, n)), &evenkeel.ChatStart{Queue: id})
			f.cell.pass(15 * evenkeel.Minute)
		}
	}
	var from, to evenkeel.Time
	f.cell.View(func(r Reader) { to = r.Wall() + 1; from = to - evenkeel.Time(10*evenkeel.Hour) })
	span := "?interval=15m&from=" + url.QueryEscape(from.String()) + "&to=" + url.QueryEscape(to.String())
	whole := f.call("GET", "/v1/reports/queues"+span, "supervisor", "").want(200)
	all, _ := whole.at("items").([]any)
	if len(all) != 20 {
		t.Fatalf("%d rows: %s", len(all), whole.body)
	}
	var got []any
	for next := ""; ; {
		page := f.call("GET", "/v1/reports/queues"+span+"&limit=3&cursor="+next, "supervisor", "").want(200)
		items, _ := page.at("items").([]any)
		got = append(got, items...)
		if csv := f.call("GET", "/v1/reports/queues"+span+"&format=csv&limit=3&cursor="+next, "supervisor", "").want(200); csv.header.Get("Evenkeel-Next") != page.str("next") {
			t.Fatalf("the next page of CSV is %q, of JSON %q", csv.header.Get("Evenkeel-Next"), page.str("next"))
		}
		if next = page.str("next"); next == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(all) {
		t.Fatalf("%v\nwant\n%v", got, all)
	}
}

// TestBadReports: each wrong parameter is named.
func TestBadReports(t *testing.T) {
	f := newFixture(t)
	for query, field := range map[string]string{
		"queues?from=yesterday": "from", "queues?to=2026": "to", "queues?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "to",
		"queues?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "from", "queues?interval=5m": "interval", "queues?variant=best": "variant",
		"queues?threshold=-1": "threshold", "queues?threshold=x": "threshold", "queues?threshold=86401": "threshold", "queues?short=1h": "short",
		"queues?limit=1001": "limit", "queues?limit=0": "limit", "queues?cursor=x": "cursor", "queues?format=xml": "format", "agents?queue=q": "queue",
		"staffing?target=100": "target", "staffing?target=0": "target", "staffing?chats_per_agent=0": "chats_per_agent", "queues?surprise=1": "surprise",
		"queues?from=0001-01-01T00:00:00Z": "from", "queues?cursor=cg": "cursor",
	} {
		f.call("GET", "/v1/reports/"+query, "supervisor", "").refused(evenkeel.CodeBadRequest, field)
	}
	f.call("GET", "/v1/reports/queues", "agent", "").refused(evenkeel.CodeForbidden, "")
}
