package desk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// cannedInvariants holds canned replies against what is counted of them.
func cannedInvariants(d *Desk) error {
	own, listed := map[*agentRow]int64{}, 0
	for _, r := range d.canned.list {
		if (r.owner == nil) != (r.Canned.Owner == "") || r.owner != nil && d.agents.get(r.owner.key()) != r.owner {
			return fmt.Errorf("the canned reply %s is not %s's", r.Canned.ID, r.Canned.Owner)
		}
		if r.owner != nil {
			own[r.owner]++
		}
	}
	for _, a := range d.agents.list {
		if a.canned != own[a] {
			return fmt.Errorf("agent %s has %d canned replies, counted as %d", a.Config.ID, own[a], a.canned)
		}
	}
	for _, ws := range d.workspaces.list {
		listed += ws.canned.Len()
	}
	if listed != d.canned.len() {
		return fmt.Errorf("%d canned replies are listed instead of %d", listed, d.canned.len())
	}
	return nil
}

// TestCannedBounds: each bound at its edge, and what is no one more.
func TestCannedBounds(t *testing.T) {
	f, _ := staffed(t, 4, "ann", "bob")
	f.limit(func(l *evenkeel.Limits) { l.Canned, l.CannedOwn, l.MessageChars = 4, 2, 20 })
	refused := func(by evenkeel.Principal, r evenkeel.Canned, code evenkeel.Code, field string) {
		t.Helper()
		hash := f.d.cell.Bytes
		if got := f.do(by, &evenkeel.CannedPut{Canned: r}).Err; evenkeel.ErrorCode(got) != code || got.Field != field || f.d.cell.Bytes != hash {
			t.Errorf("%+v: %v, wanted %s of %q", r, got, code, field)
		}
	}
	long := func(n int) string { return strings.Repeat("é", n) }
	f.must(agent("admin"), &evenkeel.CannedPut{Canned: evenkeel.Canned{
		ID: "a", Shortcut: long(32), Title: long(100), Text: long(20), Queues: []string{"general"}, Tags: []string{long(100)},
	}})
	for field, r := range map[string]evenkeel.Canned{
		"id": {Text: "x"}, "shortcut": {ID: "b", Shortcut: long(33), Text: "x"}, "text": {ID: "b"},
		"queues": {ID: "b", Text: "x", Queues: []string{"none"}}, "tags": {ID: "b", Text: "x", Tags: []string{""}}, "owner": {ID: "b", Text: "x", Owner: "none"},
	} {
		refused(agent("admin"), r, evenkeel.CodeBadRequest, field)
	}
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: "x", Shortcut: "a b"}, evenkeel.CodeBadRequest, "shortcut")
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: "{{agent.nam}}"}, evenkeel.CodeBadRequest, "text")
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: "x", Queues: []string{"general", "general"}}, evenkeel.CodeBadRequest, "queues")
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: "x", Queues: make([]string, 65)}, evenkeel.CodeBadRequest, "queues")
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: "x", Title: long(101)}, evenkeel.CodeTooLarge, "title")
	refused(agent("admin"), evenkeel.Canned{ID: "b", Text: long(21)}, evenkeel.CodeTooLarge, "text")

	f.must(agent("ann"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "b", Text: "x"}})
	f.must(agent("ann"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "c", Text: "x"}})
	refused(agent("ann"), evenkeel.Canned{ID: "d", Text: "x"}, evenkeel.CodeLimitReached, "")
	refused(agent("admin"), evenkeel.Canned{ID: "a", Text: "x", Owner: "ann"}, evenkeel.CodeLimitReached, "")
	f.must(agent("ann"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "c", Text: "y"}})
	f.must(agent("admin"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "d", Text: "x", Owner: "bob"}})
	refused(agent("admin"), evenkeel.Canned{ID: "e", Text: "x"}, evenkeel.CodeLimitReached, "")
	f.must(agent("admin"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "d", Text: "x"}}) // becomes a shared one
	f.must(agent("admin"), &evenkeel.AgentDelete{Agent: "ann"})
	if n := f.d.canned.len(); n != 2 {
		t.Errorf("%d replies are left", n)
	}
	if err := invariants(f.d); err != nil {
		t.Error(err)
	}
}

