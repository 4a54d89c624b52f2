//evenkeel:pure

package realtime

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// MaxPresent bounds the clients that one answer to presence lists. How many
// there are presence_stats tells exactly.
const MaxPresent = 1000

// ClientInfo is how clients see each other.
type ClientInfo struct {
	User   string `cbor:"1,keyasint"`
	Client string `cbor:"2,keyasint"`           // the connection's id
	Conn   []byte `cbor:"3,keyasint,omitempty"` // JSON about the connection's user, or empty
	Chan   []byte `cbor:"4,keyasint,omitempty"` // JSON about him on this channel, or empty
}

func (i *ClientInfo) size() int { return len(i.User) + len(i.Client) + len(i.Conn) + len(i.Chan) + 64 }

// Crowds knows who is on which channel of this node. The zero Crowds are empty
// and ready. Like a Hub they have one owner at a time.
type Crowds struct {
	channels map[string]*crowd
}

type crowd struct {
	list  []*ClientInfo
	place map[string]int // in the list, by connection
	users map[string]int // connections of a user
}

// Enter adds a client to a channel. It returns false if it is there already.
func (c *Crowds) Enter(channel string, info *ClientInfo) bool {
	if c.channels == nil {
		c.channels = map[string]*crowd{}
	}
	in := c.channels[channel]
	if in == nil {
		in = &crowd{place: map[string]int{}, users: map[string]int{}}
		c.channels[channel] = in
	}
	if _, there := in.place[info.Client]; there {
		return false
	}
	in.place[info.Client] = len(in.list)
	in.list = append(in.list, info)
	in.users[info.User]++
	return true
}

// Exit removes a client from a channel. It returns false if it was not there.
func (c *Crowds) Exit(channel, client string) bool {
	in := c.channels[channel]
	if in == nil {
		return false
	}
	i, there := in.place[client]
	if !there {
		return false
	}
	gone, last := in.list[i], len(in.list)-1
	in.list[i] = in.list[last]
	in.place[in.list[i].Client] = i
	in.list[last] = nil
	in.list = in.list[:last]
	delete(in.place, client)
	if in.users[gone.User]--; in.users[gone.User] == 0 {
		delete(in.users, gone.User)
	}
	if last == 0 {
		delete(c.channels, channel)
	}
	return true
}

// Count answers who is on a channel: at most MaxPresent of them.
func (c *Crowds) Count(q Count) *Counted {
	in := c.channels[q.Channel]
	done := &Counted{ID: q.ID, Stats: q.Stats}
	if in == nil {
		return done
	}
	done.Clients, done.Users = uint32(len(in.list)), uint32(len(in.users))
	if !q.Stats {
		done.People = append(done.People, in.list[:min(len(in.list), MaxPresent)]...)
	}
	return done
}

// What one node tells another of a channel at most. Users are counted as one
// wherever they are connected; beyond those that are told, each node's count.
const (
	maxPartBytes = 512 << 10 // of people
	maxPartUsers = 65536
	userBytes    = 8
)

// part is what one node knows of a channel.
type part struct {
	Clients uint32        `cbor:"1,keyasint"`
	People  []*ClientInfo `cbor:"2,keyasint,omitempty"`
	Users   []byte        `cbor:"3,keyasint,omitempty"` // a hash of 8 bytes for each
	More    uint32        `cbor:"4,keyasint,omitempty"` // users beside them
}

func (c *Crowds) part(channel string, stats bool) part {
	in := c.channels[channel]
	if in == nil {
		return part{}
	}
	p := part{Clients: uint32(len(in.list))}
	if stats {
		told := min(len(in.users), maxPartUsers)
		p.More = uint32(len(in.users) - told)
		p.Users = make([]byte, 0, told*userBytes)
		for user := range in.users { //order: they are counted
			if len(p.Users) == told*userBytes {
				break
			}
			p.Users = binary.BigEndian.AppendUint64(p.Users, xxhash.Sum64String(user))
		}
		return p
	}
	bytes := 0
	for _, who := range in.list[:min(len(in.list), MaxPresent)] {
		if bytes += who.size(); bytes > maxPartBytes {
			break
		}
		p.People = append(p.People, who)
	}
	return p
}

// merge answers a Count from what several nodes know.
func merge(q Count, parts []part) *Counted {
	done := &Counted{ID: q.ID, Stats: q.Stats}
	users := map[uint64]bool{}
	for i := range parts {
		p := &parts[i]
		done.Clients += p.Clients
		done.Users += p.More
		for list := p.Users; len(list) >= userBytes; list = list[userBytes:] {
			users[binary.BigEndian.Uint64(list)] = true
		}
		done.People = append(done.People, p.People[:min(len(p.People), MaxPresent-len(done.People))]...)
	}
	done.Users += uint32(len(users))
	return done
}
