package node

import (
	"context"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// Where this node's copy of the archive lies, inside the data directory.
const (
	archiveDir  = "archive"
	archiveFile = "archive.db"
)

// The choices of Config.Archive.
const (
	archiveSQLite = "sqlite"
	archiveNone   = "none"
)

// reportAnswer is how long the cell may take to note how far the copy has come.
const reportAnswer = 4 * time.Second

// archiveOf is the desk as the archive's runner sees it.
type archiveOf struct{ *Node }

func (a archiveOf) Ops(after uint64, maxOps, maxBytes int) (ops []evenkeel.ArchiveOp, first, last uint64) {
	until := a.archiveUntil.Load()
	a.replica.View(func(d *desk.Desk) { ops, first, last = d.ArchiveOps(after, maxOps, maxBytes) })
	for len(ops) > 0 && ops[len(ops)-1].Seq > until {
		ops = ops[:len(ops)-1]
	}
	if until < last {
		last = max(until, after)
	}
	return ops, first, last
}

func (a archiveOf) Changed() <-chan struct{} { return a.archiveChanged }

// Report tells the cell how far the copy has come. One that is behind what it
// has told before is another file than it was, and gets another id.
func (a archiveOf) Report(ctx context.Context, cursor uint64, state evenkeel.CopyState) error {
	known, _ := a.knownCopy()
	id := known.Copy
	if id == "" || cursor < known.Cursor {
		var err error
		if id, err = auth.NewID(a.host.Random, "copy-"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, reportAnswer)
	defer cancel()
	_, err := a.do(ctx, &evenkeel.ArchiveReport{Node: a.identity.Node, Copy: id, Cursor: cursor, State: state})
	return err
}

// knownCopy returns what the cell knows of this node's copy, and the last
// operation.
func (n *Node) knownCopy() (known evenkeel.ArchiveCopy, last uint64) {
	n.replica.View(func(d *desk.Desk) {
		state := d.ArchiveState()
		last = state.Last
		for _, c := range state.Copies {
			if c.Node == n.identity.Node {
				known = c
			}
		}
	})
	return known, last
}

// announceCopy tells the cell whether this node has a copy of the archive: from
// the first one on the cell archives.
func (n *Node) announceCopy(ctx context.Context) error {
	known, last := n.knownCopy()
	switch {
	case n.cfg.Archive == archiveNone && known.Copy != "":
		_, err := n.do(ctx, &evenkeel.ArchiveReport{Node: n.identity.Node, State: evenkeel.CopyNone})
		return err
	case n.cfg.Archive == archiveSQLite && known.Copy == "":
		state := evenkeel.CopyLive
		if last > 0 {
			state = evenkeel.CopyFilling
		}
		return archiveOf{n}.Report(ctx, 0, state)
	}
	return nil
}

// makeArchive makes the runner of this node's copy, if it is to have one.
func (n *Node) makeArchive() {
	if n.cfg.Archive == archiveNone {
		return
	}
	n.archive = archive.NewRunner(archive.Config{
		Path:    filepath.Join(n.cfg.Data, archiveDir, archiveFile),
		Options: archive.Options{Cell: n.identity.Cell, Generation: n.identity.Generation},
		Source:  archiveOf{n}, Peers: copiesOf{n}, Refilled: n.refilled, Log: n.log.With("part", "archive"),
	})
}

// refilled tells the operator that this node has lost its copy, and got another.
func (n *Node) refilled(loss string) {
	n.concerns.set(evenkeel.IncidentRefilled, raiseIf(true, evenkeel.SeverityWarning,
		"This node's copy of the archive was lost: "+loss+". It was filled from another node's, and works again.",
		"Find out why: look at the disk, and at who has touched the files. End the incident when it is seen to."))
}

// archiveStatus is how this node's copy stands.
func (n *Node) archiveStatus() archiveBeat {
	if n.archive == nil {
		return archiveBeat{State: evenkeel.CopyNone.String()}
	}
	s := n.archive.Status()
	return archiveBeat{State: s.State, Behind: s.Behind, Chats: s.Chats, Bytes: s.Bytes, Detail: s.Detail, Cursor: s.Cursor, Missing: s.Missing}
}

// archiveGrew wakes the runner. It does not block.
func (n *Node) archiveGrew(last uint64) {
	if last == n.archiveLast {
		return
	}
	n.archiveLast = last
	n.wakeArchive()
}
