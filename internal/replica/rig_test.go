package replica

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// rig is a cell of cores in one goroutine: it holds what they want done until it
// is told to do it, and writes down what happens.
type rig struct {
	t      failer
	limits Limits
	now    time.Duration
	nodes  []*rigNode // by id - 1
	net    []*raftpb.Message
	words  []Word
	cut    map[[2]uint64]bool // from, to
	trace  strings.Builder
	quiet  bool

	// outcomes counts what became of each proposal, by its first command.
	outcomes map[string][]string
	// waiting are the proposals without an answer, by their node.
	waiting map[*Proposal]uint64
}

// rigNode is a core with what a shell would hold for it.
type rigNode struct {
	id      uint64
	core    *Core // nil: it is down
	applier *Applier
	appends []*Append
	applies []*Apply

	// What is on its disk.
	hard     *raftpb.HardState
	conf     *raftpb.ConfState
	entries  []*raftpb.Entry // behind base
	skips    []Skip
	base     *raftpb.SnapshotMetadata
	snapshot []byte
	doubt    *Doubt
	lost     bool // its process never comes again

	order *SnapshotOrder // being taken
}

// failer is a test, or one run of a property.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newRig(t failer, voters ...uint64) *rig {
	r := &rig{t: t, cut: make(map[[2]uint64]bool), outcomes: make(map[string][]string), waiting: make(map[*Proposal]uint64)}
	for _, id := range voters {
		n := &rigNode{id: id, conf: &raftpb.ConfState{Voters: voters}}
		r.nodes = append(r.nodes, n)
	}
	return r
}

func (r *rig) logf(format string, args ...any) {
	if !r.quiet {
		fmt.Fprintf(&r.trace, format+"\n", args...)
	}
}

func (r *rig) node(id uint64) *rigNode { return r.nodes[id-1] }

