package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/bus"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// busPort is where the bus's servers talk to each other, if nothing else is said and
// it is free.
const busPort = 7401

// Topics of the bus.
const (
	topicLive = "live" // what realtime servers tell each other
	topicWho  = "who"  // what they ask each other
)

const (
	askTime = 500 * time.Millisecond // for other nodes to answer
	// busSilence is from when on a node that is up counts as not heard on the bus, and
	// busGrace for how long it may be so before the operator is told.
	busSilence = 6 * time.Second
	busGrace   = 15 * time.Second
)

// busBeat is what a heartbeat says of a node's part in the bus.
type busBeat struct {
	Address string `cbor:"1,keyasint,omitempty"`
	Boot    []byte `cbor:"2,keyasint,omitempty"`
	Sent    uint64 `cbor:"3,keyasint,omitempty"`
}

// outside is the NATS system that carries the bus; nil: the nodes' own servers do.
func (c *Config) outside() *bus.Outside {
	if !strings.Contains(c.Bus, "://") {
		return nil
	}
	o := &bus.Outside{Credentials: c.BusCredentials, CA: c.BusCA, Cert: c.BusCert, Key: c.BusKey}
	for server := range strings.SplitSeq(c.Bus, ",") {
		o.Servers = append(o.Servers, strings.TrimSpace(server))
	}
	return o
}

func (c *Config) validateBus() error {
	if o := c.outside(); o != nil {
		if err := o.Check(); err != nil {
			return settingError("bus", "%v", err)
		}
		return nil
	}
	for flag, value := range map[string]string{"bus-credentials": c.BusCredentials, "bus-ca": c.BusCA, "bus-cert": c.BusCert, "bus-key": c.BusKey} {
		if value != "" {
			return settingError(flag, "is for a NATS system that bus names, such as nats://nats.example:4222")
		}
	}
	if c.Bus == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Bus)
	if err != nil {
		return settingError("bus", "%q must be HOST:PORT or :PORT, such as :7401, or nats://HOST:PORT", c.Bus)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return settingError("bus", "the port of %q must be a number from 0 to 65535", c.Bus)
	}
	return nil
}

// makeBus makes this node's part in the bus. It opens when there are other nodes.
func (n *Node) makeBus() error {
	var err error
	n.bus, err = bus.New(bus.Config{
		Cell: n.identity.Cell, Generation: n.identity.Generation, Node: n.replica.ID(), Key: n.cellKey, Random: n.host.Random,
		Outside: n.cfg.outside(), Listen: n.busListen(), TLS: func() *tls.Config { return n.routeTLS }, Log: n.log.With("part", "bus"),
	})
	if err != nil {
		return err
	}
	n.bus.Subscribe(topicLive, func(from uint64, message []byte) {
		if err := n.realtime.Heard(message); err != nil {
			n.log.Warn("another node's message on the bus is passed over", "node", from, "error", err)
		}
	})
	n.bus.Answer(topicWho, func(from uint64, question []byte) []byte {
		answer, err := n.realtime.Asked(question)
		if err != nil {
			n.log.Warn("another node's question on the bus is not answered", "node", from, "error", err)
		}
		return answer
	})
	return nil
}

// busListen are the addresses to listen on, the best first.
func (n *Node) busListen() []string {
	host, _, err := net.SplitHostPort(n.clusterListener.Addr().String())
	if err != nil {
		host = ""
	}
	if n.cfg.Bus == "" || n.cfg.outside() != nil {
		return []string{net.JoinHostPort(host, strconv.Itoa(busPort)), net.JoinHostPort(host, "0")}
	}
	given, port, err := net.SplitHostPort(n.cfg.Bus)
	if err == nil && given != "" {
		host = given
	}
	return []string{net.JoinHostPort(host, port)}
}

// welcomeOnBus tells whether a node may keep a route to this one.
func (n *Node) welcomeOnBus(cell string, node uint64) error {
	removed := false
	n.replica.View(func(d *desk.Desk) { removed, _ = d.NodeRemoved(node) })
	switch {
	case cell != n.identity.Cell:
		return fmt.Errorf("this is a node of the cell %s, not of %s", n.identity.Cell, cell)
	case removed:
		return fmt.Errorf("node %d was removed from the cell", node)
	}
	return nil
}

// busBeat is what the others are told of this node's part in the bus.
func (n *Node) busBeat() busBeat {
	self := n.bus.Self()
	beat := busBeat{Boot: self.Boot, Sent: self.Sent}
	host, port, err := net.SplitHostPort(self.Address)
	if err != nil {
		return beat // none is open
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		if host, _, err = net.SplitHostPort(n.clusterAddress()); err != nil {
			return beat
		}
	}
	beat.Address = net.JoinHostPort(host, port)
	return beat
}

// busPeers are the other nodes as the bus is to know them.
func (c *cluster) busPeers() []bus.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	peers := make([]bus.Peer, 0, len(c.members))
	for id := range c.members {
		beat := c.others[id].beat.Bus
		peers = append(peers, bus.Peer{Node: id, Address: beat.Address, Boot: beat.Boot, Sent: beat.Sent})
	}
	return peers
}

// busOthers returns the other nodes that are up: those that are heard on the bus,
// and those that should be for a while, and are not.
func (n *Node) busOthers() (heard, missing []uint64) {
	c := n.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.members {
		other := c.others[id]
		if other.heard.IsZero() || time.Since(other.heard) > suspectAfter {
			continue
		}
		if time.Since(n.bus.Heard(id)) <= busSilence {
			heard = append(heard, id)
		} else if time.Since(other.since) > busGrace && time.Since(n.bus.Heard(id)) > busGrace {
			missing = append(missing, id)
		}
	}
	slices.Sort(heard)
	slices.Sort(missing)
	return heard, missing
}

// lookAtBus tells the operator of nodes that the bus does not reach though they are
// up. Chats go on meanwhile.
func (n *Node) lookAtBus() {
	_, missing := n.busOthers()
	names := make([]string, len(missing))
	for i, id := range missing {
		names[i] = nodeID(id)
	}
	n.concerns.set(evenkeel.IncidentBus, raiseIf(len(missing) > 0, evenkeel.SeverityWarning,
		"Nothing is heard on the bus of "+strings.Join(names, ", ")+": typing, presence and live channels do not get through. Chats go on.",
		"All nodes need the same kind of bus (--bus), and must reach each other's, or the same NATS system. docs/cells.md tells more."))
}

// others is the rest of the cell as the realtime server sees it.
type others struct{ *Node }

func (o others) Tell(message []byte) { o.bus.Publish(topicLive, message) }

func (o others) Ask(question []byte, done func(answers [][]byte)) {
	heard, _ := o.busOthers()
	if len(heard) == 0 {
		done(nil)
		return
	}
	o.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(o.ending, askTime)
		defer cancel()
		answers := make([][]byte, 0, len(heard))
		for _, answer := range o.bus.Ask(ctx, topicWho, question, heard) { //order: they are added up
			answers = append(answers, answer)
		}
		done(answers)
	})
}
