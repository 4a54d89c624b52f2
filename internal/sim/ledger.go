package sim

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// ledger has every wish with what its caller was told, and every text with where
// it came to stand.
type ledger struct {
	w      *World
	wishes []*wish
	byID   map[string]*wish
	byText map[string]*wish
	texts  map[string]place
	// said is the newest wish of each author that stands in a chat or its notes.
	said map[author]*wish
}

// place is where a text stands.
type place struct {
	chat   string
	note   bool
	number uint64
}

type author struct {
	client *client
	chat   string
	note   bool
}

func newLedger(w *World) *ledger {
	return &ledger{w: w, byID: map[string]*wish{}, byText: map[string]*wish{}, texts: map[string]place{}, said: map[author]*wish{}}
}

func (l *ledger) add(c *client, body evenkeel.Body, set func(*wish)) *wish {
	o := &wish{n: len(l.wishes), client: c, body: body}
	l.wishes = append(l.wishes, o)
	o.id = "w" + strconv.Itoa(o.n)
	if set != nil {
		set(o)
	}
	o.poison = strings.Contains(o.text, poison)
	if l.byID[o.id] == nil {
		l.byID[o.id] = o
	}
	if o.text != "" {
		l.byText[o.text] = o
	}
	l.w.stats.add("wishes", 1)
	return o
}

// wish finds the one that a call names.
func (l *ledger) wish(params []byte) *wish {
	digits, ok := bytes.CutPrefix(params, []byte(`{"wish":`))
	n, err := strconv.Atoi(string(bytes.TrimSuffix(digits, []byte("}"))))
	if !ok || err != nil || n >= len(l.wishes) {
		return nil
	}
	return l.wishes[n]
}

// proposed watches what the courier sends: the id of a wish never changes.
func (l *ledger) proposed(c *evenkeel.Command) {
	switch body := c.Body.(type) {
	case *evenkeel.SessionOpen:
		l.w.tracef("session %s opens for %s", body.Session, body.Principal.ID)
	case *evenkeel.SessionClose:
		l.w.tracef("session %s closes", body.Session)
	case *evenkeel.ChatSend:
		if o := l.byText[body.Text]; o != nil {
			l.w.check(c.ID == o.id, "a repeat has the same id", "%q was sent as %q", o.id, c.ID)
		}
	default:
	}
}

// applied notes that a wish was refused when it was applied.
func (l *ledger) applied(c *evenkeel.Command, r *evenkeel.Result) {
	o := l.byID[c.ID]
	if o == nil || c.ID == "" {
		return
	}
	if r.Err != nil {
		l.w.check(o.applied || !strings.Contains(r.Err.Detail, "is forgotten"), "what is new is not taken for a repeat", "%s of %s: %v", o.id, o.client.name, r.Err)
		o.rejected = true
	}
	o.applied = true
}

// spoken takes note of a message or a note that was published.
func (l *ledger) spoken(at place, who evenkeel.Author, id, text string) {
	if who.Kind == evenkeel.AuthorSystem {
		return
	}
	o := l.byText[text]
	l.w.check(o != nil, "nothing is said that nobody said", "%v: %q by %v", at, text, who)
	old, twice := l.texts[text]
	l.w.check(!twice, "what was acknowledged is there once", "%s stands at %v and at %v", o.id, old, at)
	l.texts[text] = at
	l.w.check(id == o.id && who.ID == o.client.principal.ID, "a message names its author", "%s of %s was published as %s of %v", o.id, o.client.name, id, who)
	l.w.check(at.chat == o.chat || o.chat == "", "a message stands in its chat", "%s is for %s and stands at %v", o.id, o.chat, at)
	l.w.check(!o.wrong && !o.poison, "what was refused left no trace", "%s stands at %v", o.id, at)
	l.w.check(!o.done || o.ok || o.attempts > 1, "what was refused left no trace", "%s was refused (%s) and stands at %v", o.id, o.code, at)
	key := author{o.client, at.chat, at.note}
	if last := l.said[key]; last != nil && last.n > o.n {
		l.w.check(o.wavered || o.rejected, "an author's messages keep their order", "%s stands behind %s in %s", o.id, last.id, at.chat)
		return
	}
	l.said[key] = o
}

