//evenkeel:pure

package realtime

import "github.com/evenkeel/evenkeel"

// Delivery is one publication on its way to all subscribers of its channel. It
// is made once for an event, encoded once, and not changed after that, so that
// it may be shared between goroutines.
type Delivery struct {
	channel  string
	position evenkeel.Position // zero: ephemeral
	data     []byte            // JSON
	info     *ClientInfo       // of the client that published; nil: none did
	// joined and left say that it is no publication, but that somebody came or
	// went.
	joined, left *ClientInfo
	frames       [slots][]byte
}

// NewDelivery makes a delivery of a publication, ready to be sent in the given
// encodings. A zero position makes it ephemeral.
func NewDelivery(channel string, position evenkeel.Position, data []byte, encodings ...Encoding) *Delivery {
	d := &Delivery{channel: channel, position: position, data: oneLine(data)}
	return d.encode(encodings)
}

// newArrival makes a delivery that says that somebody came to a channel, or went.
func newArrival(channel string, who *ClientInfo, gone bool, encodings []Encoding) *Delivery {
	d := &Delivery{channel: channel}
	if gone {
		d.left = who
	} else {
		d.joined = who
	}
	return d.encode(encodings)
}

func (d *Delivery) encode(encodings []Encoding) *Delivery {
	for _, enc := range encodings {
		d.frames[enc.slot()] = enc.AppendPush(make([]byte, 0, len(d.data)+len(d.channel)+64), d.push())
	}
	return d
}

func (d *Delivery) push() *Push {
	if d.arrival() {
		return &Push{Channel: d.channel, Join: d.joined, Leave: d.left}
	}
	return &Push{Channel: d.channel, Publication: &Item{Offset: d.position.Offset, Data: d.data, Info: d.info}}
}

func (d *Delivery) arrival() bool { return d.joined != nil || d.left != nil }

// frame returns the delivery as it is sent.
func (d *Delivery) frame(enc Encoding) []byte {
	if f := d.frames[enc.slot()]; f != nil {
		return f
	}
	return enc.AppendPush(nil, d.push())
}

// dataOf returns what clients see of a publication. One that cannot be shown
// still takes its place in the stream: clients count on offsets without holes.
func dataOf(p *evenkeel.Publication) []byte {
	data, err := p.AppendJSON(make([]byte, 0, 256))
	if err != nil {
		return []byte(`{"type":"unreadable"}`)
	}
	return oneLine(data)
}

// NewReadDone answers a Read with what the replica said.
func NewReadDone(tag uint64, page Page, err *evenkeel.Error) *ReadDone {
	done := &ReadDone{Tag: tag, Top: page.Top, First: max(page.First, 1), Err: err}
	if len(page.Items) > 0 {
		done.Items = make([]Item, len(page.Items))
		for i, item := range page.Items {
			done.Items[i] = Item{Offset: item.Offset, Data: dataOf(item.Pub)}
		}
	}
	return done
}
