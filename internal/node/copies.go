package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// copyRate is how many bytes a second the refill of another node's archive may take
// of this node's disk and network: chats do not notice it.
const copyRate = 16 << 20

// copiesOf are the archive's copies on other nodes, as this node sees them.
type copiesOf struct{ *Node }

// distantCopy is one of them.
type distantCopy struct {
	node    uint64
	cursor  uint64 // as the cell or the node's last heartbeat has it
	missing uint64
	silent  bool
}

// all returns the other copies that the cell knows, the best first: it answers, has
// done an operation, lacks least, has come furthest.
func (c copiesOf) all(operation uint64) (copies []distantCopy, dropped uint64) {
	var state evenkeel.ArchiveState
	numbers := map[string]uint64{}
	c.replica.View(func(d *desk.Desk) {
		state = d.ArchiveState()
		for _, m := range d.Nodes() {
			numbers[m.ID] = m.Number
		}
	})
	for _, known := range state.Copies {
		if known.Node == c.identity.Node {
			continue
		}
		other := distantCopy{node: numbers[known.Node], cursor: known.Cursor}
		beat, silence, heard := c.cluster.hears(other.node)
		other.silent = !heard || silence > suspectAfter
		if heard {
			other.cursor, other.missing = max(known.Cursor, beat.Archive.Cursor), beat.Archive.Missing
		}
		copies = append(copies, other)
	}
	worse := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(copies, func(a, b distantCopy) int {
		for _, by := range []int{
			worse(a.silent) - worse(b.silent), worse(a.cursor < operation) - worse(b.cursor < operation), compare(a.missing, b.missing), compare(b.cursor, a.cursor),
		} {
			if by != 0 {
				return by
			}
		}
		return compare(a.node, b.node)
	})
	return copies, state.Dropped
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Exist implements archive.Peers.
func (c copiesOf) Exist() bool {
	copies, dropped := c.all(0)
	return slices.ContainsFunc(copies, func(d distantCopy) bool { return d.cursor >= dropped })
}

// Whole implements archive.Peers.
func (c copiesOf) Whole(missing uint64) bool {
	copies, dropped := c.all(0)
	return slices.ContainsFunc(copies, func(d distantCopy) bool { return !d.silent && d.cursor >= dropped && d.missing < missing })
}

// Room implements archive.Peers: the journal beside the archive must not run full.
func (c copiesOf) Room(size int64) error {
	free, err := c.fs.Free()
	if err != nil {
		return fmt.Errorf("find out how much room there is: %w", err)
	}
	if need := size + int64(c.cfg.SegmentSize)*lowSegments; free < need {
		return fmt.Errorf("%w: %s are needed beside the old copy, %s are free", archive.ErrFull, Bytes(need), Bytes(free))
	}
	return nil
}

// Fetch implements archive.Peers.
func (c copiesOf) Fetch(ctx context.Context, least uint64) (io.ReadCloser, error) {
	return c.fetch(ctx, 0, fetchRequest{What: fetchCopy, Least: least}) // the one that lacks least; it knows best how far it is
}

// fetch asks the other copies, the best first, until one gives what is asked for.
func (c copiesOf) fetch(ctx context.Context, operation uint64, request fetchRequest) (io.ReadCloser, error) {
	copies, _ := c.all(operation)
	var errs []error
	for _, d := range copies {
		if d.silent {
			errs = append(errs, fmt.Errorf("%s has a copy, and does not answer", nodeID(d.node)))
			continue
		}
		body, err := c.cluster.fetch(ctx, d.node, request)
		if err == nil {
			return body, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", nodeID(d.node), err))
	}
	if len(errs) == 0 {
		return nil, errors.New("no other node has a copy of the archive")
	}
	return nil, sentenceOf(errs)
}

// sentenceOf puts errors on one line, for people.
func sentenceOf(errs []error) error {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// fetch asks a node for something, and returns when the answer begins.
func (c *cluster) fetch(ctx context.Context, from uint64, request fetchRequest) (io.ReadCloser, error) {
	body, err := c.transport.Fetch(ctx, from, encodeWire(request))
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(body, 64<<10)
	if _, err := in.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{in, body}, nil
}

// give answers what another node fetches.
func (c *cluster) give(ctx context.Context, from uint64, request []byte, w io.Writer) error {
	var r fetchRequest
	if err := c.wire.Unmarshal(request, &r); err != nil {
		return fmt.Errorf("read what is asked for: %w", err)
	}
	switch r.What {
	case fetchCopy:
		return c.giveCopy(ctx, from, r.Least, w)
	case fetchPast:
		return c.givePast(ctx, &r, w)
	case fetchBackup:
		return c.giveBackup(ctx, &r, w)
	}
	return errors.New("this version of the program does not have what is asked for: update it")
}

// giveCopy sends this node's copy of the archive, to one node at a time.
func (c *cluster) giveCopy(ctx context.Context, to, least uint64, w io.Writer) error {
	n := c.node
	if n.archive == nil {
		return errors.New("this node has no copy of the archive")
	}
	if !c.givesCopy.CompareAndSwap(false, true) {
		return errors.New("another node is being given the copy: ask again")
	}
	defer c.givesCopy.Store(false)
	began := time.Now()
	if err := n.archive.Send(ctx, least, transport.Paced(ctx, w, copyRate)); err != nil {
		return sentence(err)
	}
	c.log.Info("a node was given this one's copy of the archive", "node", nodeID(to), "took", time.Since(began).Round(time.Millisecond))
	return nil
}
