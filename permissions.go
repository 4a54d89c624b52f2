package evenkeel

// Allowed tells whether a role may ask for a kind of command at all. It is the
// one table of roles, read at the edge before a command is proposed and by the
// desk when it is applied; whether the caller may touch the very object it
// names (its own chat, an agent of its workspace) the desk decides from the
// state at that index.
func Allowed(role Role, kind Kind) bool {
	const (
		customer   = 1 << RoleCustomer
		agent      = 1 << RoleAgent
		supervisor = 1 << RoleSupervisor
		admin      = 1 << RoleAdmin
		service    = 1 << RoleService
		operator   = 1 << RoleOperator
		staff      = agent | supervisor | admin | operator
		config     = admin | operator | service
		all        = customer | staff | service
	)
	var who int
	switch kind {
	case KindCellForm, KindNodeUp, KindNodeLost, KindNodeJoin, KindNodeRejoin, KindNodeHash, KindClockSet, KindCheckpoint,
		KindSessionOpen, KindSessionClose, KindStartUse, KindTokenIssue, KindIncidentRaise,
		KindQueueRefused, KindQueueHours, KindArchiveReport, KindCustomerIdentify:
		who = 0 // the cell itself only
	case KindTokenRevoke, KindPasswordSet:
		who = staff
	case KindNamespacePut, KindNamespaceDelete, KindQueuePut, KindQueueDelete, KindAgentPut, KindAgentDelete, KindIncidentEnd, KindSigningPut:
		who = config
	case KindAPIKeyPut, KindAPIKeyDelete:
		who = admin | operator
	case KindWorkspacePut:
		who = admin | operator
	case KindWorkspaceDelete, KindLimitsSet, KindNodeInvite, KindNodeRemove, KindNodeDrain:
		who = operator
	case KindAgentStatus, KindCustomerPut, KindContextSet:
		who = staff | service
	case KindChatStart, KindChatSend, KindChatClose, KindChatDelivered, KindChatSeen:
		who = all
	case KindChatNote, KindChatTransfer, KindChatInvite, KindChatLeave, KindChatWrapup, KindChatUpdate:
		who = staff | service
	case KindChatAccept, KindChatDecline, KindChatTake:
		who = staff | service // a service only on behalf of an agent
	case KindArchiveAmend:
		who = all // as the kind that it stands for allows: judged by the record
	case KindCustomerErase:
		who = config
	case KindChatRate, KindChatOffline, KindCustomerClaim:
		who = customer | service
	case KindMissedClaim: // a service only on behalf of an agent
		who = staff | service
	case KindMissedRelease, KindMissedAnswer, KindMissedClose, KindCannedPut, KindCannedDelete:
		who = staff | service
	}
	return who&(1<<role) != 0
}
