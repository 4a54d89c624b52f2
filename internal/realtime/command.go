//evenkeel:pure

package realtime

import "github.com/evenkeel/evenkeel"

// Command is one frame from a client, whatever its encoding was. At most one
// of the requests is set.
type Command struct {
	ID uint32 // names the reply; 0: none is wanted
	// Pong is a frame without content: the answer to a ping.
	Pong bool
	// Fault is what is wrong with the command, though it could be read; it is
	// refused.
	Fault string

	Connect     *ConnectCommand
	Subscribe   *SubscribeCommand
	Unsubscribe *ChannelCommand
	Publish     *PublishCommand
	Presence    *ChannelCommand
	Stats       *ChannelCommand // presence_stats
	History     *HistoryCommand
	Ping        bool
	Send        bool
	RPC         *RPCCommand
	Refresh     *RefreshCommand
	SubRefresh  *SubRefreshCommand
}

// ConnectCommand opens the session.
type ConnectCommand struct {
	Token   string
	Data    []byte // JSON
	Name    string
	Version string
	// Subs are positions to recover the server's subscriptions from.
	Subs []RecoverFrom
}

// RecoverFrom is where a client wants to go on in a channel.
type RecoverFrom struct {
	Channel string
	Recover bool
	Since   evenkeel.Position
}

// SubscribeCommand asks for a channel.
type SubscribeCommand struct {
	RecoverFrom
	// RejectUnrecovered asks for an error where recovery fails.
	RejectUnrecovered bool
	Token             string // names the channel, where it needs one
	JoinLeave         bool   // who comes and goes is wanted
}

// ChannelCommand is a command of which only the channel matters here.
type ChannelCommand struct {
	Channel string
}

// PublishCommand publishes on a channel.
type PublishCommand struct {
	Channel string
	Data    []byte // JSON
}

// SubRefreshCommand renews a subscription.
type SubRefreshCommand struct {
	Channel string
	Token   string
}

// HistoryCommand asks for a part of a channel's history.
type HistoryCommand struct {
	Channel string
	Limit   int // 0: only the channel's end; negative: all that a reply may hold
	Since   *evenkeel.Position
	Reverse bool // newest first
}

// RPCCommand calls a method.
type RPCCommand struct {
	Method string
	Params []byte // JSON
}

// RefreshCommand renews the token.
type RefreshCommand struct {
	Token string
}

// Reply is the answer to one command. At most one of the results is set; none
// at all is an empty success of the kind that Kind names.
type Reply struct {
	ID    uint32
	Error *Error

	Connect   *ConnectResult
	Subscribe *SubscribeResult
	History   *HistoryResult
	RPC       *RPCResult
	Refresh   *RefreshResult
	Presence  *PresenceResult
	Stats     *StatsResult // of presence_stats
	// Unsubscribe, Publish and Ping are empty results.
	Unsubscribe bool
	Publish     bool
	Ping        bool
	SubRefresh  *SubRefreshResult
}

// ConnectResult lets a client in.
type ConnectResult struct {
	RefreshResult
	Ping uint32 // seconds between pings; 0: none
	Pong bool   // the client has to answer pings
	Data []byte // JSON
	Subs []ServerSubscription

	// Session and Node are to be named by requests with the client's commands,
	// where the transport goes one way only.
	Session string
	Node    string
}

// RefreshResult says how long a client may stay.
type RefreshResult struct {
	Client  string // the connection's id
	Version string
	Expires bool
	TTL     uint32 // seconds, if it expires
}

// ServerSubscription is a subscription that the server made.
type ServerSubscription struct {
	Channel string
	SubscribeResult
}

// SubscribeResult is a subscription's start.
type SubscribeResult struct {
	Expires bool
	TTL     uint32 // seconds, if it expires
	// Stream says that publications are numbered without a hole from Position, and
	// may be recovered.
	Stream        bool
	WasRecovering bool
	Recovered     bool
	// Position is the channel's end or, after a recovery, the position
	// recovered from: each of the publications moves the client on from it.
	Position     evenkeel.Position
	Publications []Item
}

// HistoryResult is a part of a channel's history, and the channel's end.
type HistoryResult struct {
	Top          evenkeel.Position
	Publications []Item
}

// PresenceResult is who is on a channel.
type PresenceResult struct {
	People []*ClientInfo
}

// StatsResult is how many are on a channel.
type StatsResult struct {
	Clients uint32
	Users   uint32
}

// SubRefreshResult says how long a subscription lasts.
type SubRefreshResult struct {
	Expires bool
	TTL     uint32 // seconds, if it expires
}

// RPCResult is a method's result.
type RPCResult struct {
	Data []byte // JSON
}

// Item is one publication as a client sees it.
type Item struct {
	Offset uint64
	Epoch  string      // of the stream, if the client does not know it
	Data   []byte      // JSON
	Info   *ClientInfo // of the client that published; nil: none did
}

// Push is a frame that answers no command. At most one of the kinds is set.
type Push struct {
	Channel     string
	Publication *Item
	Join        *ClientInfo        // who came
	Leave       *ClientInfo        // who went
	Subscribe   *evenkeel.Position // a subscription that starts, or starts anew, here
	Unsubscribe *Status
	Message     []byte // JSON of the server itself, on no channel
	Disconnect  *Status
}

// Status is a code with a reason.
type Status struct {
	Code   uint32
	Reason string
}
