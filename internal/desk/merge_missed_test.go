package desk

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestMissedItemsFollowTheirPerson: what a visitor left behind is the identified
// customer's, and when he is served it is done.
func TestMissedItemsFollowTheirPerson(t *testing.T) {
	f := newFixture(t)
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"}).Incarnation
	sessions := uint64(0)
	gaveUp := func(who string) { // he waits, loses his connection, and his grace ends
		sessions++
		session := evenkeel.SessionID{Incarnation: inc, Number: sessions}
		f.must(visitor(who), &evenkeel.ChatStart{Message: "anybody?"})
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: session, Principal: visitor(who)})
		f.must(evenkeel.System(), &evenkeel.SessionClose{Session: session})
		f.time += evenkeel.DeskTime(3 * evenkeel.Minute)
		f.apply()
	}
	become := func(who string) {
		f.apply(&evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: "default"},
			Body: &evenkeel.CustomerIdentify{Customer: "u-ann", Visitor: who, Life: evenkeel.Hour}})
		if err := invariants(f.d); err != nil {
			t.Fatal(err)
		}
	}
	items := func() map[string]*evenkeel.Missed {
		all := map[string]*evenkeel.Missed{}
		for _, m := range f.d.misses.list {
			all[m.Item.ID] = &m.Item
		}
		return all
	}
	gaveUp("v1")
	f.must(visitor("v1"), &evenkeel.ChatOffline{Email: "ann@example.com", Text: "call me"})
	become("v1")
	gaveUp("v2")
	become("v2")
	all := items()
	if len(all) != 3 {
		t.Fatalf("%d items: %v", len(all), all)
	}
	for id, m := range all {
		if m.Customer != "u-ann" {
			t.Errorf("%s is still %s's", id, m.Customer)
		}
	}
	if all["m1"].Times != 2 || all["m1"].State.Done() || all["m3"].Reason != evenkeel.MissedMerged || !all["m3"].State.Done() || all["m2"].State.Done() {
		t.Errorf("m1 %+v\nm2 %+v\nm3 %+v", all["m1"], all["m2"], all["m3"])
	}
	ann := visitor("u-ann")
	c := f.must(ann, &evenkeel.ChatStart{Message: "back again"}).Chat.ID
	f.must(agent("admin"), &evenkeel.ChatTake{Chat: c})
	if m := items()["m1"]; m.Reason != evenkeel.MissedServed || m.Served != c {
		t.Errorf("he is served, and the item is %+v", m)
	}
}
