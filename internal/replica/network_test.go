package replica

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// lan joins stations in one process: it loses nothing but what is for those who
// are not there.
type lan struct {
	mu       sync.Mutex
	stations map[uint64]*station
	spoil    bool // snapshots' streams arrive with a byte missing
	sent     sync.WaitGroup
}

// port is one station's side of a lan.
type port struct {
	lan *lan
	own func() *Replica
}

func (l *lan) at(id uint64) *Replica {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.stations[id]; s != nil {
		return s.r
	}
	return nil
}

func (p port) Send(messages []*raftpb.Message) {
	for _, m := range messages {
		if other := p.lan.at(m.GetTo()); other != nil {
			other.Receive(proto.CloneOf(m))
		} else if own := p.own(); own != nil {
			own.Unreachable(m.GetTo())
		}
	}
}

func (p port) Say(w Word) {
	if other := p.lan.at(w.To); other != nil {
		other.Hear(w)
	}
}

func (p port) SendSnapshot(m *raftpb.Message, stream *journal.SnapshotReader, done func(bool)) {
	p.lan.sent.Go(func() {
		defer stream.Close()
		other := p.lan.at(m.GetTo())
		if other == nil {
			done(false)
			return
		}
		p.lan.mu.Lock()
		var body io.Reader = stream
		if p.lan.spoil {
			body = io.LimitReader(stream, stream.Meta().Size-1)
		}
		p.lan.mu.Unlock()
		done(other.ReceiveSnapshot(proto.CloneOf(m), stream.Meta(), body) == nil)
	})
}

// plug makes a station of a lan. It is in it from when it is opened.
func (l *lan) plug(t *testing.T, id uint64, change func(*Config)) *station {
	t.Helper()
	fs, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t}
	s.cfg = Config{FS: fs, SegmentSize: 1 << 20, NodeID: id, machines: tallies(), Network: port{l, func() *Replica { return l.at(id) }}}
	if change != nil {
		change(&s.cfg)
	}
	t.Cleanup(func() { l.unplug(id) })
	l.start(s)
	return s
}

func (l *lan) start(s *station) {
	s.open()
	l.mu.Lock()
	l.stations[s.r.ID()] = s
	l.mu.Unlock()
	s.r.Start()
}

// unplug stops a station; the others have proof of it.
func (l *lan) unplug(id uint64) {
	l.mu.Lock()
	s := l.stations[id]
	delete(l.stations, id)
	others := make([]*station, 0, len(l.stations))
	for _, other := range l.stations {
		others = append(others, other)
	}
	l.mu.Unlock()
	if s == nil {
		return
	}
	if err := s.r.Stop(); err != nil {
		s.t.Errorf("stop %d: %v", id, err)
	}
	for _, other := range others {
		other.r.Dead(id)
	}
}

func member(kind raftpb.ConfChangeType, id uint64) *raftpb.ConfChangeV2 {
	return &raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{{Type: kind.Enum(), NodeId: &id}}}
}

// same waits until all have applied what the first has, and compares.
func (l *lan) same(t *testing.T, first *station, others ...*station) {
	t.Helper()
	index := first.r.Status().Applied
	for _, s := range append(others, first) {
		if err := s.r.WaitApplied(deadline(t), index); err != nil {
			t.Fatalf("%d has not applied %d: %v", s.r.ID(), index, err)
		}
	}
	for _, s := range others {
		if !slices.Equal(s.state().Notes, first.state().Notes) {
			t.Errorf("%d has %v, %d has %v", s.r.ID(), s.state().Notes, first.r.ID(), first.state().Notes)
		}
	}
}

func (s *station) until(what string, met func(Status) bool) {
	s.t.Helper()
	if err := s.r.await(deadline(s.t), func() bool { return met(s.r.Status()) }); err != nil {
		s.t.Fatalf("waited for %s: %v: %+v", what, err, s.r.Status())
	}
}

