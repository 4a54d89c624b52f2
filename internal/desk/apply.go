package desk

import (
	"fmt"

	"github.com/evenkeel/evenkeel"
)

// Apply applies one entry of the log. skip lists the steps of this entry that
// panicked before, in rising order: a skipped command is answered internal, skipped
// follow-up work is dropped. An error means that this program cannot apply the
// entry and the replica must stop; the desk is then not to be used any more.
func (d *Desk) Apply(index uint64, entry []byte, skip []int) (Output, error) {
	h, commands, err := ParseEntry(entry)
	if err != nil {
		return Output{}, fmt.Errorf("entry %d: %w", index, err)
	}
	if index <= d.cell.Index {
		return Output{}, fmt.Errorf("entry %d was applied already: the desk is at %d", index, d.cell.Index)
	}
	passed := max(0, evenkeel.Duration(h.Time-d.cell.Now))
	d.cell.Index = index
	d.cell.Now += evenkeel.DeskTime(passed)
	if h.Resume {
		// Two leaders that tell of the same outage do not extend by it twice.
		d.cell.Shift += min(h.Gap, passed)
	}
	d.out = Output{Index: index, Results: make([]evenkeel.Result, 0, len(commands))}
	if len(commands) > 0 {
		d.out.Events = make([]evenkeel.Event, 0, len(commands)+len(commands)/2)
	}
	d.step, d.skip = 0, skip
	for _, raw := range commands {
		result, err := d.applyCommand(raw)
		if err != nil {
			return Output{}, fmt.Errorf("entry %d, command %d: %w", index, d.step, err)
		}
		result.Index = index
		d.hashResult(&result)
		d.out.Results = append(d.out.Results, result)
		d.step++
	}
	d.watchState()
	d.behind = d.followUp()
	d.out.More, d.out.Archive = d.behind, d.cell.ArchiveSeq
	out := d.out
	d.out = Output{}
	return out, nil
}

// applyCommand runs one command: an error stops the replica, a refusal is a
// result.
func (d *Desk) applyCommand(raw []byte) (evenkeel.Result, error) {
	e, err := decodeEnvelope(raw)
	if err != nil {
		return evenkeel.Result{}, err
	}
	body, err := decodeBody(e.kind, e.body)
	if err != nil {
		return evenkeel.Result{}, err
	}
	c := call{envelope: e}
	if d.skipped() {
		_, _ = d.checkSession(&c) // a refusal of its own: it uses the session's number up
		return evenkeel.Result{Err: evenkeel.Errorf(evenkeel.CodeInternal, "the command failed inside the server and was left out")}, nil
	}
	result, refusal := d.admit(&c, body)
	result.Err = refusal
	return result, nil
}

// skipped tells whether the current step is to be left out, and counts it.
func (d *Desk) skipped() bool {
	for len(d.skip) > 0 && d.skip[0] < d.step {
		d.skip = d.skip[1:]
	}
	if len(d.skip) == 0 || d.skip[0] != d.step {
		return false
	}
	d.cell.Skipped++
	d.tellSkip()
	d.hashSkip()
	return true
}

// call is one command on its way: who asks, and under which key.
type call struct {
	envelope
	actor  actor
	from   *sessionRow // the session it came by, if any
	who    *caller     // whose id it carries, if anything is known of him
	digest []byte      // of the command, if it has an id
	stored bool        // the handler has stored the key with what it made
}

// admit checks all that is common to commands, runs the handler and keeps the
// result under the caller's id.
func (d *Desk) admit(c *call, body evenkeel.Body) (evenkeel.Result, *evenkeel.Error) {
	if !d.Formed() {
		form, ok := body.(*evenkeel.CellForm)
		if !ok || c.by.Kind != evenkeel.PrincipalSystem {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the cell is not formed yet")
		}
		return d.cellForm(form)
	}
	repeat, refusal := d.checkSession(c)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.resolve(c); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if c.id != "" {
		c.digest = digest(c)
		if result, refusal, known := d.recall(c); known {
			return result, refusal
		}
		if repeat {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "command %d of the session was refused or its result is forgotten", c.seq)
		}
		if refusal := d.checkKeys(c); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	} else if repeat {
		return evenkeel.Result{Repeated: true}, nil
	}
	if refusal := d.checkVersion(c, body); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	result, refusal := d.dispatch(c, body)
	if refusal == nil {
		d.newVersion(c, body)
	}
	if refusal == nil && c.id != "" && !c.stored {
		d.remember(c, &result)
	}
	return result, refusal
}

// dispatch calls the handler of the body's kind.
func (d *Desk) dispatch(c *call, body evenkeel.Body) (evenkeel.Result, *evenkeel.Error) {
	switch b := body.(type) {
	case *evenkeel.ChatSend:
		return d.chatSend(c, b)
	case *evenkeel.ChatNote:
		return d.chatNote(c, b)
	case *evenkeel.ChatDelivered:
		return d.chatMark(c, b.Chat, b.Number, evenkeel.PubDelivered)
	case *evenkeel.ChatSeen:
		return d.chatMark(c, b.Chat, b.Number, evenkeel.PubSeen)
	case *evenkeel.ChatStart:
		return d.chatStart(c, b)
	case *evenkeel.ChatAccept:
		return d.chatAccept(c, b)
	case *evenkeel.ChatDecline:
		return d.chatDecline(c, b)
	case *evenkeel.ChatTake:
		return d.chatTake(c, b)
	case *evenkeel.ChatTransfer:
		return d.chatTransfer(c, b)
	case *evenkeel.ChatInvite:
		return d.chatInvite(c, b)
	case *evenkeel.ChatLeave:
		return d.chatLeave(c, b)
	case *evenkeel.ChatClose:
		return d.chatClose(c, b)
	case *evenkeel.ChatWrapup:
		return d.chatWrapup(c, b)
	case *evenkeel.ChatRate:
		return d.chatRate(c, b)
	case *evenkeel.ChatUpdate:
		return d.chatUpdate(c, b)
	case *evenkeel.ChatOffline:
		return d.chatOffline(c, b)
	default:
		return d.dispatchRest(c, body)
	}
}

