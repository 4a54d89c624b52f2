//evenkeel:pure

package realtime

import "time"

func badRequest(message string) *Error { return &Error{Code: errorBadRequest, Message: message} }

// command takes one frame of the client. Any frame proves that it is there.
func (s *Session) command(c *Command, now time.Duration) {
	s.pongBy = 0
	switch {
	case c.Pong:
	case c.ID == 0 && !c.Send:
		s.close(Close{Code: CloseBadRequest, Reason: "a command has no id"})
	case c.Fault != "" && s.state == stateNew:
		s.close(Close{Code: CloseBadRequest, Reason: c.Fault})
	case s.state == stateNew:
		if c.Connect == nil {
			s.close(Close{Code: CloseBadRequest, Reason: "the first command must be connect"})
			return
		}
		s.connectCommand(c.ID, c.Connect)
	case c.Connect != nil:
		s.close(Close{Code: CloseBadRequest, Reason: "the client is connected already"})
	case s.state != stateOpen:
		if len(s.connect.held) >= maxCommands {
			s.close(Close{Code: CloseBadRequest, Reason: "too many commands before the connect reply"})
			return
		}
		s.connect.held = append(s.connect.held, c)
	default:
		s.request(c, now)
	}
}

// request takes a command of a client that is connected.
func (s *Session) request(c *Command, now time.Duration) {
	switch {
	case c.Fault != "":
		s.refuse(c.ID, badRequest(c.Fault))
	case c.Subscribe != nil:
		s.subscribeCommand(c.ID, c.Subscribe, now)
	case c.Unsubscribe != nil:
		s.unsubscribeCommand(c.ID, c.Unsubscribe.Channel)
	case c.History != nil:
		s.historyCommand(c.ID, c.History)
	case c.RPC != nil:
		s.rpcCommand(c.ID, c.RPC)
	case c.Refresh != nil:
		s.refreshCommand(c.ID, c.Refresh)
	case c.Ping:
		s.reply(&Reply{ID: c.ID, Ping: true})
	case c.Publish != nil:
		s.publishCommand(c.ID, c.Publish, now)
	case c.Presence != nil:
		s.presenceCommand(c.ID, c.Presence.Channel, false)
	case c.Stats != nil:
		s.presenceCommand(c.ID, c.Stats.Channel, true)
	case c.SubRefresh != nil:
		s.subRefreshCommand(c.ID, c.SubRefresh)
	case c.Send:
		if c.ID != 0 {
			s.refuse(c.ID, &Error{Code: errorNotAvailable, Message: "nobody takes messages: use the methods"})
		}
	default:
		s.refuse(c.ID, &Error{Code: errorMethodNotFound, Message: "unknown command"})
	}
}

func (s *Session) rpcCommand(id uint32, c *RPCCommand) {
	switch {
	case c.Method == "":
		s.refuse(id, badRequest("the method is missing"))
	case s.busy(id):
	default:
		s.calls++
		s.effect(Call{ID: id, Method: c.Method, Params: c.Params})
	}
}

func (s *Session) callDone(in *CallDone) {
	s.calls--
	if in.Err != nil {
		s.refuse(in.ID, ErrorOf(in.Err))
		return
	}
	s.reply(&Reply{ID: in.ID, RPC: &RPCResult{Data: oneLine(in.Result)}})
}