// TestOneGrowsToThreeAndLosesItsLeader is the life of a cell: it begins as one,
// grows while it serves, loses the machine it began on, and gets it back.
func TestOneGrowsToThreeAndLosesItsLeader(t *testing.T) {
	l := &lan{stations: map[uint64]*station{}}
	t.Cleanup(l.sent.Wait)
	one := l.plug(t, 1, nil)
	if err := one.r.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	one.say("ann", "bob")

	joins := func(c *Config) { c.Voters = []uint64{1} }
	two, three := l.plug(t, 2, joins), l.plug(t, 3, joins)
	for id := uint64(2); id <= 3; id++ {
		if err := one.r.ChangeMembers(deadline(t), member(raftpb.ConfChangeAddLearnerNode, id)); err != nil {
			t.Fatalf("add learner %d: %v", id, err)
		}
		one.say(fmt.Sprintf("during.%d", id))
		if err := one.r.ChangeMembers(deadline(t), member(raftpb.ConfChangeAddNode, id)); err != nil {
			t.Fatalf("make %d a voter: %v", id, err)
		}
	}
	one.say("cid")
	l.same(t, one, two, three)

	// A follower serves fresh reads, and takes no commands.
	if err := two.r.Fresh(deadline(t)); err != nil {
		t.Fatalf("a fresh read at a follower: %v", err)
	}
	if got := two.say("no"); got[0] != "no_leader" {
		t.Fatalf("a follower answers %v", got)
	}

	term := one.r.Status().Term
	l.unplug(1)
	two.until("a new leader", func(s Status) bool { return s.Leader > 1 && s.Term > term })
	leader := map[uint64]*station{2: two, 3: three}[two.r.Status().Leader]
	if err := leader.r.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := leader.say("dan"); got[0] == "no_leader" {
		t.Fatal("the new leader takes no command")
	}
	l.start(one)
	two.r.Alive(1)
	three.r.Alive(1)
	if err := one.r.Fresh(deadline(t)); err != nil {
		t.Fatalf("a fresh read at the one that is back: %v", err)
	}
	l.same(t, leader, one, two, three)

	// Leadership moves where it is asked to, and a member can go.
	leader.r.TransferLeader(1)
	if err := one.r.Ready(deadline(t)); err != nil {
		t.Fatalf("leadership was not handed over: %v", err)
	}
	if err := one.r.ChangeMembers(deadline(t), member(raftpb.ConfChangeRemoveNode, 3)); err != nil {
		t.Fatal(err)
	}
	if got := one.r.Status().Members.GetVoters(); !slices.Equal(got, []uint64{1, 2}) {
		t.Fatalf("the voters are %v", got)
	}
}

// TestSnapshotsReachWhoIsBehind has a member join a cell whose log no longer
// begins at its beginning. A stream that is not whole changes nothing.
func TestSnapshotsReachWhoIsBehind(t *testing.T) {
	l := &lan{stations: map[uint64]*station{}, spoil: true}
	t.Cleanup(l.sent.Wait)
	small := func(c *Config) { c.Limits = Limits{SnapshotBytes: 2000, TailBytes: 100} }
	one := l.plug(t, 1, small)
	if err := one.r.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		one.say(fmt.Sprintf("note.%d", i))
	}
	one.until("a snapshot", func(s Status) bool { return s.LogFirst > 1 })
	two := l.plug(t, 2, func(c *Config) { small(c); c.Voters = []uint64{1} })
	if err := one.r.ChangeMembers(deadline(t), member(raftpb.ConfChangeAddLearnerNode, 2)); err != nil {
		t.Fatal(err)
	}
	one.say("more")
	l.mu.Lock()
	l.spoil = false
	l.mu.Unlock()
	l.same(t, one, two)

	// It starts from what it was given.
	l.unplug(2)
	one.say("meanwhile")
	l.start(two)
	l.same(t, one, two)
	if err := one.r.ChangeMembers(deadline(t), member(raftpb.ConfChangeAddNode, 2)); err != nil {
		t.Fatalf("a learner that was restarted becomes no voter: %v", err)
	}
	l.same(t, one, two)
}
