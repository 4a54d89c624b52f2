package node

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/bus"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/realtime"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// journalDir is the directory of the journal inside the data directory.
const journalDir = "journal"

// Host is what a node takes from the process around it.
type Host struct {
	Version string // of the program, shown to whoever asks
	Log     *slog.Logger
	Random  io.Reader // of ids, keys and tokens, such as crypto/rand.Reader
	// AdminPassword is the password of a fresh cell's admin; empty: a random
	// one-time password is made.
	AdminPassword string
	// PasswordCost is what hashing a password takes; zero: auth.DefaultCost.
	PasswordCost auth.Cost

	openDir func(path string) (journal.FS, error) // of tests; nil: journal.OpenDir
	wall    func() time.Time                      // of tests: what the machine's clock shows; nil: time.Now
	twist   func(node string, hash uint64) uint64 // of tests: what is told of a state's hash
	hurry   time.Duration                         // of tests: by how much HTTP's times are shorter, as a divisor; 0: 1
}

// Node is one running process of a cell.
type Node struct {
	cfg     Config
	host    Host
	log     *slog.Logger
	name    string
	started time.Time
	born    time.Time // the same by the wall clock alone, which may be set

	fs             journal.FS
	replica        *replica.Replica
	identity       identity
	cellKey        []byte
	keys           *sealer // with the cell key
	visitors       []byte  // the key that signs visitors' tokens, opened
	edge           *edge.Edge
	realtime       *realtime.Server
	listener       net.Listener
	server         *http.Server
	firstRun       *FirstRun
	stopping       atomic.Bool
	archive        *archive.Runner // nil: this node has no copy
	archiveChanged chan struct{}   // something was added for it
	archiveLast    uint64          // of the apply loop: the last operation seen
	archiveUntil   atomic.Uint64   // it takes nothing after this operation: a backup is being made
	backingUp      atomic.Bool

	concerns       *concerns
	thrift         thrift
	meters         *meters
	metricsHandler http.Handler
	debug          *debugServer // nil: none

	cluster         *cluster
	bus             *bus.Bus
	routeTLS        *tls.Config // of the bus's servers; set before there are other nodes
	clusterListener net.Listener
	outward         string // this machine's address as another reached it; empty: unknown
	joined          joinAnswer
	joinKey         ed25519.PrivateKey
	membership      []byte        // as it was written down last
	compared        chan compared // what the others are to be told
	quarantined     atomic.Uint64 // the entry at which this node's state was found to differ; 0: it was not
	incarnation     atomic.Uint64 // as the desk issued it; 0: not yet

	ending context.Context // ends when the node stops
	cease  context.CancelFunc

	tasks sync.WaitGroup // the goroutines of this package
	quit  chan struct{}  // closed when they are to end
	once  sync.Once
	done  chan struct{} // closed when the node cannot go on, or was stopped
	err   error         // why; set before done is closed
}

// Start opens the data directory, brings the replica up to date, forms the cell
// if there is none, and serves. It returns when the node is ready. Errors say
// what to do; an error of the configuration is a *ConfigError.
//
// ctx bounds the start only: a node runs until Stop, or until its Done.
func Start(ctx context.Context, cfg Config, host Host) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, host: host, log: host.Log, started: time.Now(),
		concerns: newConcerns(), archiveChanged: make(chan struct{}, 1), compared: make(chan compared, 4), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if host.PasswordCost == (auth.Cost{}) {
		n.host.PasswordCost = auth.DefaultCost()
	}
	if host.openDir == nil {
		n.host.openDir = journal.OpenDir
	}
	if host.wall == nil {
		n.host.wall = time.Now
	}
	n.archiveUntil.Store(math.MaxUint64)
	n.born = n.host.wall().Round(0)
	n.ending, n.cease = context.WithCancel(context.Background())
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.undo())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	var err error
	if n.name, err = nodeName(n.cfg); err != nil {
		return err
	}
	// The port first: it fails more often than anything else, and a fresh cell
	// must not be formed by a process that cannot serve it.
	if n.listener, err = listen(ctx, n.cfg.HTTP); err != nil {
		return err
	}
	if err := n.openCell(ctx); err != nil {
		return err
	}
	n.meters = newMeters(n)
	n.metricsHandler = n.meters.handler(n)
	n.makeArchive()
	if err := n.makeEdges(); err != nil {
		return err
	}
	if n.debug, err = openDebug(ctx, n.cfg.DebugHTTP, n.metricsHandler); err != nil {
		return err
	}
	n.replica.Start()
	if err := n.enter(ctx); err != nil {
		return err
	}
	if n.archive != nil {
		n.archive.Start()
	}
	n.edge.Start()
	n.serve()
	n.tasks.Go(n.watch)
	n.tasks.Go(n.attend)
	n.tasks.Go(n.tellHashes)
	n.tasks.Go(n.steer)
	n.tasks.Go(n.reportClock)
	n.tasks.Go(n.keepHours)
	n.tasks.Go(n.watchSelf)
	return nil
}

