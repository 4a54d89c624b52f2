package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// The times of a client's calls. callTimeout is that of the official SDKs.
const (
	callTimeout = 5 * time.Second
	givenUp     = 5 * time.Minute
	// pauseWithin is how long after a trouble a caller may be told of it: the
	// edge's patience, the network, and some that wait for others.
	pauseWithin = 10 * time.Second
)

// wish is one thing that somebody wants done, however often he has to ask.
type wish struct {
	n      int
	id     string // the caller's own, for exactly-once
	client *client
	body   evenkeel.Body
	text   string // the message or note in it: no other has the same
	chat   string // that it is about
	note   bool
	wrong  bool // it has to be refused
	poison bool

	first    time.Duration // when it was first asked
	floor    uint64        // the highest index that was acknowledged then
	attempts int
	wavered  bool // he is told that it may or may not be done
	applied  bool // it reached the desk once
	rejected bool // it was applied once and refused

	done bool // he was told how it ended
	ok   bool
	code evenkeel.Code
	got  result

	answered time.Duration // when he was told
}

// command is the wish as the edge hands it on.
func (o *wish) command() *evenkeel.Command {
	return &evenkeel.Command{By: o.client.principal, ID: o.id, Body: o.body}
}

// ask adds a wish of a client and sends it.
func (c *client) ask(body evenkeel.Body, set func(*wish)) *wish {
	o := c.w.ledger.add(c, body, set)
	c.queue = append(c.queue, o)
	c.w.tracef("%s wants %s %s (%s)", c.name, body.Kind(), o.chat, o.id)
	if c.open {
		c.transmit(o)
	}
	return o
}

// transmit sends a wish on the present connection, and again if it is not
// answered in time.
func (c *client) transmit(o *wish) {
	if o.attempts == 0 {
		o.first, o.floor = c.w.now, c.w.acked
	}
	o.attempts++
	c.lastID++
	c.calls[c.lastID] = o
	m := append([]byte(nil), `{"id":`...)
	m = append(strconv.AppendUint(m, uint64(c.lastID), 10), `,"rpc":{"method":"`...)
	m = append(m, o.body.Kind().String()...)
	m = append(m, `","data":{"wish":`...)
	m = append(strconv.AppendInt(m, int64(o.n), 10), `}}}`...)
	c.send(m)
	conn, attempt := c.conn, o.attempts
	c.w.after(callTimeout, func() {
		if !o.done && c.conn == conn && c.open && o.attempts == attempt {
			c.w.stats.add("calls repeated after a timeout", 1)
			c.retry(o)
		}
	})
}

// retry asks again, with the same id, unless it is too late for that.
func (c *client) retry(o *wish) {
	if o.done {
		return
	}
	if c.w.now-o.first > givenUp {
		c.w.stats.add("wishes given up", 1)
		c.forget(o)
		return
	}
	if c.open && slices.Contains(c.queue, o) {
		c.transmit(o)
	}
}

func (c *client) forget(o *wish) {
	c.queue = slices.DeleteFunc(c.queue, func(other *wish) bool { return other == o })
}

// answered is the answer to a call.
func (c *client) answered(o *wish, f *frame) {
	if f.Error != nil {
		code, _, _ := strings.Cut(f.Error.Message, ":")
		c.w.tracef("%s is told %s of %s (%s)", c.name, f.Error.Message, o.body.Kind(), o.id)
		// A session that cannot be opened is refused with all that came with it,
		// which may have been done on an earlier one.
		door := code == string(evenkeel.CodeLimitReached) && (strings.Contains(f.Error.Message, "sessions are open") || strings.Contains(f.Error.Message, "max_state"))
		if (f.Error.Temporary || door) && !o.poison {
			c.w.stats.add("calls put off: "+code, 1)
			c.w.check(!strings.Contains(f.Error.Message, "has no leader") || c.w.now-c.w.troubled < pauseWithin, "a pause is no error",
				"%s is told that there is no leader, and all has been well since %s", c.name, c.w.troubled)
			o.wavered = true
			if c.w.calm && (door || code == string(evenkeel.CodeTooManyRequests)) {
				c.forget(o) // an answer, and there may be no other for minutes
				return
			}
			c.w.after(200*time.Millisecond+c.w.around(time.Second), func() { c.retry(o) })
			return
		}
		c.forget(o)
		c.w.ledger.refused(o, evenkeel.Code(code))
		c.person.refused(c, o)
		return
	}
	c.w.check(f.RPC != nil, "a call is answered", "%s", o.id)
	c.w.tracef("%s is told success of %s (%s): %+v", c.name, o.body.Kind(), o.id, f.RPC.Data)
	c.forget(o)
	again := o.done
	c.w.ledger.succeeded(o, f.RPC.Data)
	if again {
		return
	}
	c.person.succeeded(c, o)
	if o.id != "" && !c.w.calm && c.w.chance(80) {
		// A proxy or an impatient person sends it once more, much later.
		c.w.after(c.w.around(20*time.Second), func() {
			if c.open {
				c.w.stats.add("late repeats", 1)
				c.transmit(o)
			}
		})
	}
}
