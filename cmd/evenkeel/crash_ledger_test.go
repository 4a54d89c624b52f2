package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ledger remembers what the server promised, outside of the server.
type ledger struct {
	mu        sync.Mutex
	said      map[string][]utterance // acknowledged messages, by chat, as they were sent by each
	forbidden map[string]string      // texts that must never be seen, and why
	owner     map[string]string      // chat -> agent, where nothing can have changed it since
	parked    map[string]string      // waiting chat -> queued_at
	broken    []string               // promises that were broken on the spot
	most      int                    // messages in one chat
}

type utterance struct {
	sender, text string
	number       uint64 // 0: not told
}

func newLedger() *ledger {
	return &ledger{
		said: map[string][]utterance{}, forbidden: map[string]string{}, owner: map[string]string{}, parked: map[string]string{},
	}
}

// heard records an acknowledged message. A repetition must have the same answer.
func (l *ledger) heard(chat string, u utterance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, before := range l.said[chat] {
		if before.text == u.text {
			if before != u {
				l.broken = append(l.broken, fmt.Sprintf("chat %s: repeated, %+v became %+v", chat, before, u))
			}
			return
		}
	}
	l.said[chat] = append(l.said[chat], u)
}

func (l *ledger) forbid(text, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forbidden[text] = why
}

func (l *ledger) owned(chat, agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner[chat] = agent
}

// moving: somebody asks for what may change the chat's owner.
func (l *ledger) moving(chat string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.owner, chat)
}

func (l *ledger) waits(chat, since string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parked[chat] = since
}

func (l *ledger) broke(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = append(l.broken, fmt.Sprintf(format, args...))
}

// someChat picks any chat that was ever started.
func (l *ledger) someChat(pick func(n int) int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	chats := make([]string, 0, len(l.said))
	for chat := range l.said {
		chats = append(chats, chat)
	}
	if len(chats) == 0 {
		return ""
	}
	slices.Sort(chats)
	return chats[pick(len(chats))]
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, said := range l.said {
		n += len(said)
	}
	return fmt.Sprintf("%d messages acknowledged in %d chats (at most %d in one), %d still waiting, %d refused texts",
		n, len(l.said), l.most, len(l.parked), len(l.forbidden))
}

// What the server shows.
type (
	shownChat struct {
		ID       string
		Queue    string
		Customer string
		State    string
		Agent    *struct{ ID string }
		QueuedAt string `json:"queued_at"`
	}
	shownMessage struct {
		Number uint64
		Kind   string
		Text   string
		Author struct{ ID string }
	}
	shownAgent struct {
		ID   string
		Used int
	}
	agentDesk struct {
		Chats  []shownChat
		Offers []struct {
			Offer string
			Chat  shownChat
		}
	}
)

// check compares the ledger with what the server says after a restart, while
// nobody else is there.
func (l *ledger) check(t *testing.T, town *town) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.broken {
		t.Error(text)
	}
	chats := map[string]shownChat{}
	for _, chat := range list[shownChat](t, town, "/v1/chats") {
		if _, twice := chats[chat.ID]; twice {
			t.Errorf("chat %s is listed twice", chat.ID)
		}
		chats[chat.ID] = chat
	}
	l.checkMessages(t, town, chats)
	l.checkPlaces(t, chats)
	l.checkOwners(t, town, chats)
	for _, customer := range town.refusedCustomers() {
		for _, chat := range list[shownChat](t, town, "/v1/chats?customer="+url.QueryEscape(customer)) {
			t.Errorf("customer %s was refused each time and has chat %s, %s", customer, chat.ID, chat.State)
		}
	}
}

