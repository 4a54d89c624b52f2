package evenkeel

// Kind is the sort of a command. Kinds are append-only.
type Kind uint16

// The kinds. The number is in every log: never change or reuse one.
const (
	// The cell itself.
	KindCellForm   Kind = 1 // the first command of a cell
	KindNodeUp     Kind = 2 // a process started; the desk issues its incarnation
	KindNodeLost   Kind = 3 // a process is gone with all its sessions
	KindClockSet   Kind = 4 // a voter's wall clock
	KindCheckpoint Kind = 5 // a point at which replicas compare

	// Sessions and logins.
	KindSessionOpen  Kind = 10
	KindSessionClose Kind = 11
	KindTokenIssue   Kind = 12
	KindTokenRevoke  Kind = 13
	KindPasswordSet  Kind = 14
	KindStartUse     Kind = 15 // the first-run link is used up

	// Configuration.
	KindQueuePut     Kind = 20
	KindQueueDelete  Kind = 21
	KindAgentPut     Kind = 22
	KindAgentDelete  Kind = 23
	KindAgentStatus  Kind = 24
	KindAPIKeyPut    Kind = 25
	KindAPIKeyDelete Kind = 26
	KindWorkspacePut Kind = 27
	KindCustomerPut  Kind = 28
	KindLimitsSet    Kind = 29

	// Chats.
	KindChatStart     Kind = 40
	KindChatSend      Kind = 41
	KindChatNote      Kind = 42
	KindChatAccept    Kind = 43
	KindChatDecline   Kind = 44
	KindChatTake      Kind = 45
	KindChatTransfer  Kind = 46
	KindChatInvite    Kind = 47
	KindChatLeave     Kind = 48
	KindChatClose     Kind = 49
	KindChatWrapup    Kind = 50
	KindChatRate      Kind = 51
	KindChatDelivered Kind = 52
	KindChatSeen      Kind = 53
	KindChatUpdate    Kind = 54

	// The archive.
	KindArchiveReport Kind = 60 // how far a copy has come
	KindArchiveAmend  Kind = 61 // a change of a chat that has left the desk
	KindCustomerErase Kind = 62
	// Customers: who they are and what is known of them.
	KindSigningPut       Kind = 80
	KindCustomerIdentify Kind = 81
	KindCustomerClaim    Kind = 82
	KindContextSet       Kind = 83

	// Missed people.
	KindChatOffline   Kind = 70
	KindMissedClaim   Kind = 71
	KindMissedRelease Kind = 72
	KindMissedAnswer  Kind = 73
	KindMissedClose   Kind = 74

	// Canned replies, and hours.
	KindCannedPut    Kind = 75
	KindCannedDelete Kind = 76
	KindQueueHours   Kind = 77 // how a queue stands by its hours

	// Namespaces of the operator's own channels.
	KindNamespacePut    Kind = 100
	KindNamespaceDelete Kind = 101

	// Incidents.
	KindIncidentRaise Kind = 90
	KindIncidentEnd   Kind = 91

	// Tenants.
	KindWorkspaceDelete Kind = 110
	// Service levels.
	KindQueueRefused Kind = 120

	// Nodes.
	KindNodeInvite Kind = 130
	KindNodeJoin   Kind = 131
	KindNodeRemove Kind = 132
	KindNodeDrain  Kind = 133
	KindNodeRejoin Kind = 134
	KindNodeHash   Kind = 135
)

