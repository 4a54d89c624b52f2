//evenkeel:pure

package edge

import (
	"encoding/json"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// AppendResult appends the answer of a method as JSON: the customer's view of a
// chat to customers, the staff's to everybody else. index is the position in
// the log that the answer reflects.
func AppendResult(dst []byte, view View, role evenkeel.Role, r *evenkeel.Result) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	switch view {
	case ViewStart, ViewChat:
		if r.Chat != nil {
			dst = append(dst, `"chat":`...)
			if dst, err = appendValue(dst, chatView(role, r.Chat)); err != nil {
				return nil, err
			}
			dst = append(dst, ',')
		}
		if view == ViewStart && r.Existing {
			dst = append(dst, `"existing":true,`...)
		}
	case ViewNumber:
		dst = append(dst, `"number":`...)
		dst = strconv.AppendUint(dst, r.Number, 10)
		dst = append(dst, `,"time":"`...)
		dst = r.Time.AppendFormat(dst)
		dst = append(dst, `",`...)
	case ViewStatus:
		if a := r.Agent; a != nil {
			dst = appendStatus(dst, a)
			dst = append(dst, ',')
		}
	case ViewMissed:
		if r.Missed != nil {
			dst = append(dst, `"missed":`...)
			if dst, err = appendValue(dst, missedView(role, r.Missed)); err != nil {
				return nil, err
			}
			dst = append(dst, ',')
		}
	case ViewVersion:
		dst = append(dst, `"version":`...)
		dst = strconv.AppendUint(dst, r.Number, 10)
		dst = append(dst, ',')
	case ViewIndex:
	}
	dst = append(dst, `"index":`...)
	dst = strconv.AppendUint(dst, r.Index, 10)
	return append(dst, '}'), nil
}

// chatView is the chat as the role may see it.
func chatView(role evenkeel.Role, c *evenkeel.Chat) any {
	if role == evenkeel.RoleCustomer {
		return c.ForCustomer()
	}
	return c
}

func chatViews(role evenkeel.Role, chats []*evenkeel.Chat) []any {
	views := make([]any, 0, len(chats))
	for _, c := range chats {
		views = append(views, chatView(role, c))
	}
	return views
}

// appendStatus appends the fields that say what an agent is at the moment.
func appendStatus(dst []byte, a *evenkeel.AgentState) []byte {
	dst = append(dst, `"agent":`...)
	dst = evenkeel.AppendJSONString(dst, a.ID)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, a.Status.String()...)
	dst = append(dst, '"')
	if a.Reason != "" {
		dst = append(dst, `,"reason":`...)
		dst = evenkeel.AppendJSONString(dst, a.Reason)
	}
	dst = append(dst, `,"connected":`...)
	return strconv.AppendBool(dst, a.Connected)
}

// agentStateReply is the answer of agent.state.
type agentStateReply struct {
	Agent     string               `json:"agent"`
	Status    evenkeel.AgentStatus `json:"status"`
	Reason    string               `json:"reason,omitempty"`
	Connected bool                 `json:"connected"`
	Chats     []any                `json:"chats"`
	Offers    []evenkeel.Offer     `json:"offers"`
	Position  evenkeel.Position    `json:"position"`
	Index     uint64               `json:"index"`
}

func agentStateOf(d *evenkeel.AgentDesk, index uint64) *agentStateReply {
	offers := d.Offers
	if offers == nil {
		offers = []evenkeel.Offer{}
	}
	return &agentStateReply{
		Agent: d.State.ID, Status: d.State.Status, Reason: d.State.Reason, Connected: d.State.Connected,
		Chats: chatViews(evenkeel.RoleAgent, d.Chats), Offers: offers, Position: d.Position, Index: index,
	}
}

// visitorStateReply is the answer of visitor.state.
type visitorStateReply struct {
	Visitor  string            `json:"visitor"`
	Chats    []any             `json:"chats"`
	Position evenkeel.Position `json:"position"`
	Index    uint64            `json:"index"`
}

func visitorStateOf(visitor string, d *evenkeel.VisitorDesk, index uint64) *visitorStateReply {
	return &visitorStateReply{
		Visitor: visitor, Chats: chatViews(evenkeel.RoleCustomer, d.Chats), Position: d.Position, Index: index,
	}
}

func appendValue(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(dst, b...), nil
}
