package desk

import (
	"bytes"
	"encoding/json"
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

var update = flag.Bool("desk.update", false, "write what the transcripts come to into testdata")

// TestTranscripts plays testdata/*.txt: each is a story of commands with what
// came of them. A line that starts with "> " is a command; the lines behind it are
// its result and its events, one a line, as the test expects them. Lines that
// start with # tell the story.
//
//	> +20s                           time passes; a tick is applied
//	> outage 30s                     the cell was away; the next entry resumes
//	> queue sales {"weight": 2}      a queue with the defaults and these changes
//	> agent ann {"queues": [...]}    an agent, connected and online
//	> hire ann {...}                 an agent, neither connected nor online
//	> ann connects | ann leaves      a session opens, the last one closes
//	> ann chat.accept {"chat":"c1"}  a command; people are visitors unless they are agents
//	> bot:x for y chat.send {...}    a service on behalf of somebody
//	> id=1 ann chat.send {...}       with an idempotency id of its own
//	> version=3 admin queue.put {..} if the object has the version; none, any
//	> why c1 | chats ann | limits {...}
//	> levels of general | levels of agent ann | figures of general
//	> copy k1 7                      node n1's copy of the archive is at operation 7
//	> ops 4                          what a copy that is at operation 4 is given
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory(t).play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Fatalf("%s:\n%s", file, firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	command := ""
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return fmt.Sprintf("after %q there is more: %s", command, g[i])
		case i >= len(g):
			return fmt.Sprintf("after %q there is less, wanted: %s", command, w[i])
		case w[i] != g[i]:
			return fmt.Sprintf("line %d, after %q\nwant %s\ngot  %s", i+1, command, w[i], g[i])
		case strings.HasPrefix(w[i], "> "):
			command = w[i]
		}
	}
	return ""
}

// story plays a transcript.
type story struct {
	*fixture
	out      strings.Builder
	sessions map[string][]evenkeel.SessionID
	next     uint64
	gap      evenkeel.Duration
}

func newStory(t *testing.T) *story {
	s := &story{fixture: newFixture(t), sessions: map[string][]evenkeel.SessionID{}}
	s.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"})
	s.time = 1000
	return s
}

func (s *story) play(text string) string {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "> "):
			s.out.WriteString(line)
			s.line(strings.TrimSpace(line[2:]))
			if err := invariants(s.d); err != nil {
				s.t.Fatalf("%s: %v", line, err)
			}
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
			s.out.WriteString(line)
		}
	}
	s.replay()
	return s.out.String()
}