// Kinds lists every kind in the order of its number, with its name: the method
// of the RPC protocol where there is one.
func Kinds() []KindInfo {
	return []KindInfo{
		{KindCellForm, "cell.form"}, {KindNodeUp, "node.up"}, {KindNodeLost, "node.lost"}, {KindClockSet, "clock.set"},
		{KindCheckpoint, "checkpoint"}, {KindSessionOpen, "session.open"}, {KindSessionClose, "session.close"},
		{KindTokenIssue, "token.issue"}, {KindTokenRevoke, "token.revoke"}, {KindPasswordSet, "password.set"},
		{KindStartUse, "start.use"}, {KindQueuePut, "queue.put"}, {KindQueueDelete, "queue.delete"},
		{KindAgentPut, "agent.put"}, {KindAgentDelete, "agent.delete"}, {KindAgentStatus, "agent.status"},
		{KindAPIKeyPut, "api_key.put"}, {KindAPIKeyDelete, "api_key.delete"}, {KindWorkspacePut, "workspace.put"},
		{KindCustomerPut, "customer.put"}, {KindLimitsSet, "limits.set"}, {KindChatStart, "chat.start"},
		{KindChatSend, "chat.send"}, {KindChatNote, "chat.note"}, {KindChatAccept, "chat.accept"},
		{KindChatDecline, "chat.decline"}, {KindChatTake, "chat.take"}, {KindChatTransfer, "chat.transfer"},
		{KindChatInvite, "chat.invite"}, {KindChatLeave, "chat.leave"}, {KindChatClose, "chat.close"},
		{KindChatWrapup, "chat.wrapup"}, {KindChatRate, "chat.rate"}, {KindChatDelivered, "chat.delivered"},
		{KindChatSeen, "chat.seen"}, {KindChatUpdate, "chat.update"},
		{KindArchiveReport, "archive.report"}, {KindArchiveAmend, "archive.amend"}, {KindCustomerErase, "customer.erase"},
		{KindChatOffline, "chat.offline"}, {KindMissedClaim, "missed.claim"}, {KindMissedRelease, "missed.release"},
		{KindMissedAnswer, "missed.answer"}, {KindMissedClose, "missed.close"},
		{KindCannedPut, "canned.put"}, {KindCannedDelete, "canned.delete"}, {KindQueueHours, "queue.hours"},
		{KindSigningPut, "signing.put"}, {KindCustomerIdentify, "customer.identify"},
		{KindCustomerClaim, "customer.claim"}, {KindContextSet, "context.set"},
		{KindIncidentRaise, "incident.raise"}, {KindIncidentEnd, "incident.end"},
		{KindWorkspaceDelete, "workspace.delete"},
		{KindNamespacePut, "namespace.put"}, {KindNamespaceDelete, "namespace.delete"},
		{KindQueueRefused, "queue.refused"},
		{KindNodeInvite, "node.invite"}, {KindNodeJoin, "node.join"}, {KindNodeRemove, "node.remove"}, {KindNodeDrain, "node.drain"},
		{KindNodeRejoin, "node.rejoin"}, {KindNodeHash, "node.hash"},
	}
}

// KindInfo is a kind with its name.
type KindInfo struct {
	Kind Kind
	Name string
}

func (k Kind) String() string {
	for _, info := range Kinds() {
		if info.Kind == k {
			return info.Name
		}
	}
	return "unknown"
}

// Command is a request to change the desk.
type Command struct {
	By Principal
	// OnBehalfOf is the customer or agent that a service acts as; zero: as
	// itself. Idempotency ids stay the service's own.
	OnBehalfOf Principal
	// ID is the caller's own name for this request. With the workspace and the
	// principal it is the key of exactly-once; the same ID with another body
	// is refused. Empty: the command is idempotent by nature.
	ID string
	// Session and Seq number the commands of a session without gaps, from 1.
	// A zero Session is an HTTP request.
	Session SessionID
	Seq     uint64
	// IfVersion is the version that the object must have for the command to be
	// carried out, or IfPresent or IfAbsent; 0: whatever it has.
	IfVersion uint64
	Body      Body
}

// What an object must be for a command that names no version of it.
const (
	IfPresent uint64 = 1<<64 - 1
	IfAbsent  uint64 = 1<<64 - 2
)

// Body is what a command asks for: one of the types of body_*.go.
type Body interface {
	Kind() Kind
}

// Result is what came of one command. Which fields are set depends on the
// kind; with Err set only Index is.
type Result struct {
	Err   *Error
	Index uint64 // of the entry in the log

	Chat        *Chat  // chat.* but send and note: the chat after the command, as staff sees it
	Existing    bool   // chat.start: the customer already had this one
	Number      uint64 // of the message or note; context.set: the new version
	Time        Time
	Incarnation uint64 // node.up
	Agent       *AgentState
	Created     bool // *.put: it did not exist before
	Repeated    bool // the result of an earlier command with the same id
	Hash        uint64
	Operation   uint64  // archive.amend, customer.erase: the archive operation that it became
	Missed      *Missed // chat.offline, missed.*: the item after the command
}
