package edge

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// TestCourierTranscripts plays the dialogues of testdata/courier/*.txt. A line
// that begins with ">" is an input; the lines with "<" after it are all that the
// courier answers to it.
//
//	> at 50ms                            the time from here on
//	> connect 1 agent ann                or visitor, service
//	> submit 1 #1 m1                     chat.send with the id m1; "-" is chat.seen, without one
//	> done 1 ok too_large session seq    the results of batch 1, by their codes
//	> lost 1 no_leader                   batch 1 failed as a whole
//	> gone 1, need 1, incarnation 5, ended 5.1
func TestCourierTranscripts(t *testing.T) {
	names, err := filepath.Glob("testdata/courier/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := playCourier(t, string(text))
			if got != string(text) {
				t.Errorf("the transcript differs; got:\n%s", got)
			}
		})
	}
}

// playCourier returns the transcript with what the courier really says.
func playCourier(t *testing.T, text string) string {
	t.Helper()
	c := NewCourier()
	var now time.Duration
	var got []string
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(strings.TrimPrefix(line, ">"))
		switch {
		case strings.HasPrefix(line, "<"):
			continue
		case !strings.HasPrefix(line, ">"):
			got = append(got, line)
			continue
		}
		got = append(got, line)
		var inputs []Input
		if words[0] == "at" {
			at, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			now = at
		} else {
			inputs = append(inputs, courierInput(t, i+1, words))
		}
		for _, out := range c.Step(now, inputs...) {
			got = append(got, "< "+showOutput(out))
		}
	}
	return strings.Join(got, "\n")
}

func courierInput(t *testing.T, line int, words []string) Input {
	t.Helper()
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 10, 64)
		if err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		return n
	}
	switch words[0] {
	case "connect":
		who := principalNamed(words[2], words[3])
		need := map[string]SessionNeed{"agent": SessionAtOnce, "visitor": SessionOnDemand, "service": SessionNever}[words[2]]
		return ClientConnected{Client: ClientID(number(words[1])), Principal: who, Need: need}
	case "gone":
		return ClientGone{Client: ClientID(number(words[1]))}
	case "need":
		return PresenceNeeded{Client: ClientID(number(words[1]))}
	case "submit":
		cmd := &evenkeel.Command{ID: words[3], Body: &evenkeel.ChatSend{Text: words[3]}}
		if words[3] == "-" {
			cmd.ID, cmd.Body = "", &evenkeel.ChatSeen{Number: 1}
		}
		return Submitted{Client: ClientID(number(words[1])), Tag: number(words[2]), Command: cmd, Size: 100}
	case "done":
		done := ProposalDone{Batch: number(words[1])}
		for i, code := range words[2:] {
			done.Results = append(done.Results, evenkeel.Result{Index: uint64(i + 1), Err: errorNamed(code)})
		}
		return done
	case "lost":
		return ProposalDone{Batch: number(words[1]), Err: errorNamed(words[2])}
	case "incarnation":
		return IncarnationIssued{Incarnation: number(words[1])}
	case "ended":
		a, b, _ := strings.Cut(words[1], ".")
		return SessionEnded{Session: evenkeel.SessionID{Incarnation: number(a), Number: number(b)}}
	}
	t.Fatalf("line %d: what is %q?", line, words[0])
	return nil
}

func principalNamed(kind, id string) evenkeel.Principal {
	p := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, ID: id}
	switch kind {
	case "agent":
		p.Kind = evenkeel.PrincipalAgent
	case "visitor":
		p.Kind = evenkeel.PrincipalVisitor
	case "service":
		p.Kind = evenkeel.PrincipalService
	}
	return p
}

func errorNamed(code string) *evenkeel.Error {
	switch code {
	case "ok":
		return nil
	case "session":
		return &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "session", Detail: "the session is over"}
	case "seq":
		return &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "seq", Detail: "the numbers have a gap"}
	default:
		return evenkeel.Errorf(evenkeel.Code(code), "so it is")
	}
}

func showOutput(out Output) string {
	switch out := out.(type) {
	case Proposal:
		var all []string
		for _, cmd := range out.Commands {
			all = append(all, showCommand(cmd))
		}
		return fmt.Sprintf("propose %d: %s", out.Batch, strings.Join(all, "; "))
	case Answer:
		what := "ok"
		if out.Err != nil {
			what = string(out.Err.Code)
		}
		return fmt.Sprintf("answer %d #%d %s", out.Client, out.Tag, what)
	case Closure:
		return fmt.Sprintf("close %d %d %s", out.Client, out.Code, out.Reason)
	}
	return "what is this?"
}

func showCommand(cmd *evenkeel.Command) string {
	switch body := cmd.Body.(type) {
	case *evenkeel.SessionOpen:
		return fmt.Sprintf("open %s %s", body.Session, body.Principal.ID)
	case *evenkeel.SessionClose:
		return fmt.Sprintf("close %s", body.Session)
	}
	name := cmd.ID
	if name == "" {
		name = "-"
	}
	if cmd.Session.IsZero() {
		return name
	}
	return fmt.Sprintf("%s/%d %s", cmd.Session, cmd.Seq, name)
}
