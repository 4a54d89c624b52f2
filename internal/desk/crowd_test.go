package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// crowd makes random commands: mostly sensible ones, many that must be refused.
type crowd struct {
	r           *rand.Rand
	f           *fixture
	incarnation uint64
	sessions    uint64
	seq         map[evenkeel.SessionID]uint64
	open        []evenkeel.SessionID
	used        []string
}

func newCrowd(t testing.TB, seed uint64) *crowd {
	w := &crowd{r: rand.New(rand.NewPCG(seed, 1)), f: newFixture(t), seq: map[evenkeel.SessionID]uint64{}}
	w.f.must(evenkeel.System(), w.limits())
	w.nodeUp()
	for i := range 3 {
		q := evenkeel.NewQueue(fmt.Sprintf("q%d", i))
		w.shape(&q)
		w.f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	}
	for i := range 4 {
		w.f.must(agent("admin"), w.agentPut(fmt.Sprintf("a%d", i)))
	}
	w.f.must(agent("admin"), &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "bot", Role: evenkeel.RoleService}, Hash: "hash"})
	return w
}

func (w *crowd) limits() *evenkeel.LimitsSet {
	l := evenkeel.DefaultLimits()
	l.FollowUp = 1 + w.r.Int64N(20)
	l.ChatMessages = 5 + w.r.Int64N(100)
	l.LiveKeys = 10 + w.r.Int64N(100)
	l.Linger, l.KeyLife = evenkeel.Minute, 30*evenkeel.Second
	l.ClosedChats = w.r.Int64N(5)
	l.LiveChats = 20
	return &evenkeel.LimitsSet{Limits: l}
}

func (w *crowd) shape(q *evenkeel.Queue) {
	r := w.r
	q.Strategy = evenkeel.Strategy(r.IntN(5))
	q.AutoAccept, q.Pick = r.IntN(4) == 0, r.IntN(5) == 0
	q.WrapUp = evenkeel.Duration(r.IntN(3)) * 10 * evenkeel.Second
	q.Weight, q.MaxLength = 1+r.Int64N(2), 1+r.Int64N(8)
	// A grace that runs, or does not, is not touched by a change of the queue.
	q.OnAgentLost = evenkeel.AgentLost(q.ID[1] - '0')
	q.CustomerGoneClose = evenkeel.Duration(q.ID[1]-'0') * 30 * evenkeel.Second
	q.Sticky = evenkeel.Duration(r.IntN(2)) * 20 * evenkeel.Second
	q.CustomerIdle = evenkeel.CustomerIdle{Warn: evenkeel.Duration(r.IntN(2)) * 20 * evenkeel.Second, Close: evenkeel.Duration(r.IntN(3)) * 30 * evenkeel.Second}
	q.CustomerGrace = 20 * evenkeel.Second
	q.ReopenWithin, q.AbandonedResume = evenkeel.Minute, 2*evenkeel.Minute
	if r.IntN(2) == 0 {
		q.MaxWait, q.Overflow = 30*evenkeel.Second, "general"
	}
	if r.IntN(3) == 0 {
		q.Skills = evenkeel.Skills{{Name: "german", Level: 1 + r.Int64N(2)}}
	}
	if r.IntN(3) == 0 {
		q.Greeting, q.AcceptMessage = "Hello {{customer.name|there}}, {{customer.attributes.a}}", "{{agent.name}} of {{queue.name}}"
	}
	if r.IntN(4) == 0 {
		q.Hours = &evenkeel.Hours{TimeZone: "UTC"}
	}
}

// hours tells how a queue stands by its hours: mostly for the settings that it has.
func (w *crowd) hours() evenkeel.Body {
	b := &evenkeel.QueueHours{Queue: w.queueID(), Open: w.r.IntN(4) > 0, Until: w.f.d.Wall() + 1000}
	for _, s := range w.f.d.Schedules() {
		if s.Queue == b.Queue {
			b.Version = s.Version - uint64(w.r.IntN(5)/4)
		}
	}
	return b
}

