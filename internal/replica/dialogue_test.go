package replica

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

var update = flag.Bool("update", false, "write what happens into testdata as what is expected")

// TestDialogues plays testdata/*.txt: lines that begin with "> " are commands to
// a rig, those below are what it traces.
//
//	cell N...               nodes with these ids start, all of them voters
//	limits NAME=N...        for nodes started later
//	propose N COMMAND...    one proposal in the control lane; a command of the form
//	push N COMMAND...       ...NAME*SIZE has so many bytes; push uses the other lane
//	persist N, apply N      the oldest append or apply of the node is done
//	deliver                 what is on the network now arrives
//	settle                  all of these until nothing is left
//	advance DURATION [N...] time passes, and everything is done meanwhile (by these)
//	wait DURATION [N...]    time passes, nothing is done: the process was stopped
//	watch N DURATION        time passes, nothing is done but that the node wakes
//	wake N                  when the node wants to be woken
//	campaign N, transfer N M, read N, member N add M
//	crash N, start N        from what is on its disk
//	lose N K [torn]         of the last K entries on the node's disk only the description is left
//	tear N                  the node crashes in the middle of its oldest append
//	dead N M..., alive N M  N knows for certain that M has ended, or is back
//	cut N..., heal          these nodes hear nobody else
//	full N, room N          the journal refuses entries, or takes them again
//	save N, abort N         the snapshot that the node takes succeeds or fails
//	status N
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			expected, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(expected))
			if bytes.Equal(got, expected) {
				return
			}
			if !*update {
				t.Fatalf("%s plays otherwise (-update writes it):\n%s", file, firstDifference(string(expected), string(got)))
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func play(t *testing.T, script string) []byte {
	seedRaft(t, 1)
	r := newRig(t)
	var out bytes.Buffer
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		command, isCommand := strings.CutPrefix(line, "> ")
		switch {
		case isCommand:
			r.trace.Reset()
			if err := r.do(strings.Fields(command)); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			fmt.Fprintf(&out, "%s\n%s", line, r.trace.String())
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.Bytes()
}

// seedRaft makes raft's election timeouts the same in each run.
func seedRaft(t testing.TB, seed byte) {
	before := rand.Reader
	rand.Reader = mathrand.NewChaCha8([32]byte{seed})
	t.Cleanup(func() { rand.Reader = before })
}

func firstDifference(expected, got string) string {
	a, b := strings.Split(expected, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			from := max(0, i-8)
			return "expected:\n" + strings.Join(a[from:min(len(a), i+6)], "\n") + "\ngot:\n" + strings.Join(b[min(len(b), from):min(len(b), i+6)], "\n")
		}
	}
	return got
}

func (r *rig) do(words []string) error {
	verb, args := words[0], words[1:]
	switch verb {
	case "cell":
		return r.doCell(args)
	case "limits":
		return r.doLimits(args)
	case "advance", "wait":
		return r.doTime(verb, args)
	case "settle":
		r.settle()
		return nil
	case "deliver":
		r.deliver()
		return nil
	case "cut":
		return r.doCut(args)
	case "heal":
		clear(r.cut)
		return nil
	}
	ids, err := numbers(args[:1])
	if err != nil {
		return err
	}
	return r.doNode(verb, r.node(ids[0]), args[1:])
}

func (r *rig) doNode(verb string, n *rigNode, args []string) error {
	switch verb {
	case "propose", "push":
		lane := Control
		if verb == "push" {
			lane = Push
		}
		r.propose(n, lane, sized(args)...)
	case "persist":
		r.persist(n)
	case "apply":
		r.apply(n)
	case "crash":
		r.crash(n)
	case "lose":
		count, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		r.lose(n, count, len(args) > 1)
	case "tear":
		r.tear(n)
	case "start":
		r.start(n)
	case "save", "abort":
		r.save(n, verb == "save")
	case "watch":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		r.watch(n, d)
	case "status":
		r.status(n)
	case "wake":
		if at, ok := n.core.Wake(); ok {
			r.logf("%d in %s", n.id, at-r.now)
		} else {
			r.logf("%d never", n.id)
		}
	default:
		return r.doRaft(verb, n, args)
	}
	return nil
}

func (r *rig) doRaft(verb string, n *rigNode, args []string) error {
	var err error
	switch verb {
	case "campaign":
		err = n.core.Campaign()
	case "dead", "alive":
		ids, bad := numbers(args)
		for _, id := range ids {
			if verb == "dead" {
				n.core.Dead(r.now, id)
			} else {
				n.core.Alive(id)
			}
		}
		err = bad
	case "read":
		n.core.ReadIndex([]byte(args[0]))
	case "full", "room":
		n.core.JournalFull(verb == "full")
	case "transfer":
		ids, bad := numbers(args)
		if bad != nil {
			return bad
		}
		n.core.TransferLeader(ids[0])
	case "member":
		ids, bad := numbers(args[1:])
		if bad != nil {
			return bad
		}
		err = n.core.ProposeConfChange(&raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{{
			Type: raftpb.ConfChangeAddNode.Enum(), NodeId: &ids[0],
		}}})
	default:
		return errUsage
	}
	if err != nil {
		r.logf("%d %v", n.id, err)
	}
	r.pump(n)
	return nil
}

func (r *rig) doCell(args []string) error {
	ids, err := numbers(args)
	if err != nil {
		return err
	}
	r.nodes = newRig(r.t, ids...).nodes
	for _, n := range r.nodes {
		r.start(n)
	}
	return nil
}

func (r *rig) doLimits(args []string) error {
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		switch name {
		case "commands":
			r.limits.QueuedCommands = int(value)
		case "bytes":
			r.limits.QueuedBytes = value
		case "pushes":
			r.limits.PushBytes = value
		case "unapplied":
			r.limits.UnappliedBytes = value
		case "append":
			r.limits.AppendBytes = value
		case "snapshot":
			r.limits.SnapshotBytes = value
		case "quiet":
			r.limits.QuietBytes = value
		case "tail":
			r.limits.TailBytes = value
		default:
			return errUsage
		}
	}
	return nil
}

func (r *rig) doTime(verb string, args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	ids, err := numbers(args[1:])
	if err != nil {
		return err
	}
	if verb == "advance" {
		r.advance(d, ids...)
		return nil
	}
	r.now += d
	for _, n := range r.nodes {
		if n.core != nil && (len(ids) == 0 || slices.Contains(ids, n.id)) {
			n.core.Advance(r.now)
			r.pump(n)
		}
	}
	return nil
}

func (r *rig) doCut(args []string) error {
	ids, err := numbers(args)
	if err != nil {
		return err
	}
	for _, a := range r.nodes {
		for _, b := range r.nodes {
			if slices.Contains(ids, a.id) != slices.Contains(ids, b.id) {
				r.cut[[2]uint64{a.id, b.id}] = true
			}
		}
	}
	return nil
}

func numbers(args []string) ([]uint64, error) {
	var ids []uint64
	for _, arg := range args {
		id, err := strconv.ParseUint(arg, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// sized makes long commands of NAME*SIZE.
func sized(args []string) []string {
	var commands []string
	for _, arg := range args {
		name, text, long := strings.Cut(arg, "*")
		if size, err := strconv.Atoi(text); long && err == nil {
			name += strings.Repeat(".", max(0, size-len(name)))
		}
		commands = append(commands, name)
	}
	return commands
}