// start begins a node from its disk.
func (r *rig) start(n *rigNode) {
	cfg := CoreConfig{ID: n.id, HardState: n.hard, ConfState: n.conf, Entries: slices.Clone(n.entries), Snapshot: n.base, SnapshotSize: int64(len(n.snapshot)), Now: r.now, Limits: r.limits}
	var err error
	if n.base != nil {
		cfg.ConfState = n.base.GetConfState()
		// As the journal does: what a snapshot holds was committed.
		cfg.HardState = &raftpb.HardState{Term: n.hard.Term, Vote: n.hard.Vote, Commit: proto.Uint64(max(n.hard.GetCommit(), n.base.GetIndex()))}
		n.applier, err = NewApplier(tallies(), n.base.GetIndex(), bytes.NewReader(n.snapshot), n.skips)
	} else {
		n.applier, err = NewApplier(tallies(), 0, nil, n.skips)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.Time = n.applier.Machine().Now()
	r.judgeDoubt(n, &cfg)
	if n.core, err = NewCore(cfg); err != nil {
		r.t.Fatal(err)
	}
	r.pump(n)
}

// judgeDoubt settles a node's doubt as its shell does.
func (r *rig) judgeDoubt(n *rigNode, cfg *CoreConfig) {
	if n.doubt == nil {
		return
	}
	switch n.doubt.Judge(*cfg) {
	case DoubtAsk:
		cfg.Doubt = n.doubt
		r.logf("%d doubts %d to %d of term %d", n.id, n.doubt.First, n.doubt.Last, n.doubt.LastTerm)
	case DoubtLost:
		r.t.Fatalf("node %d has lost its last batch for good", n.id)
	case DoubtCut:
		n.doubt = nil
		r.logf("%d cuts", n.id)
	}
}

// lose takes the last entries from a node's disk, which has only the description
// of their batch from then on.
func (r *rig) lose(n *rigNode, count int, torn bool) {
	keep := len(n.entries) - count
	d := &Doubt{First: n.entries[keep].GetIndex(), Last: n.entries[len(n.entries)-1].GetIndex(), LastTerm: n.entries[len(n.entries)-1].GetTerm(), Torn: torn}
	n.entries, n.doubt = n.entries[:keep:keep], d
	if h := n.hard; h.GetCommit() >= d.First {
		n.hard = &raftpb.HardState{Term: h.Term, Vote: h.Vote, Commit: proto.Uint64(d.First - 1)}
	}
}

// tear crashes a node in the middle of its oldest write: its disk has the description.
func (r *rig) tear(n *rigNode) {
	a := n.appends[0]
	r.crash(n)
	if a.HardState != nil {
		n.hard = a.HardState
	}
	if len(a.Entries) > 0 {
		last := a.Entries[len(a.Entries)-1]
		n.doubt = &Doubt{First: a.Entries[0].GetIndex(), Last: last.GetIndex(), LastTerm: last.GetTerm(), Torn: true}
		n.hard = &raftpb.HardState{Term: n.hard.Term, Vote: n.hard.Vote, Commit: proto.Uint64(min(n.hard.GetCommit(), n.doubt.First-1))}
	}
}

// crash takes a node down with all that is not on its disk.
func (r *rig) crash(n *rigNode) {
	n.core, n.applier, n.appends, n.applies, n.order = nil, nil, nil, nil, nil
	r.net = slices.DeleteFunc(r.net, func(m *raftpb.Message) bool { return m.GetTo() == n.id })
	maps.DeleteFunc(r.waiting, func(_ *Proposal, id uint64) bool { return id == n.id })
}

// pump takes what a core wants done.
func (r *rig) pump(n *rigNode) {
	for ready, ok := n.core.Ready(); ok; ready, ok = n.core.Ready() {
		for _, a := range ready.Appends {
			r.logf("%d append %s", n.id, describeAppend(a))
			n.appends = append(n.appends, a)
		}
		n.applies = append(n.applies, ready.Applies...)
		for _, answer := range ready.Answers {
			r.outcome(n.id, answer.Proposal, string(answer.Err.Code))
		}
		for _, read := range ready.Reads {
			r.logf("%d read %s is fresh at %d", n.id, read.Context, read.Index)
		}
		r.net = append(r.net, ready.Messages...)
		for _, w := range ready.Words {
			r.logf("%d says %s", n.id, describeWord(w))
		}
		r.words = append(r.words, ready.Words...)
	}
	if err := n.core.Err(); err != nil {
		r.logf("%d fails: %v", n.id, err)
	}
}

func (r *rig) outcome(id uint64, p *Proposal, what string) {
	name := string(p.Commands[0])
	delete(r.waiting, p)
	r.outcomes[name] = append(r.outcomes[name], what)
	r.logf("%d answers %s: %s", id, joined(p.Commands), what)
}

func (r *rig) propose(n *rigNode, lane Lane, commands ...string) {
	p := &Proposal{Lane: lane}
	for _, c := range commands {
		p.Commands = append(p.Commands, []byte(c))
	}
	if refusal := n.core.Propose(r.now, p); refusal != nil {
		r.outcome(n.id, p, string(refusal.Code))
		return
	}
	r.waiting[p] = n.id
	r.pump(n)
}

// persist writes the oldest append of a node to its disk.
func (r *rig) persist(n *rigNode) bool {
	if n.core == nil || len(n.appends) == 0 {
		return false
	}
	a := n.appends[0]
	n.appends = n.appends[1:]
	if a.HardState != nil {
		n.hard = a.HardState
	}
	if a.Settle {
		n.doubt = nil
	}
	if a.Snapshot != nil {
		n.base, n.entries, n.skips = a.Snapshot, nil, nil
	}
	if len(a.Entries) > 0 {
		keep := a.Entries[0].GetIndex() - n.base.GetIndex() - 1
		n.entries = append(n.entries[:keep:keep], a.Entries...)
	}
	if err := n.core.Persisted(r.now, a); err != nil {
		r.t.Fatal(err)
	}
	r.pump(n)
	return true
}

// apply does the oldest apply of a node.
func (r *rig) apply(n *rigNode) bool {
	if n.core == nil || len(n.applies) == 0 {
		return false
	}
	a := n.applies[0]
	n.applies = n.applies[1:]
	if a.Restore != nil {
		r.logf("%d restores %d", n.id, a.Restore.GetIndex())
		if err := n.applier.Restore(a.Restore.GetIndex(), bytes.NewReader(n.snapshot)); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, item := range a.Entries {
		r.applyEntry(n, item)
	}
	if a.Freeze != nil {
		if err := n.applier.Freeze(a.Freeze); err != nil {
			r.t.Fatal(err)
		}
		n.order = a.Freeze
		r.logf("%d freezes at %d", n.id, a.Freeze.Index)
	}
	if err := n.core.Applied(r.now, a, n.applier.State()); err != nil {
		r.t.Fatal(err)
	}
	r.pump(n)
	return true
}

func (r *rig) applyEntry(n *rigNode, item Committed) {
	out, fault, err := n.applier.Apply(item.Entry)
	for fault != nil && err == nil {
		r.logf("%d %v", n.id, fault)
		if n.order != nil {
			n.core.SnapshotFailed(n.order) // the applier has given it up
			n.order = nil
		}
		n.skips = append(n.skips, Skip{Index: fault.Index, Step: fault.Step})
		if n.base != nil {
			err = n.applier.Rebuild(bytes.NewReader(n.snapshot), fault)
		} else {
			err = n.applier.Rebuild(nil, fault)
		}
		if err == nil {
			out, fault, err = n.applier.Apply(item.Entry)
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.logf("%d apply %s", n.id, describeEntry(item.Entry))
	for _, p := range item.Proposals {
		var got []string
		for _, result := range out.Results[:len(p.Commands)] {
			if result.Err != nil {
				got = append(got, string(result.Err.Code))
			} else {
				got = append(got, fmt.Sprint(result.Number))
			}
		}
		out.Results = out.Results[len(p.Commands):]
		r.outcome(n.id, p, strings.Join(got, " "))
	}
}

// save finishes the snapshot that a node is taking, or gives it up.
func (r *rig) save(n *rigNode, ok bool) {
	order := n.order
	if order == nil {
		r.t.Fatalf("node %d takes no snapshot", n.id)
	}
	n.order = nil
	if !ok {
		n.applier.Abandon()
		n.core.SnapshotFailed(order)
		r.pump(n)
		return
	}
	var stream []byte
	for {
		part, err := n.applier.Slice(7)
		if err != nil {
			r.t.Fatal(err)
		}
		if stream = append(stream, part.Data...); part.Last {
			break
		}
	}
	drop := order.Index - n.base.GetIndex()
	n.snapshot, n.entries = stream, n.entries[drop:]
	n.base = &raftpb.SnapshotMetadata{ConfState: order.ConfState, Index: proto.Uint64(order.Index), Term: proto.Uint64(order.Term)}
	n.skips = slices.DeleteFunc(n.skips, func(s Skip) bool { return s.Index <= order.Index })
	n.applier.Saved(order.Index)
	n.core.SnapshotSaved(order, int64(len(stream)))
	r.pump(n)
}

// deliver brings every message that is under way now, in order.
func (r *rig) deliver() bool {
	batch := r.net
	r.net = nil
	for _, m := range batch {
		from, to := m.GetFrom(), m.GetTo()
		n := r.node(to)
		if n.core == nil || r.cut[[2]uint64{from, to}] {
			continue
		}
		if m.GetType() == raftpb.MsgSnap {
			// The stream travels by itself and is here before the message is stepped.
			source := r.node(from)
			if source.base.GetIndex() != m.GetSnapshot().GetMetadata().GetIndex() {
				source.core.ReportSnapshot(to, false)
				r.pump(source)
				continue
			}
			n.snapshot = bytes.Clone(source.snapshot)
			source.core.ReportSnapshot(to, true)
			r.pump(source)
		}
		if err := n.core.Step(r.now, m); err != nil {
			r.t.Fatal(err)
		}
		r.pump(n)
	}
	return r.deliverWords() || len(batch) > 0
}

func (r *rig) deliverWords() bool {
	batch := r.words
	r.words = nil
	for _, w := range batch {
		if n := r.node(w.To); n.core != nil && !r.cut[[2]uint64{w.From, w.To}] {
			n.core.Hear(r.now, w)
			r.pump(n)
		}
	}
	return len(batch) > 0
}

// settle does everything until nothing is left to do.
func (r *rig) settle() {
	for busy := true; busy; {
		busy = r.deliver()
		for _, n := range r.nodes {
			busy = r.persist(n) || busy
			busy = r.apply(n) || busy
		}
	}
}

// advance lets time pass in steps of a tick, doing everything between them. If
// some nodes are named, the processes of the others are stopped.
func (r *rig) advance(d time.Duration, only ...uint64) {
	for end := r.now + d; r.now < end; {
		r.now += min(TickInterval, end-r.now)
		for _, n := range r.nodes {
			if n.core != nil && (len(only) == 0 || slices.Contains(only, n.id)) {
				n.core.Advance(r.now)
				r.pump(n)
			}
		}
		r.settle()
	}
}

// watch lets time pass and nothing be done, but a core wakes when it wants to.
func (r *rig) watch(n *rigNode, d time.Duration) {
	end := r.now + d
	for at, ok := n.core.Wake(); ok && at < end; at, ok = n.core.Wake() {
		r.now = at
		n.core.Advance(at)
		r.pump(n)
	}
	r.now = end
	if n.core.Err() == nil {
		n.core.Advance(end)
		r.pump(n)
	}
}

func (r *rig) leader() *rigNode {
	for _, n := range r.nodes {
		if n.core != nil && n.core.Status().Serving {
			return n
		}
	}
	return nil
}

func describeWord(w Word) string {
	what := [...]string{"?", "nothing", "perhaps a part", "all"}[w.Has]
	return fmt.Sprintf("to %d: %d to %d of term %d: %s", w.To, w.First, w.Last, w.LastTerm, what)
}

func describeAppend(a *Append) string {
	var parts []string
	if a.Settle {
		parts = append(parts, "no doubt")
	}
	if h := a.HardState; h != nil {
		parts = append(parts, fmt.Sprintf("term=%d vote=%d commit=%d", h.GetTerm(), h.GetVote(), h.GetCommit()))
	}
	if a.Snapshot != nil {
		parts = append(parts, fmt.Sprintf("snapshot=%d", a.Snapshot.GetIndex()))
	}
	for _, e := range a.Entries {
		parts = append(parts, describeEntry(e))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " ")
}

// describeEntry writes index, and in brackets stamp and commands.
func describeEntry(e *raftpb.Entry) string {
	switch {
	case isConfChange(e):
		return fmt.Sprintf("%d[members]", e.GetIndex())
	case !stamped(e):
		return fmt.Sprintf("%d[]", e.GetIndex())
	}
	header, commands, err := desk.ParseEntry(e.GetData())
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%d[%dms", e.GetIndex(), header.Time)
	if header.Resume {
		text += fmt.Sprintf(" resume=%dms", header.Gap)
	}
	if len(commands) == 0 {
		return text + " tick]"
	}
	return text + " " + joined(commands) + "]"
}

// joined names commands; long ones by their beginning and length.
func joined(commands [][]byte) string {
	if len(commands) > 4 {
		return fmt.Sprintf("%s,...(%d)", brief(commands[0]), len(commands))
	}
	var names []string
	for _, c := range commands {
		names = append(names, brief(c))
	}
	return strings.Join(names, ",")
}

func brief(c []byte) string {
	if len(c) > 24 {
		return fmt.Sprintf("%s...(%d)", c[:6], len(c))
	}
	return string(c)
}

var errUsage = errors.New("no such command")

func (r *rig) status(n *rigNode) {
	s := n.core.Status()
	role := "follows " + fmt.Sprint(s.Leader)
	switch {
	case s.Serving:
		role = "serves"
	case s.Leads:
		role = "leads"
	case s.Leader == 0:
		role = "knows no leader"
	}
	var more []string
	if s.JournalFull {
		more = append(more, " full")
	}
	if s.Stalled {
		more = append(more, " stalled")
	}
	if s.Doubting {
		more = append(more, " doubting")
	}
	r.logf("%d %s term=%d applied=%d log=%d..%d snapshot=%d waiting=%d,%d pushes=%d%s notes=%s", n.id, role, s.Term, s.Applied, s.LogFirst, s.LogLast,
		s.Snapshot, s.Lanes[Control].Commands, s.Lanes[Push].Commands, s.Pushes, strings.Join(more, ""), joinNotes(n.notes()))
}

func joinNotes(notes []string) string {
	short := make([]string, 0, len(notes))
	for _, note := range notes {
		short = append(short, brief([]byte(note)))
	}
	return strings.Join(short, ",")
}

func (n *rigNode) notes() []string { return n.applier.Machine().(*tally).state.Notes }