// undo takes back a start that failed half-way.
func (n *Node) undo() error {
	var err error
	if n.replica != nil {
		err = n.replica.Stop()
	}
	if n.cluster != nil {
		n.cease()
		close(n.quit)
		if n.bus != nil {
			n.bus.Stop()
		}
		n.cluster.stop()
		n.tasks.Wait()
	}
	for _, l := range []net.Listener{n.listener, n.clusterListener} {
		if l != nil {
			err = errors.Join(err, ignoreClosed(l.Close()))
		}
	}
	return errors.Join(err, n.debug.close())
}

func (n *Node) openReplica() error {
	fs, err := n.host.openDir(filepath.Join(n.cfg.Data, journalDir))
	if err != nil {
		return dataError(n.cfg.Data, err)
	}
	n.fs = fs
	fresh, err := newIdentity(n.host.Random)
	if err != nil {
		return err
	}
	number, voters := uint64(firstNode), []uint64(nil)
	if n.joined.Number != 0 {
		number, voters = n.joined.Number, []uint64{firstNode}
		fresh = identity{Cell: n.joined.Cell, Generation: n.joined.Generation, Node: nodeID(number)}
	}
	n.replica, err = replica.Open(replica.Config{
		FS: fs, SegmentSize: int64(n.cfg.SegmentSize), NodeID: number, Voters: voters, Meta: fresh.encode(), Network: n.cluster,
		Limits:   replica.Limits{SnapshotBytes: int64(n.cfg.SnapshotAfter)},
		OnApply:  n.applied,
		OnAppend: func(took time.Duration) { n.meters.append.Observe(took.Seconds()) },
		Incident: n.panicked, OnRestore: n.restored, OnLeader: n.cluster.proposals.newLeader,
		Log: n.log.With("part", "replica"),
	})
	if err != nil {
		return dataError(n.cfg.Data, err)
	}
	if n.identity, err = decodeIdentity(n.replica.Meta()); err != nil {
		return err
	}
	founds := !n.formed() && n.joined.Number == 0
	if n.cellKey, err = loadCellKey(n.cfg.Data, founds, n.host.Random); err != nil {
		return err
	}
	n.keys, err = newSealer(n.cellKey, n.host.Random)
	return err
}

// formed tells whether the replica holds a cell.
func (n *Node) formed() bool {
	formed := false
	n.replica.View(func(d *desk.Desk) { formed = d.Formed() })
	return formed
}

