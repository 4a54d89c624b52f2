package realtime

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

var update = flag.Bool("update", false, "write what is said into the transcripts")

// TestTranscripts plays the dialogues of testdata/*.txt. A line is one of
//
//	# a comment
//	> FRAME [& FRAME ...]    the client sends a message
//	< FRAME                  what it is sent
//	! EFFECT                 what else the session wants done
//
// or one of the instructions of (*stage).play. Lines with < and ! are what the
// lines above lead to; `go test -update` writes them.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playTranscript(t, newStage(DefaultSettings()), string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s went otherwise:\n%s", file, difference(string(want), got))
			}
		})
	}
}

func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

func playTranscript(t *testing.T, s *stage, text string) string {
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "<") || strings.HasPrefix(line, "!") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.play(line); err != nil {
			t.Fatalf("line %d: %q: %v", i+1, line, err)
		}
		out.WriteString(s.heard())
	}
	return out.String()
}

// stage is a session with all that it needs around it, in virtual time.
type stage struct {
	now     time.Duration
	desk    *fakeDesk
	hub     Hub[*Session]
	session *Session
	set     *Settings
	enc     Encoding
	log     strings.Builder
	// Transcripts show frames in JSON; these say what they are on the wire.
	encode func(frames []string) ([]byte, error)
	decode func(message []byte) []string

	stalled   bool // the client reads nothing
	slowReads bool // the desk answers no reads
	slowAuth  bool
	reads     []Read
	auths     []Authenticate

	// Of channels of namespaces: the terms on which the client may have each, and
	// what the node keeps of them.
	terms  map[string]evenkeel.Terms
	admits []Admit
	slow   bool // nobody says on which terms
	crowds Crowds
	shelf  shelf
	epochs int
	keep   Keep
}

func newStage(set Settings) *stage { return newStageIn(JSON(), set) }

func newStageIn(enc Encoding, set Settings) *stage {
	s := &stage{now: time.Second, desk: newFakeDesk(), set: &set, enc: enc, terms: map[string]evenkeel.Terms{}}
	s.shelf.budget = 1 << 20
	s.encode = func(frames []string) ([]byte, error) { return []byte(strings.Join(frames, "\n")), nil }
	s.decode = func(message []byte) []string { return strings.Split(string(message), "\n") }
	s.session = NewSession(1, enc, s.set, s.now)
	return s
}

// heard returns what the client was sent and what else was asked for.
func (s *stage) heard() string {
	for !s.stalled {
		message := s.session.Take(nil, 1<<20)
		if len(message) == 0 {
			break
		}
		for _, frame := range s.decode(message) {
			fmt.Fprintf(&s.log, "< %s\n", frame)
		}
	}
	text := s.log.String()
	s.log.Reset()
	return text
}

func (s *stage) step(in Input) { s.run(s.session.Step(in, s.now)) }

func (s *stage) run(effects []Effect) {
	for _, e := range append([]Effect(nil), effects...) {
		switch e := e.(type) {
		case Join:
			s.hub.Join(e.Key, s.session)
		case Leave:
			s.hub.Leave(e.Key, s.session)
		case Authenticate:
			s.auths = append(s.auths, e)
			if !s.slowAuth {
				s.answerAuths()
			}
		case Read:
			if e.Request.Kept {
				s.step(s.shelf.read(e, s.now))
				continue
			}
			s.reads = append(s.reads, e)
			if !s.slowReads {
				s.answerReads()
			}
		case Admit, Publish, Enter, Exit, Count:
			s.runLive(e)
		case Call:
			fmt.Fprintf(&s.log, "! call %d %s %s\n", e.ID, e.Method, e.Params)
		case Connected:
			fmt.Fprintf(&s.log, "! connected %s\n", e.Client.Principal)
		case Disconnected:
			fmt.Fprintf(&s.log, "! disconnected\n")
		case Close:
			now := ""
			if e.Now {
				now = " now"
			}
			fmt.Fprintf(&s.log, "! close %d %s%s\n", e.Code, e.Reason, now)
		}
	}
}

func (s *stage) answerReads() {
	for len(s.reads) > 0 {
		r := s.reads[0]
		s.reads = s.reads[1:]
		page, err := s.desk.read(r.Request)
		s.step(NewReadDone(r.Tag, page, err))
	}
}

func (s *stage) answerAuths() {
	for len(s.auths) > 0 {
		a := s.auths[0]
		s.auths = s.auths[1:]
		client, err := fakeAuthenticate(a.Request)
		s.step(Authenticated{Client: client, Err: err})
	}
}

func (s *stage) route() {
	events := s.desk.unrouted
	s.desk.unrouted = nil
	for i := range events {
		to, in := s.hub.Route(&events[i], s.enc)
		for _, session := range append([]*Session(nil), to...) {
			s.run(session.Step(in, s.now))
		}
	}
}

// wait lets time pass, with every wake-up at its time.
func (s *stage) wait(d time.Duration) {
	end := s.now + d
	for {
		at, ok := s.session.Next()
		if !ok || at > end {
			break
		}
		s.now = max(s.now, at)
		s.step(Wake{})
		s.take()
	}
	s.now = end
}

