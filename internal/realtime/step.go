//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// Input is one thing that happened to a session: *Command, *Delivery, or one of
// the types below.
type Input interface{ input() }

// Authenticated answers Authenticate: with Err nil the client is let in.
type Authenticated struct {
	Client Client
	Err    *evenkeel.Error
}

// ReadDone answers Read. NewReadDone makes it of a page.
type ReadDone struct {
	Tag   uint64
	Top   evenkeel.Position
	First uint64
	Items []Item
	Last  *Item // of a channel that the node keeps, if it was asked for
	Err   *evenkeel.Error
}

// Admitted answers Admit: with Err nil the client may have the channel.
type Admitted struct {
	Tag   uint64
	Terms evenkeel.Terms
	Err   *evenkeel.Error
}

// Published answers Publish.
type Published struct {
	ID  uint32
	Err *evenkeel.Error
}

// Counted answers Count.
type Counted struct {
	ID      uint32
	Stats   bool
	People  []*ClientInfo
	Clients uint32
	Users   uint32
}

// CallDone answers Call.
type CallDone struct {
	ID     uint32
	Result []byte // JSON
	Err    *evenkeel.Error
}

// Revoked says that a principal lost its right to a channel.
type Revoked struct {
	Channel   string
	Principal evenkeel.Principal
}

// Dropped says that a channel is gone with its history.
type Dropped struct{ Channel string }

// LoggedOut says that logins of a principal ended; an empty Token means all.
type LoggedOut struct {
	Principal evenkeel.Principal
	Token     string // the hash of the login's token
}

// Presence changes how often the client is pinged: more often while the desk
// decides on its presence.
type Presence struct{ Present bool }

// Disconnect sends the client away.
type Disconnect struct {
	Code   uint32
	Reason string
	Move   []byte // told before: where to go; JSON; empty: nothing is told
}

// Gone says that the transport ended by itself.
type Gone struct{}

// Wake says that the time of Next has come. An early one does no harm.
type Wake struct{}

func (*Command) input()      {}
func (*Delivery) input()     {}
func (Authenticated) input() {}
func (*ReadDone) input()     {}
func (*Admitted) input()     {}
func (*Published) input()    {}
func (*Counted) input()      {}
func (*CallDone) input()     {}
func (Revoked) input()       {}
func (Dropped) input()       {}
func (LoggedOut) input()     {}
func (Presence) input()      {}
func (Disconnect) input()    {}
func (Gone) input()          {}
func (Wake) input()          {}

// Effect is one thing that a session needs done: one of the types below.
type Effect interface{ effect() }

// Authenticate asks who the client is. Authenticated answers.
type Authenticate struct{ Request ConnectRequest }

// Read asks for history; NewReadDone answers, with the same Tag.
type Read struct {
	Tag     uint64
	Request ReadRequest
}

// Call asks for an RPC method. CallDone answers, with the same ID.
type Call struct {
	ID     uint32
	Method string
	Params []byte // JSON; valid after Step returned
}

// Admit asks on which terms the client may have a channel of a namespace. Admitted
// answers, with the same Tag.
type Admit struct {
	Tag     uint64
	Request AdmitRequest
}

// Publish asks to pass a publication on. Published answers, with the same ID.
type Publish struct {
	ID      uint32
	Request PublishRequest
}

// Count asks who is on a channel, or only how many. Counted answers, with the
// same ID.
type Count struct {
	ID      uint32
	Channel string
	Stats   bool
}

// Enter says that the client may be seen on a channel from now on, and Exit that
// it is gone from there. Where Tell is set the subscribers are told.
type (
	Enter struct {
		Channel string
		Who     *ClientInfo
		Tell    bool
	}
	Exit struct {
		Channel string
		Who     *ClientInfo
		Tell    bool
	}
)

// Join asks the hub to route what comes under a key (a channel, or
// PrincipalKey) to the session from now on; Leave ends it.
type (
	Join  struct{ Key string }
	Leave struct{ Key string }
)

// Connected tells that the client was let in.
type Connected struct{ Client Client }

// Disconnected tells that a client that was let in is gone.
type Disconnected struct{}

// Close ends the transport, with a code and a reason for the client. What
// waits in the session is sent before, unless Now is set. It is not asked for
// after Gone.
type Close struct {
	Code   uint32
	Reason string
	Now    bool
}

func (Authenticate) effect() {}
func (Read) effect()         {}
func (Admit) effect()        {}
func (Publish) effect()      {}
func (Count) effect()        {}
func (Enter) effect()        {}
func (Exit) effect()         {}
func (Call) effect()         {}
func (Join) effect()         {}
func (Leave) effect()        {}
func (Connected) effect()    {}
func (Disconnected) effect() {}
func (Close) effect()        {}

// Settings are the bounds and times of sessions.
type Settings struct {
	Version string // told to clients
	// ClientPrefix makes client ids unique between nodes.
	ClientPrefix string

	PingPresent time.Duration // between pings, for clients whose presence counts
	PingOthers  time.Duration
	PongTimeout time.Duration
	Connect     time.Duration // for a client to send its connect command
	ExpireGrace time.Duration // after a token ran out, for the refresh
	CatchUp     time.Duration // how long to wait for a replica that is behind the client

	MaxChannels   int // subscriptions of a client
	MaxChannelLen int // bytes of a channel's name
	MaxCalls      int // RPC calls of a client in flight
	MaxRecovered  int // publications in a reply
	MaxReplyBytes int // of publications in a reply
	MaxQueueBytes int // of publications that wait for a slow client
	MaxBehind     int // publications that wait for a read of the history
	MaxPublish    int // bytes of a publication of a client

	PublishEvery time.Duration // between publications of a client, in the long run
	PublishBurst int           // of them at once
}

// DefaultSettings returns the documented defaults.
func DefaultSettings() Settings {
	return Settings{
		Version:     "evenkeel",
		PingPresent: 5 * time.Second, PingOthers: 25 * time.Second, PongTimeout: 8 * time.Second,
		Connect: 10 * time.Second, ExpireGrace: 25 * time.Second, CatchUp: 2 * time.Second,
		MaxChannels: 128, MaxChannelLen: 255, MaxCalls: 64, MaxRecovered: 2000, MaxReplyBytes: 1 << 20,
		MaxQueueBytes: 1 << 20, MaxBehind: 256,
		MaxPublish: 16 << 10, PublishEvery: 50 * time.Millisecond, PublishBurst: 40,
	}
}