func (w *crowd) agentPut(id string) *evenkeel.AgentPut {
	a := evenkeel.Agent{ID: id, Name: id, Email: id + "@x", Role: evenkeel.RoleAgent, Capacity: w.r.Int64N(5)}
	if w.r.IntN(4) == 0 {
		a.Role = evenkeel.RoleSupervisor
	}
	for _, q := range []string{"general", "q0", "q1", "q2"} {
		if w.r.IntN(3) > 0 && w.f.d.queues.get(key{"default", q}) != nil {
			a.Queues = append(a.Queues, evenkeel.Membership{Queue: q, Level: 1 + w.r.Int64N(3)})
		}
	}
	if w.r.IntN(2) == 0 {
		a.Skills = evenkeel.Skills{{Name: "german", Level: 1 + w.r.Int64N(3)}}
	}
	return &evenkeel.AgentPut{Agent: a}
}

func (w *crowd) nodeUp() {
	w.incarnation = w.f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: itoa(int(w.r.Int32()))}).Incarnation
	w.open = nil
}

func (w *crowd) visitor() evenkeel.Principal {
	if w.r.IntN(4) == 0 {
		return visitor("u-" + itoa(w.r.IntN(3)))
	}
	return visitor("v" + itoa(w.r.IntN(8)))
}
func (w *crowd) agent() evenkeel.Principal {
	return agent([]string{"admin", "a0", "a1", "a2", "a3"}[w.r.IntN(5)])
}

func (w *crowd) anybody() evenkeel.Principal {
	switch w.r.IntN(12) {
	case 0:
		return evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalService, ID: "bot"}
	case 1, 2, 3, 4, 5:
		return w.visitor()
	default:
		return w.agent()
	}
}

// chat names a chat, mostly one that is not over.
func (w *crowd) chat() string {
	list := w.f.d.chats.list
	for range 4 {
		if len(list) > 0 && w.r.IntN(12) > 0 {
			if c := list[w.r.IntN(len(list))]; !c.State.Over() {
				return c.ID
			}
		}
	}
	return "c" + base36(1+w.r.Uint64N(w.f.d.cell.ChatSeq+1))
}

// involved returns one of those who have to do with the chat that a body names.
func (w *crowd) involved(body evenkeel.Body) (evenkeel.Principal, bool) {
	raw, err := json.Marshal(body)
	if err != nil {
		w.f.t.Fatal(err)
	}
	var named struct{ Chat string }
	if err := json.Unmarshal(raw, &named); err != nil || w.r.IntN(5) == 0 {
		return evenkeel.Principal{}, false
	}
	c := w.f.d.chats.get(named.Chat)
	switch {
	case c == nil:
		return evenkeel.Principal{}, false
	case c.Offer != nil && w.r.IntN(3) > 0:
		return agent(c.Offer.Agent), true
	case c.Agent != "" && w.r.IntN(2) == 0:
		return agent(c.Agent), true
	case len(c.Invited) > 0 && w.r.IntN(3) == 0:
		return agent(c.Invited[0]), true
	default:
		return visitor(c.Customer), true
	}
}
func (w *crowd) queueID() string {
	return []string{"", "general", "q0", "q1", "q2", "none"}[w.r.IntN(6)]
}

// command makes the next command.
func (w *crowd) command() *evenkeel.Command {
	c := &evenkeel.Command{By: w.anybody(), Body: w.body()}
	switch c.Body.(type) {
	case *evenkeel.SessionOpen, *evenkeel.SessionClose, *evenkeel.TokenIssue, *evenkeel.ClockSet, *evenkeel.Checkpoint, *evenkeel.CustomerIdentify, *evenkeel.ArchiveReport,
		*evenkeel.QueueHours:
		c.By = evenkeel.System()
		_, identify := c.Body.(*evenkeel.CustomerIdentify)
		_, opens := c.Body.(*evenkeel.QueueHours)
		if identify || opens {
			c.OnBehalfOf = visitor("v0") // for its workspace
		}
		return c
	}
	for range w.r.IntN(12) {
		if p, ok := w.involved(c.Body); ok {
			c.By = p
		}
		_, start := c.Body.(*evenkeel.ChatStart)
		if evenkeel.Allowed(w.f.d.Role(c.By), c.Body.Kind()) && (!start || c.By.Kind == evenkeel.PrincipalVisitor) {
			break
		}
		c.By = w.anybody()
	}
	w.f.ids++
	c.ID = "id" + itoa(w.f.ids)
	if len(w.used) > 0 && w.r.IntN(15) == 0 {
		c.ID = w.used[w.r.IntN(len(w.used))]
	}
	w.used = append(w.used, c.ID)
	if c.By.Kind == evenkeel.PrincipalService && w.r.IntN(3) > 0 {
		c.OnBehalfOf = w.anybody()
	}
	if len(w.open) > 0 && w.r.IntN(3) == 0 {
		s := w.f.d.sessions.get(w.open[w.r.IntN(len(w.open))])
		if s != nil {
			c.By, c.Session, c.Seq, c.OnBehalfOf = s.Principal, s.ID, s.Last+1, evenkeel.Principal{}
			if w.r.IntN(10) == 0 {
				c.Seq += w.r.Uint64N(3) - 1
			}
		}
	}
	return c
}