func (d *Desk) dispatchRest(c *call, body evenkeel.Body) (evenkeel.Result, *evenkeel.Error) {
	switch b := body.(type) {
	case *evenkeel.SessionOpen:
		return d.sessionOpen(b)
	case *evenkeel.SessionClose:
		return d.sessionClose(b)
	case *evenkeel.NodeUp:
		return d.nodeUp(b)
	case *evenkeel.NodeLost:
		return d.nodeLost(b)
	case *evenkeel.NodeInvite:
		return d.nodeInvite(b)
	case *evenkeel.NodeJoin:
		return d.nodeJoin(b)
	case *evenkeel.NodeRejoin:
		return d.nodeRejoin(b)
	case *evenkeel.NodeHash:
		return d.nodeHash(b)
	case *evenkeel.NodeRemove:
		return d.nodeRemove(b)
	case *evenkeel.NodeDrain:
		return d.nodeDrain(b)
	case *evenkeel.ClockSet:
		return d.clockSet(b)
	case *evenkeel.Checkpoint:
		return evenkeel.Result{Hash: d.cell.Hash}, nil
	case *evenkeel.LimitsSet:
		return d.limitsSet(b)
	case *evenkeel.TokenIssue:
		return d.tokenIssue(b)
	case *evenkeel.TokenRevoke:
		return d.tokenRevoke(c, b)
	case *evenkeel.PasswordSet:
		return d.passwordSet(c, b)
	case *evenkeel.StartUse:
		return d.startUse(b)
	case *evenkeel.QueuePut:
		return d.queuePut(c, b)
	case *evenkeel.QueueDelete:
		return d.queueDelete(c, b)
	case *evenkeel.AgentPut:
		return d.agentPut(c, b)
	case *evenkeel.AgentDelete:
		return d.agentDelete(c, b)
	case *evenkeel.SetAgentStatus:
		return d.agentStatus(c, b)
	case *evenkeel.APIKeyPut:
		return d.apiKeyPut(c, b)
	case *evenkeel.APIKeyDelete:
		return d.apiKeyDelete(c, b)
	case *evenkeel.WorkspacePut:
		return d.workspacePut(c, b)
	case *evenkeel.CustomerPut:
		return d.customerPut(c, b)
	case *evenkeel.CustomerIdentify:
		return d.customerIdentify(c, b)
	case *evenkeel.CustomerClaim:
		return d.customerClaim(c, b)
	case *evenkeel.ContextSet:
		return d.contextSet(c, b)
	case *evenkeel.SigningPut:
		return d.signingPut(c, b)
	case *evenkeel.WorkspaceDelete:
		return d.workspaceDelete(b)
	case *evenkeel.NamespacePut:
		return d.namespacePut(c, b)
	case *evenkeel.NamespaceDelete:
		return d.namespaceDelete(c, b)
	case *evenkeel.IncidentRaise:
		return d.incidentRaise(b)
	case *evenkeel.IncidentEnd:
		return d.incidentEnd(c, b)
	case *evenkeel.QueueRefused:
		return d.queueRefused(c, b)
	case *evenkeel.ArchiveReport:
		return d.archiveReport(b)
	case *evenkeel.ArchiveAmend:
		return d.archiveAmend(c, b)
	case *evenkeel.CustomerErase:
		return d.customerErase(c, b)
	case *evenkeel.MissedClaim:
		return d.missedClaim(c, b)
	case *evenkeel.MissedRelease:
		return d.missedRelease(c, b)
	case *evenkeel.MissedAnswer:
		return d.missedAnswer(c, b)
	case *evenkeel.MissedClose:
		return d.missedClose(c, b)
	case *evenkeel.CannedPut:
		return d.cannedPut(c, b)
	case *evenkeel.QueueHours:
		return d.queueHours(c, b)
	case *evenkeel.CannedDelete:
		return d.cannedDelete(c, b)
	default:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "%s is not for a cell that exists", c.kind)
	}
}

// followUp does what the commands and the passing of time have caused: left-over
// work first, then deadlines in the order of (deadline, sequence), then what
// the archive lets go, then routing, so that every free agent has a chat or no chat waits that he could
// take. It stops after the replicated limit of units, a unit for each chat that
// changes, and says whether more is left.
func (d *Desk) followUp() (more bool) {
	if !d.Formed() {
		return false
	}
	for units := d.cell.Limits.FollowUp; ; units -= max(1, d.told) {
		d.told = 0
		switch {
		case d.workQueue.len() > 0:
			if units <= 0 {
				return true
			}
			d.workStep()
		case d.timerDue():
			if units <= 0 {
				return true
			}
			d.fireTimer()
		case d.archiveDue():
			if units <= 0 {
				return true
			}
			d.archiveStep()
		default:
			decision, ok := d.floor.Next(int64(d.cell.Now))
			if !ok {
				return false
			}
			if units <= 0 {
				return true
			}
			d.decide(decision)
		}
		d.step++
	}
}