// take lets the client read, as it would between two wake-ups.
func (s *stage) take() {
	said := s.log.String()
	s.log.Reset()
	frames := s.heard()
	s.log.WriteString(said + frames)
}

// play obeys one line.
func (s *stage) play(line string) error {
	if frames, ok := strings.CutPrefix(line, "> "); ok {
		message, err := s.encode(strings.Split(frames, " & "))
		if err != nil {
			return err
		}
		commands, err := s.enc.Decode(message)
		if err != nil {
			s.step(Disconnect{Code: CloseBadRequest, Reason: err.Error()})
		}
		for _, c := range commands {
			s.step(c)
		}
		return nil
	}
	f := strings.Fields(line)
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	number, _ := strconv.Atoi(arg(2)) // 0 where there is none
	switch f[0] {
	case "publish": // CHANNEL N: the desk publishes, clients are told
		for range number {
			s.desk.publish(f[1])
		}
		s.route()
	case "append": // CHANNEL N: as publish, but the events are still on their way
		for range number {
			s.desk.publish(f[1])
		}
	case "route": // the events arrive
		s.route()
	case "lose": // the events never arrive
		s.desk.unrouted = nil
	case "hide": // CHANNEL N: the replica does not show the newest N
		s.desk.hidden[f[1]] = number
	case "evict": // CHANNEL N: N are left in the history
		s.desk.evict(f[1], uint64(number))
	case "drop": // CHANNEL: it is gone
		s.desk.drop(f[1])
		s.route()
	case "remove": // CHANNEL: as drop, but the event is still on its way
		s.desk.drop(f[1])
	case "deny": // CHANNEL CODE: nobody may read it
		s.desk.denied[f[1]] = evenkeel.Code(f[2])
	case "allow": // CHANNEL
		delete(s.desk.denied, f[1])
	case "revoke": // CHANNEL [ID]: an event says that the client (or another) lost it
		p := s.session.Client().Principal
		if arg(2) != "" {
			p.ID = arg(2)
		}
		s.desk.revoke(f[1], p)
		s.route()
	case "logout": // [LOGIN]
		e := evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: s.session.Client().Principal, Token: arg(1)}
		s.desk.unrouted = append(s.desk.unrouted, e)
		s.route()
	case "ephemeral": // CHANNEL JSON
		for _, session := range s.hub.Listeners(f[1]) {
			s.run(session.Step(NewDelivery(f[1], evenkeel.Position{}, []byte(f[2]), s.enc), s.now))
		}
	case "answer": // ID JSON, or ID CODE: of a call
		id, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			return err
		}
		done := &CallDone{ID: uint32(id), Result: []byte(f[2])}
		if f[2][0] != '{' {
			done.Result, done.Err = nil, evenkeel.Errorf(evenkeel.Code(f[2]), "the backend says so")
		}
		s.step(done)
	default:
		if ok, err := s.playLive(f); ok {
			return err
		}
		return s.playClient(f)
	}
	return nil
}

// playClient obeys what concerns the connection rather than the desk.
func (s *stage) playClient(f []string) error {
	switch f[0] {
	case "wait": // DURATION
		d, err := time.ParseDuration(f[1])
		if err != nil {
			return err
		}
		s.wait(d)
	case "emulate": // NAME NODE: the transport goes one way only
		s.session.Emulate(f[1], f[2])
	case "present", "absent":
		s.step(Presence{Present: f[0] == "present"})
	case "kick": // CODE [MOVE]
		code, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			return err
		}
		s.step(Disconnect{Code: uint32(code), Reason: "kicked", Move: []byte(strings.Join(f[2:], " "))})
	case "gone":
		s.step(Gone{})
	case "stall": // the client reads nothing more
		s.stalled = true
	case "resume":
		s.stalled = false
	case "reads": // slow|fast
		s.slowReads = f[1] == "slow"
		if !s.slowReads {
			s.answerReads()
		}
	case "auth": // slow|fast
		s.slowAuth = f[1] == "slow"
		if !s.slowAuth {
			s.answerAuths()
		}
	case "keys": // what the hub routes to somebody
		fmt.Fprintf(&s.log, "! %d keys\n", s.hub.Keys())
	case "limit": // NAME N: changes a setting
		n, err := strconv.Atoi(f[2])
		if err != nil {
			return err
		}
		switch f[1] {
		case "channels":
			s.set.MaxChannels = n
		case "calls":
			s.set.MaxCalls = n
		case "recovered":
			s.set.MaxRecovered = n
		case "reply":
			s.set.MaxReplyBytes = n
		case "queue":
			s.set.MaxQueueBytes = n
		case "burst":
			s.set.PublishBurst = n
		case "publish":
			s.set.MaxPublish = n
		case "behind":
			s.set.MaxBehind = n
		default:
			return fmt.Errorf("no limit %q", f[1])
		}
	default:
		return fmt.Errorf("no instruction %q", f[0])
	}
	return nil
}