// TestCannedOfWhom: who sees which reply, and fills it in for which chat.
func TestCannedOfWhom(t *testing.T) {
	f, _ := staffed(t, 4, "ann", "bob")
	f.must(agent("admin"), &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "bot", Role: evenkeel.RoleService}, Hash: "h"})
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: evenkeel.NewQueue("sales")})
	bot := evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalService, ID: "bot"}
	text := "{{customer.name|you}}: {{agent.name}} of {{queue.name}}"
	for _, p := range []struct {
		by evenkeel.Principal
		r  evenkeel.Canned
	}{
		{agent("admin"), evenkeel.Canned{ID: "all", Text: text}},
		{bot, evenkeel.Canned{ID: "sales", Text: "s", Queues: []string{"sales"}}},
		{agent("ann"), evenkeel.Canned{ID: "hers", Text: "h"}},
		{agent("bob"), evenkeel.Canned{ID: "his", Text: "h", Queues: []string{"general"}}},
	} {
		f.must(p.by, &evenkeel.CannedPut{Canned: p.r})
	}
	for _, c := range []struct {
		by   evenkeel.Principal
		f    evenkeel.CannedFilter
		want string
	}{
		{agent("ann"), evenkeel.CannedFilter{}, "all hers sales"},
		{agent("bob"), evenkeel.CannedFilter{}, "all his sales"},
		{agent("bob"), evenkeel.CannedFilter{Queue: "general"}, "all his"},
		{agent("ann"), evenkeel.CannedFilter{Owner: "ann"}, "hers"},
		{agent("ann"), evenkeel.CannedFilter{Owner: "bob"}, "forbidden"},
		{agent("admin"), evenkeel.CannedFilter{}, "all sales"},
		{agent("admin"), evenkeel.CannedFilter{Owner: "bob"}, "his"},
		{bot, evenkeel.CannedFilter{}, "all sales"},
		{bot, evenkeel.CannedFilter{Match: func(r *evenkeel.Canned) bool { return r.Text == "s" }}, "sales"},
		{visitor("cat"), evenkeel.CannedFilter{}, "forbidden"},
	} {
		var got []string
		replies, err := f.d.CannedReplies(c.by, c.f, "", 9)
		for _, r := range replies {
			got = append(got, r.ID)
		}
		if s := strings.Join(got, " ") + string(evenkeel.ErrorCode(err)); s != c.want {
			t.Errorf("%s asks for %+v and gets %q instead of %q", c.by, c.f, s, c.want)
		}
	}
	if page, err := f.d.CannedReplies(agent("ann"), evenkeel.CannedFilter{}, "all", 1); err != nil || len(page) != 1 || page[0].ID != "hers" {
		t.Errorf("the second page is %v, %v", page, err)
	}

	chat := f.must(visitor("cat"), &evenkeel.ChatStart{Name: "Cat"}).Chat.ID
	owner := f.d.chats.get(chat).Offer.Agent
	f.must(agent(owner), &evenkeel.ChatAccept{Chat: chat})
	other := map[string]string{"ann": "bob", "bob": "ann"}[owner]
	for _, c := range []struct {
		by         evenkeel.Principal
		chat, want string
	}{
		{agent(owner), chat, "Cat:  of General"}, // the fixture's agents have no names
		{agent("admin"), chat, "Cat: Admin of General"},
		{bot, chat, "Cat:  of General"},
		{agent(other), chat, "not_found"},
		{visitor("cat"), chat, "forbidden"},
		{agent(owner), "c9", "not_found"},
	} {
		got, err := f.d.RenderCanned(c.by, c.chat, "all")
		if got+string(evenkeel.ErrorCode(err)) != c.want {
			t.Errorf("%s for %s: %q, %v instead of %q", c.by, c.chat, got, err, c.want)
		}
	}
	if _, err := f.d.RenderCanned(agent(owner), chat, map[string]string{"ann": "his", "bob": "hers"}[owner]); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("somebody else's reply: %v", err)
	}
}
