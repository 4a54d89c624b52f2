//evenkeel:pure

package edge

import "github.com/evenkeel/evenkeel"

// Reader is a replica of the desk at one index, as the edge reads it. `by` is
// who asks: what is not his to know of is not_found. Errors are
// *evenkeel.Error. What it returns are copies.
type Reader interface {
	Index() uint64
	Now() evenkeel.DeskTime
	Wall() evenkeel.Time // as of the last entry; Cell.Wall is now
	Status() evenkeel.DeskStatus
	Limits() evenkeel.Limits

	Role(p evenkeel.Principal) evenkeel.Role
	Token(hash string) (evenkeel.Login, bool)
	Logins(by evenkeel.Principal, agent string) ([]evenkeel.LoginState, error)
	APIKey(hash string) (evenkeel.Login, bool)
	Credentials(workspace, email string) (evenkeel.Credentials, bool)
	// Version is that of an object that a command of the kind puts; 0: none.
	Version(by evenkeel.Principal, put evenkeel.Kind, id string) uint64
	Workspace(id string) (evenkeel.Workspace, bool)
	Workspaces(by evenkeel.Principal, after string, limit int) ([]*evenkeel.Workspace, error)
	WorkspaceAt(host string) (id string, ok bool)
	Usage(by evenkeel.Principal, id string) (*evenkeel.WorkspaceUsage, error)
	Origins() []string

	Agent(by evenkeel.Principal, id string) (*evenkeel.AgentState, error)
	Agents(by evenkeel.Principal, after string, limit int) ([]*evenkeel.AgentState, error)
	Queue(by evenkeel.Principal, id string) (*evenkeel.QueueState, error)
	Queues(by evenkeel.Principal, after string, limit int) ([]*evenkeel.QueueState, error)
	APIKeys(by evenkeel.Principal, after string, limit int) ([]evenkeel.APIKey, error)
	Customer(by evenkeel.Principal, id string) (*evenkeel.CustomerState, error)
	Customers(by evenkeel.Principal, text, after string, limit int) ([]*evenkeel.CustomerState, error)
	Context(by evenkeel.Principal, customer, chat string) (*evenkeel.Context, error)
	Signing(workspace string, use evenkeel.SigningUse) (evenkeel.Signing, bool)
	IdentityDue(workspace string, b *evenkeel.CustomerIdentify) bool
	HasQueue(workspace, id string) bool
	Widget(workspace, queue string) (*evenkeel.Widget, error)

	Chat(by evenkeel.Principal, id string) (*evenkeel.Chat, error)
	Chats(by evenkeel.Principal, filter evenkeel.ChatFilter, after string, limit int) ([]*evenkeel.Chat, error)
	Transcript(by evenkeel.Principal, chat string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error)
	Why(by evenkeel.Principal, chat string) (*evenkeel.Why, error)

	Namespace(workspace, name string) (evenkeel.Namespace, bool)
	Namespaces(by evenkeel.Principal, after string, limit int) ([]evenkeel.Namespace, error)

	Incidents(by evenkeel.Principal, open bool, after string, limit int) ([]*evenkeel.Incident, error)
	Missed(by evenkeel.Principal, id string) (*evenkeel.Missed, error)
	MissedItems(by evenkeel.Principal, filter evenkeel.MissedFilter, after string, limit int) ([]*evenkeel.Missed, error)

	Canned(by evenkeel.Principal, id string) (*evenkeel.Canned, error)
	CannedReplies(by evenkeel.Principal, filter evenkeel.CannedFilter, after string, limit int) ([]*evenkeel.Canned, error)
	RenderCanned(by evenkeel.Principal, chat, canned string) (string, error)

	TallyIDs(by evenkeel.Principal, agents bool, after string, limit int) ([]string, error)
	Tallies(by evenkeel.Principal, f evenkeel.TallyFilter) (page []evenkeel.Tally, more bool, err error)
	QueueFigures(workspace, id string) (*evenkeel.QueueFigures, bool)
	DeskFigures(workspace string, agents int) *evenkeel.DeskFigures
	LineHead(workspace, queue string, limit int) (evenkeel.LineHead, bool)

	// Of the archive: what has left, and who may do what with it.
	Archived(chat string) bool
	ArchiveState() evenkeel.ArchiveState
	MayReadArchived(by evenkeel.Principal, chat *evenkeel.Chat) error
	MayAmendArchived(by evenkeel.Principal, chat *evenkeel.Chat) error

	AgentDesk(by evenkeel.Principal) (*evenkeel.AgentDesk, error)
	VisitorDesk(by evenkeel.Principal) (*evenkeel.VisitorDesk, error)
	MaySubscribe(by evenkeel.Principal, channel string) error
}
