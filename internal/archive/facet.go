//evenkeel:pure

package archive

import (
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/evenkeel/evenkeel"
)

// Filters are words of the full-text index: what selects by a word and by a
// customer is one intersection of two sorted lists, newest first, however many
// chats each of them alone would select. A facet is such a word: a letter for
// its sort, and the hash of workspace and value, so that any value is a word.
const (
	facetWorkspace = 'w'
	facetCustomer  = 'c'
	facetAgent     = 'a'
	facetQueue     = 'q'
	facetTag       = 't'
	facetReason    = 'r'
	facetScore     = 's'
)

func facet(sort byte, workspace, value string) string {
	h := xxhash.Sum64String(workspace + "\x00" + value)
	return strconv.FormatUint(h, 36) + string(sort)
}

// chatFacets are the facets of a chat.
func chatFacets(c *evenkeel.Chat) []string {
	all := []string{
		facet(facetWorkspace, c.Workspace, ""),
		facet(facetCustomer, c.Workspace, c.Customer),
		facet(facetQueue, c.Workspace, c.Queue),
		facet(facetReason, c.Workspace, c.Reason.String()),
	}
	if c.Agent != nil {
		all = append(all, facet(facetAgent, c.Workspace, c.Agent.ID))
	}
	if c.Rating != nil {
		all = append(all, facet(facetScore, c.Workspace, strconv.FormatInt(c.Rating.Score, 10)))
	}
	for _, tag := range c.Tags {
		all = append(all, facet(facetTag, c.Workspace, tag))
	}
	return all
}

// queryFacets are the facets that a chat must have to be selected. All but the
// workspace's own imply the workspace.
func queryFacets(q *evenkeel.ArchiveQuery) []string {
	var all []string
	add := func(sort byte, value string) {
		if value != "" {
			all = append(all, facet(sort, q.Workspace, value))
		}
	}
	add(facetCustomer, q.Customer)
	add(facetAgent, q.Agent)
	add(facetTag, q.Tag)
	if q.Score != 0 {
		add(facetScore, strconv.FormatInt(q.Score, 10))
	}
	if q.Reason != 0 {
		add(facetReason, q.Reason.String())
	}
	add(facetQueue, q.Queue)
	if len(all) == 0 {
		all = append(all, facet(facetWorkspace, q.Workspace, ""))
	}
	return all
}

// selects looks at the chat itself: two values may have one hash, and times are
// no facets.
func selects(q *evenkeel.ArchiveQuery, c *evenkeel.Chat) bool {
	return c.Workspace == q.Workspace &&
		(q.Customer == "" || c.Customer == q.Customer) &&
		(q.Agent == "" || c.Agent != nil && c.Agent.ID == q.Agent) &&
		(q.Queue == "" || c.Queue == q.Queue) &&
		(q.Tag == "" || slices.Contains(c.Tags, q.Tag)) &&
		(q.Reason == 0 || c.Reason == q.Reason) &&
		(q.Score == 0 || c.Rating != nil && c.Rating.Score == q.Score) &&
		(q.From == 0 || c.ClosedAt >= q.From) &&
		(q.To == 0 || c.ClosedAt < q.To)
}
