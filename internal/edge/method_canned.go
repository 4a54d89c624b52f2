//evenkeel:pure

package edge

import (
	"strings"

	"github.com/evenkeel/evenkeel"
)

// checkCanned keeps what is too long for a command away from the desk.
func checkCanned(c *evenkeel.Canned) *evenkeel.Error {
	err := firstError(tooLong("shortcut", c.Shortcut, maxNameRunes), tooLong("title", c.Title, maxNameRunes), tooLong("text", c.Text, maxTextRunes),
		checkOptionalID("owner", c.Owner), checkTags("tags", c.Tags))
	if err == nil && len(c.Queues) > maxListMembers {
		err = badField("queues", "holds more than %d queues", maxListMembers)
	}
	for _, id := range c.Queues {
		err = firstError(err, checkID("queues", id))
	}
	if err == nil && c.Text == "" {
		err = badField("text", "is missing")
	}
	return err
}

// cannedMatch judges whether a reply is meant by the beginning of its shortcut, or
// of a word of its title, in capital letters or small ones. An empty text means
// all of them.
func cannedMatch(text string) func(*evenkeel.Canned) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil
	}
	return func(c *evenkeel.Canned) bool {
		if strings.HasPrefix(strings.ToLower(c.Shortcut), text) {
			return true
		}
		words := strings.Fields(strings.ToLower(c.Title))
		for i := range words {
			if strings.HasPrefix(strings.Join(words[i:], " "), text) {
				return true
			}
		}
		return false
	}
}

// renderParams are those of canned.render.
type renderParams struct {
	Chat   string `json:"chat"`
	Canned string `json:"canned"`
}

// cannedReply is a canned reply, filled in for a chat.
type cannedReply struct {
	Text  string `json:"text"`
	Index uint64 `json:"index"`
}
