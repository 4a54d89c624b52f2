package evenkeel_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestPublicationsAreReadBack writes each type as servers do and reads it as
// clients do.
func TestPublicationsAreReadBack(t *testing.T) {
	chat := &evenkeel.Chat{
		ID: "c1", Workspace: "default", Queue: "general", Customer: "v1", State: evenkeel.ChatActive, QueuedAt: 1000,
		Agent: &evenkeel.Person{ID: "ann", Name: "Ann"},
	}
	author := evenkeel.Author{Kind: evenkeel.AuthorAgent, ID: "ann", Name: "Ann"}
	for _, want := range []evenkeel.Publication{
		{Type: evenkeel.PubMessage, Message: &evenkeel.Message{Number: 7, ID: "m1", Author: author, Kind: evenkeel.MessageText, Text: "<\"hi\">\n", Time: 5}},
		{Type: evenkeel.PubState, Chat: chat},
		{Type: evenkeel.PubDelivered, Side: evenkeel.SideCustomer, Number: 3},
		{Type: evenkeel.PubSeen, Side: evenkeel.SideAgent, Number: 4},
		{Type: evenkeel.PubNote, Note: &evenkeel.Note{Number: 1, After: 2, ID: "n1", Author: author, Text: "vip", Time: 5}},
		{Type: evenkeel.PubDetails, Chat: chat},
		{Type: evenkeel.PubOffer, Offer: "o1", Chat: chat, Deadline: 2000, Time: 1000, Preview: "hello"},
		{Type: evenkeel.PubOfferEnd, Offer: "o1", ChatID: "c1", Reason: evenkeel.EndTimeout},
		{Type: evenkeel.PubAssigned, Chat: chat},
		{Type: evenkeel.PubUnassigned, ChatID: "c1", Reason: evenkeel.EndTransferred},
		{Type: evenkeel.PubStatus, Status: evenkeel.StatusAway, Away: "lunch", Online: true},
		{Type: evenkeel.PubMissed, Missed: &evenkeel.Missed{
			ID: "m1", Kind: evenkeel.MissedAbandoned, State: evenkeel.MissedClosed, Reason: evenkeel.MissedServed, Refused: evenkeel.CodeQueueFull, ClosedAt: 9,
		}},
	} {
		wire, err := want.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got evenkeel.Publication
		if err := json.Unmarshal(wire, &got); err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		again, err := got.AppendJSON(nil)
		if err != nil || string(again) != string(wire) {
			t.Errorf("%s\nwas read as\n%s (%v)", wire, again, err)
		}
		if want.Chat == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s was read as %+v", wire, got)
		}
	}
	var typing evenkeel.Publication
	if err := json.Unmarshal([]byte(`{"type":"typing","author":{"kind":"agent"}}`), &typing); err != nil || typing.Type != 0 {
		t.Errorf("an unknown type is %+v, %v", typing, err)
	}
	for _, bad := range []string{`7`, `{"type":"seen","side":"left"}`, `{"type":"offer_end","reason":"whim"}`, `{"type":"state","chat":7}`} {
		if err := json.Unmarshal([]byte(bad), &typing); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
