//evenkeel:pure

package realtime

import "github.com/evenkeel/evenkeel"

// Disconnect codes close a connection. By the protocol a client reconnects
// after 3000 to 3499 and stays away after 3500 to 3999.
const (
	// CloseNormal ends a connection without a fault, such as one whose session
	// the desk gave up. The client comes back.
	CloseNormal uint32 = 3000
	// CloseShutdown says that this node stops or is drained.
	CloseShutdown uint32 = 3001
	// CloseServerError says that the server could not do its part.
	CloseServerError uint32 = 3004
	// CloseExpired says that the token ran out and was not refreshed in time.
	CloseExpired uint32 = 3005
	// CloseSlow says that the client reads more slowly than it is written to.
	CloseSlow uint32 = 3008
	// CloseInsufficientState says that a stream that the server subscribed the
	// client to has a hole that this node cannot fill.
	CloseInsufficientState uint32 = 3010
	// CloseNoPong says that the client did not answer a ping.
	CloseNoPong uint32 = 3012

	// CloseInvalidToken says that the login is not valid, or no longer.
	CloseInvalidToken uint32 = 3500
	// CloseBadRequest says that the client breaks the protocol.
	CloseBadRequest uint32 = 3501
	// CloseStale says that the client opened a connection and sent no connect
	// command.
	CloseStale uint32 = 3502
	// CloseForced sends the client away for good.
	CloseForced uint32 = 3503
	// CloseConnectionLimit says that the client has too many connections.
	CloseConnectionLimit uint32 = 3504
)

// Unsubscribe codes end a subscription. By the protocol codes below 2500 are
// final and a client subscribes again after the others.
const (
	// UnsubscribedServer says that the right to the channel is gone, or the
	// channel itself.
	UnsubscribedServer uint32 = 2000
	// UnsubscribedInsufficient says that the stream cannot be continued from
	// the client's position.
	UnsubscribedInsufficient uint32 = 2500
	// UnsubscribedExpired says that the subscription's time ran out and it was not
	// refreshed.
	UnsubscribedExpired uint32 = 2501
)

// Error is the error of a reply, as the protocol has it.
type Error struct {
	Code      uint32
	Message   string
	Temporary bool // the same command may succeed later
}

// Codes of errors of the protocol itself. All others come from the table of
// evenkeel.Codes.
const (
	errorUnknownChannel    uint32 = 102
	errorPermissionDenied  uint32 = 103
	errorMethodNotFound    uint32 = 104
	errorAlreadySubscribed uint32 = 105
	errorLimitExceeded     uint32 = 106
	errorBadRequest        uint32 = 107
	errorNotAvailable      uint32 = 108
	errorTokenExpired      uint32 = 109
	errorTooManyRequests   uint32 = 111
	errorUnrecoverable     uint32 = 112
)

// ErrorOf returns the protocol's form of an error. The message is the code's
// name and, behind it, the sentence.
func ErrorOf(err *evenkeel.Error) *Error {
	info := err.Code.Info()
	return &Error{Code: info.Protocol, Message: err.Error(), Temporary: info.Temporary}
}

// channelError is ErrorOf for commands that name a channel: what is not there,
// or is not the caller's to know of, is an unknown channel.
func channelError(err *evenkeel.Error) *Error {
	e := ErrorOf(err)
	if err.Code == evenkeel.CodeNotFound {
		e.Code = errorUnknownChannel
	}
	return e
}