// checkMessages: each acknowledged message is there once and in order, and none
// that was refused.
func (l *ledger) checkMessages(t *testing.T, town *town, chats map[string]shownChat) {
	t.Helper()
	for chat := range l.said {
		if _, there := chats[chat]; !there {
			chats[chat] = shownChat{ID: chat} // closed, perhaps; its messages are there
		}
	}
	for id := range chats {
		at := map[string]uint64{}
		messages := list[shownMessage](t, town, "/v1/chats/"+id+"/messages?notes=false")
		l.most = max(l.most, len(messages))
		for i, m := range messages {
			if m.Number != uint64(i+1) {
				t.Fatalf("chat %s: message %d has number %d", id, i+1, m.Number)
			}
			if m.Kind != "text" {
				continue
			}
			if before, twice := at[m.Text]; twice {
				t.Errorf("chat %s: %q is there twice, as %d and %d", id, m.Text, before, m.Number)
			}
			at[m.Text] = m.Number
			if why := l.forbidden[m.Text]; why != "" {
				t.Errorf("chat %s: message %d, %q, is there although %s", id, m.Number, m.Text, why)
			}
		}
		last := map[string]uint64{}
		for _, u := range l.said[id] {
			number := at[u.text]
			switch {
			case number == 0:
				t.Errorf("chat %s: acknowledged message %d of %s, %q, is lost", id, u.number, u.sender, u.text)
			case u.number != 0 && number != u.number:
				t.Errorf("chat %s: message %q was acknowledged as %d and is %d", id, u.text, u.number, number)
			case number <= last[u.sender]:
				t.Errorf("chat %s: message %q of %s is %d, behind a later one", id, u.text, u.sender, number)
			}
			last[u.sender] = max(last[u.sender], number)
		}
	}
}

// checkPlaces: whoever waited still waits, since the same time.
func (l *ledger) checkPlaces(t *testing.T, chats map[string]shownChat) {
	t.Helper()
	for id, since := range l.parked {
		if chat := chats[id]; chat.State != "queued" || chat.QueuedAt != since || chat.Queue != parkedQueue {
			t.Errorf("chat %s waited in %s since %s and is now: %+v", id, parkedQueue, since, chat)
		}
	}
}

// checkOwners: chats and agents agree on who owns what, and nobody shares.
func (l *ledger) checkOwners(t *testing.T, town *town, chats map[string]shownChat) {
	t.Helper()
	used := map[string]int{}
	for id, chat := range chats {
		switch chat.State {
		case "active", "wrapping":
			if chat.Agent == nil {
				t.Errorf("chat %s is %s and has no owner", id, chat.State)
				continue
			}
			used[chat.Agent.ID]++
			if owner := l.owner[id]; owner != "" && chat.Agent.ID != owner {
				t.Errorf("chat %s belonged to %s and is now %s's", id, owner, chat.Agent.ID)
			}
		case "offered":
			t.Errorf("chat %s is offered although nobody is connected", id)
		case "queued":
			if owner := l.owner[id]; owner != "" {
				t.Errorf("chat %s belonged to %s and is queued", id, owner)
			}
		}
	}
	for _, agent := range list[shownAgent](t, town, "/v1/agents") {
		if agent.Used != used[agent.ID] {
			t.Errorf("agent %s uses %d slots and owns %d chats", agent.ID, agent.Used, used[agent.ID])
		}
	}
	claims, offers := town.askAgents(t)
	for chat, agents := range claims {
		if shown := chats[chat]; len(agents) != 1 || shown.Agent == nil || shown.Agent.ID != agents[0] {
			t.Errorf("chat %s, %+v, is claimed by %v", chat, shown, agents)
		}
	}
	for id, chat := range chats {
		if (chat.State == "active" || chat.State == "wrapping") && len(claims[id]) == 0 {
			t.Errorf("chat %s of %s is on nobody's desk", id, chat.Agent.ID)
		}
	}
	for chat, agents := range offers {
		if len(agents) != 1 {
			t.Errorf("chat %s is offered to %v at once", chat, agents)
		}
	}
}

// list reads all pages of a list as the admin.
func list[T any](t *testing.T, town *town, path string) []T {
	t.Helper()
	var all []T
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	cursor := ""
	for {
		var page struct {
			Items []T
			Next  *string
		}
		target := path + join + "limit=200" + cursor
		if err := callHTTP(t.Context(), town.server.addr, "GET", target, town.admin, nil, &page); err != nil {
			t.Fatalf("GET %s: %v", target, err)
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// byPlace lists the waiting chats in the order of their places.
func (l *ledger) byPlace() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var chats []string
	for chat := range l.parked {
		chats = append(chats, chat)
	}
	slices.SortFunc(chats, func(a, b string) int { return cmp.Compare(l.parked[a], l.parked[b]) })
	return chats
}
