//evenkeel:pure

package edge

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

const (
	typingEvery     = 3 * time.Second // passed on for each sender and chat
	maxTyping       = 20000           // senders and chats remembered
	maxPreviewRunes = 1000
)

// typingParams are those of chat.typing. It takes no id, for a repeat does no
// harm, and none is refused.
type typingParams struct {
	ID      string `json:"id"`
	Chat    string `json:"chat"`
	Preview string `json:"preview"`
}

// typingNotices are what one chat.typing makes: the publications, and where
// they go. A customer's preview is for staff only.
//
// An agent's typing is shown to the customer only if he works on the chat: a
// supervisor who watches stays unseen.
func typingNotices(by evenkeel.Principal, name string, c *evenkeel.Chat, preview string) []notice {
	author := evenkeel.Author{ID: by.ID, Name: name}
	switch {
	case c.State.Over():
		return nil
	case by.Kind == evenkeel.PrincipalVisitor:
		author.Kind = evenkeel.AuthorCustomer
		data := appendTyping(nil, author, preview)
		return []notice{{evenkeel.Channel(c.Workspace, evenkeel.ChannelStaff, c.ID), data}}
	case by.Kind == evenkeel.PrincipalAgent && worksOn(c, by.ID):
		author.Kind = evenkeel.AuthorAgent
	case by.Kind == evenkeel.PrincipalService:
		author.Kind = evenkeel.AuthorBot
	default:
		return nil
	}
	return []notice{{evenkeel.Channel(c.Workspace, evenkeel.ChannelChat, c.ID), appendTyping(nil, author, "")}}
}

// notice is an ephemeral publication.
type notice struct {
	channel string
	data    []byte
}

func worksOn(c *evenkeel.Chat, agent string) bool {
	if c.Agent != nil && c.Agent.ID == agent {
		return true
	}
	for _, p := range c.Participants {
		if p.ID == agent {
			return true
		}
	}
	return false
}

func appendTyping(dst []byte, a evenkeel.Author, preview string) []byte {
	dst = append(dst, `{"type":"typing","author":{"kind":"`...)
	dst = append(dst, a.Kind.String()...)
	dst = append(dst, `","id":`...)
	dst = evenkeel.AppendJSONString(dst, a.ID)
	dst = append(dst, `,"name":`...)
	dst = evenkeel.AppendJSONString(dst, a.Name)
	dst = append(dst, '}')
	if preview != "" {
		dst = append(dst, `,"preview":`...)
		dst = evenkeel.AppendJSONString(dst, preview)
	}
	return append(dst, '}')
}
