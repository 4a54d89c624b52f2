//evenkeel:pure

package realtime

// outbox is what waits to be sent to one client, oldest first. Publications
// are bounded in bytes, for they come whether the client reads or not. Replies
// are not: a client is only answered what it asked for, and its owner reads no
// further commands while many answers wait.
type outbox struct {
	frames []queued
	head   int // of frames
	bytes  int
	pubs   int // bytes of publications
	// sending says that a message was taken and may not have reached the
	// client yet.
	sending bool
}

type queued struct {
	frame []byte
	pub   bool
}

func (o *outbox) push(frame []byte, pub bool) {
	if len(o.frames) == cap(o.frames) && o.head > len(o.frames)/2 { // mostly sent
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, queued{frame, pub})
	o.bytes += len(frame)
	if pub {
		o.pubs += len(frame)
	}
}

// take appends waiting frames to a message: at least one if there is one, and
// as many as fit into limit bytes.
func (o *outbox) take(dst []byte, limit int, enc Encoding) []byte {
	start := len(dst)
	for o.head < len(o.frames) {
		q := o.frames[o.head]
		if len(dst) > start && len(dst)-start+len(q.frame) >= limit {
			break
		}
		dst = enc.AppendFrame(dst, q.frame)
		o.frames[o.head] = queued{}
		o.head++
		o.bytes -= len(q.frame)
		if q.pub {
			o.pubs -= len(q.frame)
		}
	}
	if o.head == len(o.frames) {
		o.reset()
	}
	o.sending = len(dst) > start
	return dst
}

// reset empties the outbox. An idle client keeps no more than a small array.
func (o *outbox) reset() {
	if cap(o.frames) > 8 {
		o.frames = nil
	} else {
		clear(o.frames)
		o.frames = o.frames[:0]
	}
	o.head, o.bytes, o.pubs = 0, 0, 0
}

func (o *outbox) idle() bool { return !o.sending && o.head == len(o.frames) }
