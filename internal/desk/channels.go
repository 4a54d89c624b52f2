package desk

import (
	"sort"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// openChannel creates a channel. keep 0 keeps its whole history.
func (d *Desk) openChannel(name string, keep uint64) *channelRow {
	ch := &channelRow{Name: name, Created: d.cell.Index, First: 1, Next: 1, Keep: keep}
	ch.epoch = d.epoch(ch.Created)
	ch.ws = d.ownerOf(name)
	d.channels.add(ch)
	d.store(ch, rowBytes+int64(len(name)))
	return ch
}

func (d *Desk) epoch(created uint64) string {
	return d.cell.Generation + "-" + strconv.FormatUint(created, 36)
}

// publish appends a publication to a channel's history and tells the
// subscribers.
func (d *Desk) publish(ch *channelRow, pub *evenkeel.Publication) *record {
	return d.publishRecord(ch, record{Pub: pub})
}

func (d *Desk) publishRecord(ch *channelRow, rec record) *record {
	rec.Pub.Time = d.Wall()
	d.channels.touch(ch)
	chunk := d.tail(ch)
	chunk.Records = append(chunk.Records, rec)
	offset := ch.Next
	ch.Next++
	d.store(ch, recordSize(&rec))
	if ch.Keep > 0 {
		d.trim(ch)
	}
	d.emit(evenkeel.Event{
		Kind: evenkeel.EventPublication, Channel: ch.Name, Pub: rec.Pub,
		Position: evenkeel.Position{Epoch: ch.epoch, Offset: offset},
	})
	return &chunk.Records[len(chunk.Records)-1]
}

func (d *Desk) emit(e evenkeel.Event) {
	d.hashEvent(&e)
	d.out.Events = append(d.out.Events, e)
}

// tail returns the chunk that takes the next record, touched.
func (d *Desk) tail(ch *channelRow) *chunkRow {
	if n := len(ch.chunks); n > 0 {
		if last := ch.chunks[n-1]; len(last.Records) < chunkSize {
			d.touchChunk(last)
			return last
		}
	}
	chunk := &chunkRow{Channel: ch.Name, Base: ch.Next, Before: ch.said(), Records: make([]record, 0, 8)}
	d.chunks.add(chunk)
	ch.chunks = append(ch.chunks, chunk)
	d.store(ch, rowBytes)
	return chunk
}

// said counts the messages or notes ever published in the channel.
func (ch *channelRow) said() uint64 {
	n := len(ch.chunks)
	if n == 0 {
		return 0
	}
	return ch.chunks[n-1].said()
}

func (c *chunkRow) said() uint64 {
	for i := len(c.Records) - 1; i >= 0; i-- {
		if n := spoken(c.Records[i].Pub); n > 0 {
			return n
		}
	}
	return c.Before
}

// spoken returns the number of the message or note that a publication carries,
// 0 if it carries none.
func spoken(p *evenkeel.Publication) uint64 {
	switch {
	case p.Message != nil:
		return p.Message.Number
	case p.Note != nil:
		return p.Note.Number
	default:
		return 0
	}
}

// trim drops the oldest chunk when the rest holds all that is to be kept.
func (d *Desk) trim(ch *channelRow) {
	for len(ch.chunks) > 1 && ch.Next-ch.chunks[1].Base >= ch.Keep {
		d.dropChunk(ch)
	}
}

// dropChunk drops a channel's oldest chunk. The channel is touched.
func (d *Desk) dropChunk(ch *channelRow) {
	chunk := ch.chunks[0]
	for i := range chunk.Records {
		d.store(ch, -recordSize(&chunk.Records[i]))
	}
	ch.First = chunk.Base + uint64(len(chunk.Records))
	d.touchChunk(chunk)
	d.chunks.remove(chunk)
	d.store(ch, -rowBytes)
	ch.chunks[0] = nil
	ch.chunks = ch.chunks[1:]
}

// dropHistory drops all chunks of a channel that has few.
func (d *Desk) dropHistory(ch *channelRow) {
	if len(ch.chunks) == 0 {
		return
	}
	d.channels.touch(ch)
	for len(ch.chunks) > 0 {
		d.dropChunk(ch)
	}
	ch.chunks = nil
}

// closeChannel removes a channel whose chunks are gone, or few.
func (d *Desk) closeChannel(ch *channelRow) {
	d.dropHistory(ch)
	d.channels.remove(ch)
	d.store(ch, -rowBytes-int64(len(ch.Name)))
	d.emit(evenkeel.Event{Kind: evenkeel.EventDropped, Channel: ch.Name})
}

// Position returns the end of a channel: what a new subscriber starts from. A
// channel that does not exist yet has the empty position.
func (d *Desk) Position(channel string) evenkeel.Position {
	ch := d.channels.get(channel)
	if ch == nil {
		return evenkeel.Position{}
	}
	return evenkeel.Position{Epoch: ch.epoch, Offset: ch.Next - 1}
}

// First returns the offset of the oldest publication that a channel keeps; 1 if
// it has none yet.
func (d *Desk) First(channel string) uint64 {
	if ch := d.channels.get(channel); ch != nil {
		return ch.First
	}
	return 1
}

// History returns the publications after a position, oldest first, at most
// limit of them and about maxBytes of text, and the channel's end. If the
// position is of another epoch or older than what is kept the error is
// unrecoverable_position. A position past the end gives nothing: the caller
// compares it with the end.
func (d *Desk) History(channel string, since evenkeel.Position, limit, maxBytes int) ([]evenkeel.HistoryItem, evenkeel.Position, error) {
	ch := d.channels.get(channel)
	if ch == nil {
		if since.Epoch == "" && since.Offset == 0 {
			return nil, evenkeel.Position{}, nil
		}
		return nil, evenkeel.Position{}, errUnrecoverable()
	}
	top := evenkeel.Position{Epoch: ch.epoch, Offset: ch.Next - 1}
	fresh := since.Epoch == "" && since.Offset == 0
	if !fresh && since.Epoch != ch.epoch || since.Offset+1 < ch.First {
		return nil, top, errUnrecoverable()
	}
	var items []evenkeel.HistoryItem
	bytes := 0
	for offset := since.Offset + 1; offset < ch.Next && len(items) < limit && bytes < maxBytes; offset++ {
		rec := ch.at(offset)
		items = append(items, evenkeel.HistoryItem{Offset: offset, Pub: rec.Pub})
		bytes += int(recordSize(rec))
	}
	return items, top, nil
}

func errUnrecoverable() *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeUnrecoverablePosition, "the history at this position is gone; fetch the state instead")
}

// at returns the record at an offset that is kept.
func (ch *channelRow) at(offset uint64) *record {
	i := sort.Search(len(ch.chunks), func(i int) bool { return ch.chunks[i].Base > offset }) - 1
	return &ch.chunks[i].Records[offset-ch.chunks[i].Base]
}