// succeeded is what a caller was told of his wish.
func (l *ledger) succeeded(o *wish, r result) {
	l.w.check(!o.wrong && !o.poison, "what is not allowed is refused", "%s (%s by %s) was accepted: %+v", o.id, o.body.Kind(), o.client.name, r)
	if o.done {
		l.repeated(o, r)
		return
	}
	l.w.stats.add("wishes granted: "+o.body.Kind().String(), 1)
	o.done, o.ok, o.got, o.answered = true, true, r, l.w.now
	l.w.acked = max(l.w.acked, r.Index)
	l.w.check(r.Index > o.floor, "what is asked later comes later", "%s was asked when %d was acknowledged, and is at %d", o.id, o.floor, r.Index)
	l.w.check(r.Index <= l.w.history.top && r.Index > 0, "what was acknowledged is applied", "%s at %d", o.id, r.Index)
	l.stands(o)
}

// stands checks that an acknowledged text is where its caller was told.
func (l *ledger) stands(o *wish) {
	switch o.body.(type) {
	case *evenkeel.ChatSend, *evenkeel.ChatNote:
		at, ok := l.texts[o.text]
		l.w.check(ok, "what was acknowledged is there once", "%s was acknowledged as number %d and is not there", o.id, o.got.Number)
		l.w.check(at.number == o.got.Number, "what was acknowledged is there once", "%s was acknowledged as number %d and stands at %v", o.id, o.got.Number, at)
	case *evenkeel.ChatStart:
		at, ok := l.texts[o.text]
		l.w.check(o.got.Chat != "", "what was acknowledged is there once", "%s got no chat", o.id)
		l.w.check(o.text == "" || ok != o.got.Existing, "what was acknowledged is there once", "%s got %+v and its message stands at %v", o.id, o.got, at)
		l.w.check(!ok || at.chat == o.got.Chat, "what was acknowledged is there once", "%s got %+v and its message stands at %v", o.id, o.got, at)
		l.w.check(l.w.model.chats[o.got.Chat] != nil, "what was acknowledged is there once", "nobody heard of the chat %s", o.got.Chat)
	case *evenkeel.ChatTransfer, *evenkeel.ChatWrapup:
		_, ok := l.texts[o.text]
		l.w.check(ok || o.text == "", "what was acknowledged is there once", "the note of %s is not there", o.id)
	}
}

// repeated is the answer to a wish that was answered before.
func (l *ledger) repeated(o *wish, r result) {
	l.w.stats.add("repeats answered", 1)
	if !o.ok {
		l.w.check(o.attempts > 1, "a repeat has the same result", "%s was refused, and then not", o.id)
		o.ok, o.got, o.answered = true, r, l.w.now
		l.stands(o)
		return
	}
	switch o.body.(type) {
	case *evenkeel.ChatSend, *evenkeel.ChatNote:
		l.w.check(r.Number == o.got.Number, "a repeat has the same result", "%s got number %d, and then %d", o.id, o.got.Number, r.Number)
	case *evenkeel.ChatStart:
		l.w.check(r.Chat == o.got.Chat && r.Existing == o.got.Existing, "a repeat has the same result", "%s got %+v, and then %+v", o.id, o.got, r)
	}
}

// refused is what a caller was told of his wish.
func (l *ledger) refused(o *wish, code evenkeel.Code) {
	if o.done {
		l.w.stats.add("repeats refused", 1)
		l.w.check(!o.ok || l.forgotten(o) || o.rejected, "a repeat has the same result", "%s was granted, and then refused: %s", o.id, code)
		return
	}
	l.w.stats.add("wishes refused: "+string(code), 1)
	o.done, o.code = true, code
	at, ok := l.texts[o.text]
	l.w.check(!ok || o.text == "" || o.attempts > 1, "what was refused left no trace", "%s was refused (%s) and stands at %v", o.id, code, at)
	l.w.check(!ok || o.text == "" || l.forgotten(o) || o.rejected, "a repeat has the same result", "%s stands at %v, and its repeat was refused: %s", o.id, at, code)
}

// forgotten tells whether the desk may have forgotten the wish's id: with the chat
// of a message, or with time.
func (l *ledger) forgotten(o *wish) bool {
	if at, ok := l.texts[o.text]; ok && o.text != "" && l.w.model.chats[at.chat].gone {
		return true
	}
	switch o.body.(type) {
	case *evenkeel.ChatSend, *evenkeel.ChatNote:
		return false
	}
	return l.w.now-o.first > time.Duration(l.w.shape.Limits.KeyLife)*time.Millisecond
}

// decode takes an entry apart, for what the checks want to know of it.
func decode(entry []byte) []*evenkeel.Command {
	_, commands, err := desk.ParseEntry(entry)
	if err != nil {
		panic(err) // it was applied
	}
	var out []*evenkeel.Command
	for _, raw := range commands {
		c, err := desk.DecodeCommand(raw)
		if err != nil {
			panic(err)
		}
		out = append(out, c)
	}
	return out
}
