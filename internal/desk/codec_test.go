package desk

import (
	"bytes"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestEncodeRefusesWhatWouldStopReplicas: whatever is encoded can be decoded,
// and what it leaves in the state can be restored.
func TestEncodeRefusesWhatWouldStopReplicas(t *testing.T) {
	long, broken := strings.Repeat("x", maxName+1), "v\xff"
	send := &evenkeel.ChatSend{Chat: "c1", Text: "hi"}
	for name, c := range map[string]*evenkeel.Command{
		"long chat":                {By: visitor("v"), Body: &evenkeel.ChatSend{Chat: long, Text: "hi"}},
		"broken chat":              {By: visitor("v"), Body: &evenkeel.ChatSend{Chat: broken, Text: "hi"}},
		"broken text":              {By: visitor("v"), Body: &evenkeel.ChatSend{Chat: "c1", Text: broken}},
		"broken subject":           {By: visitor("v"), Body: &evenkeel.ChatStart{Subject: broken}},
		"long id":                  {By: visitor("v"), ID: long, Body: send},
		"broken id":                {By: visitor("v"), ID: broken, Body: send},
		"broken principal":         {By: visitor(broken), Body: send},
		"broken on behalf":         {By: visitor("v"), OnBehalfOf: visitor(broken), Body: send},
		"long workspace of behalf": {By: visitor("v"), OnBehalfOf: evenkeel.Principal{Workspace: long, ID: "v"}, Body: send},
	} {
		b, err := EncodeCommand(nil, c)
		if evenkeel.ErrorCode(err) != evenkeel.CodeBadRequest {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// TestStrangeIDs: visitors' ids may hold whatever their issuer likes, also what
// means something in a channel's name.
func TestStrangeIDs(t *testing.T) {
	f := newFixture(t)
	for _, id := range []string{"a/b:c", ":", "/", "line\nbreak", "chat:c1", "default/visitor:x"} {
		f.must(visitor(id), &evenkeel.ChatStart{Message: "hi"})
		channel := evenkeel.Channel("default", evenkeel.ChannelVisitor, id)
		if err := f.d.MaySubscribe(visitor(id), channel); err != nil {
			t.Errorf("%q may not follow %q: %v", id, channel, err)
		}
		if f.d.MaySubscribe(visitor("other"), channel) == nil {
			t.Errorf("another visitor may follow %q", channel)
		}
	}
	snap, _, err := f.d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
}