func (w *crowd) body() evenkeel.Body {
	r := w.r
	text := []string{"hello", "é\u2028<b>", "", string(bytes.Repeat([]byte("x"), r.IntN(300)))}[r.IntN(4)]
	switch r.IntN(33) {
	case 0, 1, 2, 28, 29, 30:
		return &evenkeel.ChatStart{Queue: w.queueID(), Message: text, Priority: int64(r.IntN(8) / 7), Name: "N", Attributes: json.RawMessage(`{"a":1}`)}
	case 31, 32:
		return w.missedBody(text)
	case 3, 4, 5, 6:
		return &evenkeel.ChatSend{Chat: w.chat(), Text: text}
	case 7:
		return &evenkeel.ChatNote{Chat: w.chat(), Text: text}
	case 8, 9, 10, 17:
		return &evenkeel.ChatAccept{Chat: w.chat()}
	case 11:
		return &evenkeel.ChatDecline{Chat: w.chat()}
	case 12:
		return &evenkeel.ChatTake{Chat: w.chat()}
	case 13:
		if r.IntN(2) == 0 {
			return &evenkeel.ChatTransfer{Chat: w.chat(), Agent: w.agent().ID, Note: text}
		}
		return &evenkeel.ChatTransfer{Chat: w.chat(), Queue: w.queueID()}
	case 14:
		return &evenkeel.ChatInvite{Chat: w.chat(), Agent: w.agent().ID}
	case 15:
		return &evenkeel.ChatLeave{Chat: w.chat()}
	case 16:
		return &evenkeel.ChatClose{Chat: w.chat()}
	case 18:
		return &evenkeel.ChatWrapup{Chat: w.chat(), Notes: text, Tags: []string{"t"}, Done: r.IntN(2) == 0}
	case 19:
		return &evenkeel.ChatRate{Chat: w.chat(), Score: int64(r.IntN(7))}
	case 20:
		return &evenkeel.ChatSeen{Chat: w.chat(), Number: r.Uint64N(5)}
	case 21:
		return &evenkeel.ChatDelivered{Chat: w.chat(), Number: r.Uint64N(5)}
	case 22, 23:
		return &evenkeel.SetAgentStatus{Agent: w.agent().ID, Status: evenkeel.AgentStatus(min(2, r.IntN(6)))}
	case 24:
		p := int64(r.IntN(3))
		return &evenkeel.ChatUpdate{Chat: w.chat(), Priority: &p, Attributes: json.RawMessage(`{"b":22}`)}
	default:
		return w.rareBody()
	}
}

// missedBody makes what is asked for about missed items and canned replies.
func (w *crowd) missedBody(text string) evenkeel.Body {
	id := "m" + base36(1+w.r.Uint64N(w.f.d.cell.MissedSeq+1))
	switch w.r.IntN(8) {
	case 6:
		return &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "r" + itoa(w.r.IntN(5)), Text: text, Owner: []string{"", "", w.agent().ID}[w.r.IntN(3)]}}
	case 7:
		return &evenkeel.CannedDelete{Canned: "r" + itoa(w.r.IntN(5))}
	case 0, 1:
		return &evenkeel.ChatOffline{Queue: w.queueID(), Name: "N", Email: "n@example.com", Text: text}
	case 2, 3:
		return &evenkeel.MissedClaim{Missed: id}
	case 4:
		return &evenkeel.MissedRelease{Missed: id}
	default:
		if w.r.IntN(2) == 0 {
			return &evenkeel.MissedAnswer{Missed: id, Text: text}
		}
		return &evenkeel.MissedClose{Missed: id, Note: text}
	}
}

