//evenkeel:shell

package realtime

import (
	"bytes"
	"time"
)

// startWriting sees to it that a goroutine writes what waits. An idle client
// has none. Called under the lock.
func (c *conn) startWriting() {
	if !c.writing {
		c.writing = true
		c.srv.running.Go(c.write)
	}
}

// write passes on what waits in the session, as much as there is in one
// message, until nothing is left; then the close frame, if it is time.
func (c *conn) write() {
	b := c.srv.buffer()
	defer c.srv.buffers.Put(b)
	for {
		message, closing := c.take(b)
		switch {
		case len(message) > 0:
			if err := c.send(message); err != nil {
				c.link.cut() // the reading goroutine ends
				c.step(Gone{}, false)
				return
			}
		case closing != nil:
			c.link.end(*closing, time.Now().Add(closeTime))
			return
		default:
			return
		}
	}
}

// take returns the next message, in b's memory. If there is none the writing
// goroutine counts as ended.
func (c *conn) take(b *bytes.Buffer) ([]byte, *Close) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.Reset()
	message := c.session.Take(b.AvailableBuffer(), maxBatch)
	if cap(message) <= 2*maxBatch {
		*b = *bytes.NewBuffer(message[:0]) // keeps what has grown
	}
	c.makeRoom()
	if len(message) > 0 {
		return message, nil
	}
	closing := c.closing
	c.writing, c.closing = false, nil
	return nil, closing
}

// send passes one message on. A client that takes it too slowly is given up.
func (c *conn) send(message []byte) error {
	patience := c.srv.cfg.WriteTimeout + time.Duration(len(message)/slowest)*time.Second
	return c.link.send(message, time.Now().Add(patience))
}

// end has the connection closed, when all that waits is written.
func (c *conn) end(e Close) {
	if e.Code == CloseSlow {
		c.srv.slow.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = &e
	if e.Now {
		// A message may be half written: its writer gives up soon.
		c.link.hurry(time.Now().Add(closeTime))
	}
	c.startWriting()
}