// makeEdges makes what faces the callers. Nothing comes in yet.
func (n *Node) makeEdges() error {
	cell := cellOf{n}
	var err error
	n.edge, err = edge.New(edge.Config{
		Cell: cell, Random: n.host.Random, PasswordCost: n.host.PasswordCost, Log: n.log.With("part", "edge"),
		Observe: n.meters.observe,
		Archive: pastOf{n},
		Backup:  n.Backup, Nodes: n,
		VisitorKey: func() ([]byte, error) { return n.visitors, nil },
		Seal:       n.keys.seal, Open: n.keys.open,
		Advertise: n.cfg.Advertise,
		Transports: []edge.Transport{
			{Name: "websocket", Path: "/connection/websocket"}, {Name: "http_stream", Path: "/connection/http_stream"}, {Name: "sse", Path: "/connection/sse"},
		},
		Rates: edge.Rates{
			AddressReads: n.cfg.LimitAddressReads, AddressWrites: n.cfg.LimitAddressWrites, UserReads: n.cfg.LimitUserReads,
			NewVisitors: n.cfg.LimitAddressVisitors, UserWrites: n.cfg.LimitUserWrites, KeyReads: n.cfg.LimitKeyReads, KeyWrites: n.cfg.LimitKeyWrites,
		},
		Ephemeral: func(channel string, data []byte) { n.realtime.Ephemeral(channel, data) },
		Listened:  func(channel string) bool { return n.realtime.Listened(channel) },
		Spread:    func(channel string, data []byte) { n.realtime.Spread(channel, data) },
		Present:   func(id edge.ClientID) { n.realtime.Present(realtime.ClientID(id), true) },
	})
	if err != nil {
		return err
	}
	settings := realtime.DefaultSettings()
	settings.Version = "evenkeel " + n.host.Version
	settings.ClientPrefix = n.identity.Node + "-"
	settings.MaxQueueBytes = int(n.cfg.MaxOutgoing)
	n.realtime, err = realtime.New(realtime.Config{
		Backend: backend{n}, Settings: settings, AllowOrigin: n.edge.OriginAllowed, MaxMessage: int64(n.cfg.MaxMessage),
		Node: n.identity.Node, Elsewhere: n.edge.Elsewhere, Forward: n.cluster.Emulate, Others: others{n},
	})
	if err != nil {
		return err
	}
	return n.makeBus()
}

// applied takes the output of each entry: first to the clients, then to the
// edge, which may have to close some of them.
func (n *Node) applied(out desk.Output) {
	n.noteHash(out.Index)
	n.archiveGrew(out.Archive)
	if len(out.Events) == 0 {
		return
	}
	n.realtime.Publish(out.Events)
	n.edge.Events(out.Events)
}

func (n *Node) panicked(f *replica.Fault) {
	n.log.Error("a command made the desk panic; it was refused and is skipped from now on. Please report this",
		"index", f.Index, "step", f.Step, "panic", f.Value)
}

// watch ends the node when its replica or its HTTP server ends.
func (n *Node) watch() {
	select {
	case <-n.replica.Done():
		if err := n.replica.Err(); errors.Is(err, replica.ErrAmnesia) {
			n.castOut(brief(err))
		} else if err != nil {
			n.end(fmt.Errorf("the replica cannot go on: %w", err))
		}
	case <-n.quit:
	}
}

// end says that the node cannot go on, or was stopped (nil).
func (n *Node) end(err error) {
	n.once.Do(func() {
		n.err = err
		close(n.done)
	})
}

// Done is closed when the node has come to its end, by Stop or by itself. After
// the latter Stop is still to be called.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node came to its end by itself; nil before, and after a
// Stop.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Stop sends the clients elsewhere, finishes what was begun, closes the journal
// and waits for all goroutines. When ctx ends it no longer waits for clients. It
// is called once.
func (n *Node) Stop(ctx context.Context) error {
	n.stopping.Store(true)
	close(n.quit)
	n.cease()
	err := errors.Join(
		n.realtime.Stop(ctx), // 3001: they come back, here or elsewhere
		n.stopServing(ctx),
		n.debug.close(),
	)
	err = errors.Join(err, n.withdrawLocalKey())
	n.edge.Stop()
	if n.archive != nil {
		n.archive.Stop()
	}
	stopped := n.replica.Stop() // nil unless it had ended by itself, which Err tells
	n.bus.Stop()
	n.cluster.stop() // goodbye: the others need not wait
	n.tasks.Wait()
	if n.Err() == nil {
		err = errors.Join(err, stopped)
	}
	n.end(nil)
	return err
}