func (w *crowd) rareBody() evenkeel.Body {
	r := w.r
	switch r.IntN(12) {
	case 0, 1, 2:
		w.sessions++
		id := evenkeel.SessionID{Incarnation: w.incarnation, Number: w.sessions}
		w.open = append(w.open, id)
		p := w.agent()
		if r.IntN(2) == 0 {
			p = w.visitor()
		}
		return &evenkeel.SessionOpen{Session: id, Principal: p}
	case 3:
		if len(w.open) == 0 {
			return &evenkeel.Checkpoint{}
		}
		i := r.IntN(len(w.open))
		id := w.open[i]
		w.open = append(w.open[:i], w.open[i+1:]...)
		return &evenkeel.SessionClose{Session: id}
	case 4:
		return w.agentPut("a" + itoa(r.IntN(5)))
	case 5:
		q := evenkeel.NewQueue("q" + itoa(r.IntN(3)))
		w.shape(&q)
		return &evenkeel.QueuePut{Queue: q}
	case 6:
		if r.IntN(3) == 0 {
			return &evenkeel.AgentDelete{Agent: w.agent().ID}
		}
		return &evenkeel.QueueDelete{Queue: w.queueID()}
	case 7:
		return &evenkeel.TokenIssue{Hash: "t" + itoa(r.IntN(100)), Agent: w.agent().ID, Life: evenkeel.Minute}
	case 8, 9:
		if r.IntN(8) == 0 {
			return w.hours()
		}
		return w.keeping()
	default:
		return &evenkeel.ClockSet{Node: "n1", Offset: 1_700_000_000_000 + evenkeel.Duration(r.IntN(1000))}
	}
}

// keeping makes what keepers of the cell ask for.
func (w *crowd) keeping() evenkeel.Body {
	r := w.r
	switch r.IntN(18) {
	case 16:
		n := evenkeel.NewNamespace("n" + itoa(r.IntN(3)))
		n.Subscribe = evenkeel.SubscribeRule(r.IntN(4))
		return &evenkeel.NamespacePut{Namespace: n}
	case 17:
		return &evenkeel.NamespaceDelete{Namespace: "n" + itoa(r.IntN(3))}
	case 9, 10, 11:
		return w.identify()
	case 12, 13:
		version := r.Uint64N(w.f.d.cell.ContextSeq + 1)
		return &evenkeel.ContextSet{Customer: w.visitor().ID, Version: &version, Data: json.RawMessage(`{"a":1}`)}
	case 14:
		return &evenkeel.ContextSet{Chat: w.chat()}
	case 15:
		return &evenkeel.CustomerClaim{Attributes: json.RawMessage(`{"c":3}`)}
	case 6:
		seq := w.f.d.cell.ArchiveSeq
		return &evenkeel.ArchiveReport{Node: "n1", Copy: "k" + itoa(r.IntN(2)), Cursor: r.Uint64N(seq + 2), State: evenkeel.CopyState(min(1, r.IntN(8)))}
	case 7:
		return &evenkeel.ArchiveAmend{Chat: w.chat(), Customer: w.visitor().ID, Rating: &evenkeel.Rating{Score: int64(r.IntN(7))}}
	case 8:
		return &evenkeel.CustomerErase{Customer: w.visitor().ID}
	case 0:
		return &evenkeel.CustomerPut{Customer: w.visitor().ID, Name: "N", Attributes: json.RawMessage(`{"a":1}`)}
	case 1:
		return &evenkeel.PasswordSet{Agent: w.agent().ID, Hash: "x"}
	case 2:
		return &evenkeel.TokenRevoke{Agent: w.agent().ID}
	case 3:
		return &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "bot" + itoa(r.IntN(3)), Role: evenkeel.RoleService}, Hash: "h" + itoa(r.IntN(5))}
	case 4:
		return &evenkeel.APIKeyDelete{ID: "bot" + itoa(r.IntN(3))}
	default:
		ws := evenkeel.Workspace{ID: evenkeel.DefaultWorkspace, DefaultQueue: w.queueID(), Origins: make([]string, r.IntN(3))}
		for i := range ws.Origins {
			ws.Origins[i] = "https://x"
		}
		return &evenkeel.WorkspacePut{Workspace: ws}
	}
}

// identify turns a visitor into a customer, most often into the same one.
func (w *crowd) identify() evenkeel.Body {
	p := evenkeel.SignedProfile{Name: "Signed", Email: "s@x", Priority: int64(w.r.IntN(3)), Attributes: json.RawMessage(`{"s":1}`)}
	return &evenkeel.CustomerIdentify{
		Customer: "u-" + itoa(w.r.IntN(3)), Visitor: "v" + itoa(w.r.IntN(8)), Profile: p, Life: evenkeel.Duration(w.r.IntN(120)) * evenkeel.Second,
	}
}