func (s *story) line(line string) {
	words := strings.SplitN(line, " ", 3)
	rest := strings.TrimSpace(strings.TrimPrefix(line, words[0]))
	switch {
	case strings.HasPrefix(line, "+"):
		d, err := time.ParseDuration(line[1:])
		s.check(err)
		s.time += evenkeel.DeskTime(evenkeel.DurationOf(d))
		s.entry(nil)
	case words[0] == "outage":
		d, err := time.ParseDuration(rest)
		s.check(err)
		s.gap = evenkeel.DurationOf(d)
		s.time += evenkeel.DeskTime(s.gap)
		s.entry(nil)
	case words[0] == "queue":
		q := evenkeel.NewQueue(words[1])
		s.decode(line, &q)
		s.entry(s.command(agent("admin"), &evenkeel.QueuePut{Queue: q}))
	case words[0] == "hire" || words[0] == "agent":
		s.hire(words[0] == "agent", words[1], line)
	case words[0] == "limits":
		l := s.d.cell.Limits
		s.decode(line, &l)
		s.entry(s.command(evenkeel.System(), &evenkeel.LimitsSet{Limits: l}))
	case words[0] == "why":
		s.why(words[1])
	case words[0] == "levels":
		s.levels(strings.TrimPrefix(rest, "of "))
	case words[0] == "figures":
		s.figures(strings.TrimPrefix(rest, "of "))
	case words[0] == "copy":
		cursor, err := strconv.ParseUint(words[2], 10, 64)
		s.check(err)
		s.entry(s.command(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n1", Copy: words[1], Cursor: cursor, State: evenkeel.CopyLive}))
	case words[0] == "ops":
		after, err := strconv.ParseUint(words[1], 10, 64)
		s.check(err)
		s.ops(after)
	case words[0] == "batch":
		s.batch(rest)
	case len(words) > 1 && words[1] == "connects":
		s.connect(words[0])
	case len(words) > 1 && words[1] == "leaves":
		s.leave(words[0])
	default:
		s.entry(s.parse(line))
	}
}

func (s *story) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// decode reads the JSON object in a line over the defaults in v.
func (s *story) decode(line string, v any) {
	i := strings.IndexByte(line, '{')
	if i < 0 {
		return
	}
	dec := json.NewDecoder(strings.NewReader(line[i:]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
}

func (s *story) hire(atWork bool, id, line string) {
	a := evenkeel.Agent{ID: id, Name: strings.ToUpper(id[:1]) + id[1:], Role: evenkeel.RoleAgent, Capacity: 4,
		Queues: []evenkeel.Membership{{Queue: "general", Level: 1}}}
	s.decode(line, &a)
	s.must(agent("admin"), &evenkeel.AgentPut{Agent: a})
	if atWork {
		s.connect(id)
		s.entry(s.command(agent(id), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline}))
	}
}

// who turns a name of the story into a principal.
func (s *story) who(name string) evenkeel.Principal {
	switch {
	case name == "cell":
		return evenkeel.System()
	case strings.HasPrefix(name, "bot:"):
		return evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalService, ID: name[4:]}
	case s.d.agents.get(key{"default", name}) != nil:
		return agent(name)
	default:
		return visitor(name)
	}
}

func (s *story) connect(name string) {
	s.next++
	id := evenkeel.SessionID{Incarnation: 1, Number: s.next}
	s.sessions[name] = append(s.sessions[name], id)
	s.entry(s.command(evenkeel.System(), &evenkeel.SessionOpen{Session: id, Principal: s.who(name)}))
}

func (s *story) leave(name string) {
	list := s.sessions[name]
	if len(list) == 0 {
		s.t.Fatalf("%s has no session", name)
	}
	s.sessions[name] = list[:len(list)-1]
	s.entry(s.command(evenkeel.System(), &evenkeel.SessionClose{Session: list[len(list)-1]}))
}

func (s *story) command(by evenkeel.Principal, body evenkeel.Body) *evenkeel.Command {
	c := &evenkeel.Command{By: by, Body: body}
	if by.Kind != evenkeel.PrincipalSystem {
		s.ids++
		c.ID = "i" + itoa(s.ids)
	}
	return c
}

// parse reads "[id=X] [seq=N] NAME [for NAME] METHOD {JSON}".
func (s *story) parse(line string) *evenkeel.Command {
	words := strings.Fields(line)
	id, seq, version := "", "", ""
	for strings.Contains(words[0], "=") {
		k, v, _ := strings.Cut(words[0], "=")
		switch k {
		case "id":
			id = v
		case "version":
			version = v
		default:
			seq = v
		}
		words = words[1:]
	}
	name := words[0]
	var behalf evenkeel.Principal
	if words[1] == "for" {
		behalf = s.who(words[2])
		words = words[2:]
	}
	body := bodyOf(words[1])
	if body == nil {
		s.t.Fatalf("%s: unknown method %s", line, words[1])
	}
	s.decode(line, body)
	c := s.command(s.who(name), body)
	c.OnBehalfOf = behalf
	if id != "" {
		c.ID = id
	}
	switch version {
	case "":
	case "none":
		c.IfVersion = evenkeel.IfAbsent
	case "any":
		c.IfVersion = evenkeel.IfPresent
	default:
		_, err := fmt.Sscan(version, &c.IfVersion)
		s.check(err)
	}
	if seq != "" {
		c.Session = s.sessions[name][0]
		_, err := fmt.Sscan(seq, &c.Seq)
		s.check(err)
	}
	return c
}

func bodyOf(name string) evenkeel.Body {
	for _, k := range evenkeel.Kinds() {
		if k.Name == name {
			return newBody(k.Kind)
		}
	}
	return nil
}

// batch applies several commands, separated by " ;; ", in one entry.
func (s *story) batch(line string) {
	var commands []*evenkeel.Command
	for part := range strings.SplitSeq(line, " ;; ") {
		commands = append(commands, s.parse(part))
	}
	s.entries(commands...)
}

func (s *story) entry(c *evenkeel.Command) {
	if c == nil {
		s.entries()
		return
	}
	s.entries(c)
}

// entries applies one entry and tells what came of it.
func (s *story) entries(commands ...*evenkeel.Command) {
	var raw [][]byte
	for _, c := range commands {
		b, err := EncodeCommand(nil, c)
		s.check(err)
		raw = append(raw, b)
	}
	entry := AppendEntry(nil, EntryHeader{Time: s.time, Resume: s.gap > 0, Gap: s.gap}, raw)
	s.gap = 0
	s.log = append(s.log, entry)
	out, err := s.d.Apply(uint64(len(s.log)), entry, nil)
	s.check(err)
	for i, r := range out.Results {
		if line := tellResult(commands[i], &r); line != "" {
			fmt.Fprintf(&s.out, "  = %s\n", line)
		}
	}
	for _, e := range out.Events {
		fmt.Fprintf(&s.out, "    %s\n", tellEvent(&e))
	}
	if out.More {
		fmt.Fprintln(&s.out, "  more")
	}
}

func (s *story) why(chat string) {
	w, err := s.d.Why(agent("admin"), chat)
	s.check(err)
	if w.Chosen != "" {
		fmt.Fprintf(&s.out, "  = chosen %s\n", w.Chosen)
	}
	for _, c := range w.Considered {
		if c.Rank > 0 {
			fmt.Fprintf(&s.out, "    %d. %s\n", c.Rank, c.Agent)
		} else {
			fmt.Fprintf(&s.out, "    %s: %s\n", c.Agent, c.PassedOver)
		}
	}
}

// TestTranscriptsSurviveSnapshots plays every story once more, with a restore
// from a snapshot behind every entry: nothing may change.
func TestTranscriptsSurviveSnapshots(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := newStory(t)
		s.play(string(text))
		d := New()
		for i, entry := range s.log {
			if _, err := d.Apply(uint64(i+1), entry, nil); err != nil {
				t.Fatal(err)
			}
			snap, _, err := d.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if d, err = Restore(bytes.NewReader(snap)); err != nil {
				t.Fatalf("%s, entry %d: %v", file, i+1, err)
			}
		}
		if d.Hash() != s.d.Hash() {
			t.Fatalf("%s: a desk that is restored behind every entry comes to another hash", file)
		}
	}
}
