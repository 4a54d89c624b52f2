package desk

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// principals are all sorts of callers, also such as no edge would let in.
func principals() []evenkeel.Principal {
	var list []evenkeel.Principal
	for kind := range evenkeel.PrincipalKind(7) {
		for _, id := range []string{"", "ann", "cat", "bot", "cell", "x/y:z\n"} {
			for _, ws := range []string{"", "default", "closed", "nowhere"} {
				list = append(list, evenkeel.Principal{Workspace: ws, Kind: kind, ID: id})
			}
		}
	}
	return list
}

// scene is a desk with a chat in each state, and a suspended workspace.
func scene(t testing.TB) *fixture {
	f, inc := staffed(t, 9, "ann", "bob")
	for i, who := range []string{"cat", "dog", "eel", "fox"} {
		f.must(visitor(who), &evenkeel.ChatStart{Message: "hi"})
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: uint64(50 + i)}, Principal: visitor(who)})
	}
	for _, id := range []string{"c2", "c3", "c4"} {
		f.must(agent(f.d.chats.get(id).Offer.Agent), &evenkeel.ChatAccept{Chat: id})
	}
	f.must(visitor("eel"), &evenkeel.ChatClose{Chat: "c3"})
	f.must(visitor("fox"), &evenkeel.ChatClose{Chat: "c4"})
	f.must(agent("admin"), &evenkeel.ChatWrapup{Chat: "c4", Done: true})
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: evenkeel.NewQueue("sales")})
	f.must(visitor("gnu"), &evenkeel.ChatStart{Queue: "sales"}) // c5 waits
	for range 3 {
		f.must(visitor("cat"), &evenkeel.ChatOffline{Text: "call me"})
	}
	f.must(agent("ann"), &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "own", Text: "x"}})
	f.must(agent("admin"), &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "bot", Role: evenkeel.RoleService}, Hash: "h"})
	f.must(evenkeel.System(), &evenkeel.TokenIssue{Hash: "t", Agent: "ann", Life: evenkeel.Hour})
	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "closed"}})
	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "closed", Suspended: true}})
	return f
}

// bodies are commands of a kind: an empty one, and some with names that exist.
func bodies(t *testing.T, kind evenkeel.Kind) []evenkeel.Body {
	list := []evenkeel.Body{newBody(kind)}
	for i, chat := range []string{"c1", "c2", "c3", "c4", "c5", "c9", "x"} {
		for _, who := range []string{"ann", "bob"} {
			b := newBody(kind)
			raw := fmt.Sprintf(`{"Chat":%q,"Agent":%q,"Queue":"general","Text":"x","Note":"n","Number":1,"Score":%d,"Hash":"t","Node":"n","Boot":"q","Customer":"cat","Done":true,"Status":"away","ID":"bot","Incarnation":1,"Missed":"m%d","Canned":"own"}`,
				chat, who, i, 1+i%3)
			// Where a name is of another type than the body's, the rest is filled in.
			if err := json.Unmarshal([]byte(raw), b); err != nil {
				t.Logf("%s: %v", kind, err)
			}
			list = append(list, b)
		}
	}
	return list
}

// TestEverybodyMayAsk: whoever asks for whatever in whosoever's name, the desk
// answers, keeps its invariants, and can be restored.
func TestEverybodyMayAsk(t *testing.T) {
	everybody := principals()
	for _, k := range evenkeel.Kinds() {
		f := scene(t)
		n := 0
		for _, body := range bodies(t, k.Kind) {
			var commands []*evenkeel.Command
			for i, by := range everybody {
				n++
				c := &evenkeel.Command{By: by, ID: itoa(n), Body: body}
				if n%3 == 0 {
					c.OnBehalfOf = everybody[(i*7+n)%len(everybody)]
				}
				if by.Kind == evenkeel.PrincipalService {
					c.OnBehalfOf = everybody[n%len(everybody)]
				}
				commands = append(commands, c)
			}
			f.apply(commands...)
			if err := invariants(f.d); err != nil {
				t.Fatalf("%s: %v", k.Name, err)
			}
		}
		for f.apply().More {
		}
		r := restored(t, f.d)
		sameDeadline(t, r, f.d)
		f.replay()
	}
}

// TestEverybodyMayRead: no reader, whoever he says he is, makes a read fail
// other than by a refusal.
func TestEverybodyMayRead(t *testing.T) {
	d := scene(t).d
	for _, by := range principals() {
		for _, chat := range []string{"c1", "c2", "c3", "c4", "c5", "c9", ""} {
			c, err := d.Chat(by, chat)
			script, err2 := d.Transcript(by, chat, evenkeel.MessageRange{Limit: 5}, true)
			_, err3 := d.Why(by, chat)
			for _, kind := range []string{"chat:", "staff:", "agent:", "visitor:", "missed:", "closed/chat:", ":", "/:", "chat"} {
				if d.MaySubscribe(by, kind+chat) == nil && (by.Workspace != "default" || by.ID == "" || by.Kind == evenkeel.PrincipalNone) {
					t.Fatalf("%s follows %s%s", by, kind, chat)
				}
			}
			if by.Workspace != "default" && (c != nil || script != nil || err == nil || err2 == nil || err3 == nil) {
				t.Fatalf("%s reads %s", by, chat)
			}
			if by.Kind == evenkeel.PrincipalVisitor && script != nil && (len(script.Notes) > 0 || c.Customer != by.ID) {
				t.Fatalf("%s reads %s", by, chat)
			}
		}
		list, err := d.Chats(by, evenkeel.ChatFilter{}, "", 50)
		if err == nil && by.Kind == evenkeel.PrincipalVisitor {
			for _, c := range list {
				if c.Customer != by.ID {
					t.Fatalf("%s is shown %s", by, c.ID)
				}
			}
		}
		_, err1 := d.Agents(by, "", 5)
		_, err2 := d.Queues(by, "", 5)
		_, err3 := d.APIKeys(by, "", 5)
		_, err4 := d.Customer(by, "cat")
		_, err5 := d.MissedItems(by, evenkeel.MissedFilter{}, "", 5)
		_, err6 := d.Missed(by, "m1")
		_, err7 := d.CannedReplies(by, evenkeel.CannedFilter{Owner: "ann"}, "", 5)
		_, err8 := d.Canned(by, "own")
		_, err9 := d.RenderCanned(by, "c1", "own")
		if by.Kind == evenkeel.PrincipalVisitor && (err7 == nil || err8 == nil || err9 == nil || err1 == nil || err2 == nil || err3 == nil || err4 == nil || err5 == nil || err6 == nil) {
			t.Fatalf("%s reads what is for staff", by)
		}
		if _, err := d.AgentDesk(by); err == nil && by.Kind != evenkeel.PrincipalAgent {
			t.Fatalf("%s has an agent's desk", by)
		}
		if _, err := d.VisitorDesk(by); err == nil && by.Kind != evenkeel.PrincipalVisitor {
			t.Fatalf("%s has a visitor's desk", by)
		}
		d.Role(by)
	}
}
