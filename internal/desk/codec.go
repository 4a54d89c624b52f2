package desk

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/evenkeel/evenkeel"
)

// maxName bounds the ids in a command's envelope, in bytes.
const maxName = 256

const (
	flagBehalf  = 1 << 0
	flagSession = 1 << 1
	flagVersion = 1 << 2
)

// EncodeCommand appends the command's form in an entry: an envelope of
// length-prefixed fields, then the body as a CBOR map with integer keys. It
// refuses what DecodeCommand would: in the log that would stop every replica.
//
//	kind(uvarint) flags(1) principal [principal] id [incarnation number seq] [version] body
func EncodeCommand(dst []byte, c *evenkeel.Command) ([]byte, error) {
	if c.Body == nil {
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "a command needs a body")
	}
	start := len(dst)
	var flags byte
	if c.OnBehalfOf != (evenkeel.Principal{}) {
		flags |= flagBehalf
	}
	if !c.Session.IsZero() {
		flags |= flagSession
	}
	if c.IfVersion != 0 {
		flags |= flagVersion
	}
	dst = binary.AppendUvarint(dst, uint64(c.Body.Kind()))
	dst = append(dst, flags)
	dst = appendPrincipal(dst, c.By)
	if flags&flagBehalf != 0 {
		dst = appendPrincipal(dst, c.OnBehalfOf)
	}
	dst = appendString(dst, c.ID)
	if flags&flagSession != 0 {
		dst = binary.AppendUvarint(dst, c.Session.Incarnation)
		dst = binary.AppendUvarint(dst, c.Session.Number)
		dst = binary.AppendUvarint(dst, c.Seq)
	}
	if flags&flagVersion != 0 {
		dst = binary.AppendUvarint(dst, c.IfVersion)
	}
	var err error
	if send, ok := c.Body.(*evenkeel.ChatSend); ok {
		dst = appendSend(dst, send)
	} else {
		var body []byte
		if body, err = encMode.Marshal(c.Body); err != nil {
			return nil, fmt.Errorf("encode %s: %w", c.Body.Kind(), err)
		}
		dst = append(dst, body...)
	}
	if len(dst)-start > MaxCommandBytes {
		return nil, evenkeel.Errorf(evenkeel.CodeTooLarge, "the request is longer than %d bytes", MaxCommandBytes)
	}
	if _, err := DecodeCommand(dst[start:]); err != nil {
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "texts must be UTF-8 and ids at most %d bytes long: %v", maxName, err)
	}
	return dst, nil
}

// envelope is a decoded command with its body still in CBOR.
type envelope struct {
	kind       evenkeel.Kind
	by         evenkeel.Principal
	onBehalfOf evenkeel.Principal
	id         string
	session    evenkeel.SessionID
	seq        uint64
	ifVersion  uint64
	body       []byte
}

func decodeEnvelope(b []byte) (envelope, error) {
	var e envelope
	if len(b) > MaxCommandBytes {
		return e, fmt.Errorf("desk: command of %d bytes", len(b))
	}
	r := reader{b: b}
	e.kind = evenkeel.Kind(r.uvarint())
	flags := r.byte()
	if flags&^(flagBehalf|flagSession|flagVersion) != 0 {
		return e, fmt.Errorf("desk: %s with unknown flags %#x", e.kind, flags)
	}
	e.by = r.principal()
	if flags&flagBehalf != 0 {
		e.onBehalfOf = r.principal()
	}
	e.id = string(r.bytes(maxName))
	if flags&flagSession != 0 {
		e.session.Incarnation = r.uvarint()
		e.session.Number = r.uvarint()
		e.seq = r.uvarint()
	}
	if flags&flagVersion != 0 {
		e.ifVersion = r.uvarint()
	}
	e.body = r.b
	if r.err != nil {
		return e, fmt.Errorf("desk: the envelope of %s is damaged: %w", e.kind, r.err)
	}
	// Ids end up in rows, and a row that is not text could not be restored.
	if !utf8.ValidString(e.id) || !text(e.by) || !text(e.onBehalfOf) {
		return e, fmt.Errorf("desk: an id in the envelope of %s is not UTF-8", e.kind)
	}
	return e, nil
}

func text(p evenkeel.Principal) bool {
	return utf8.ValidString(p.Workspace) && utf8.ValidString(p.ID)
}

// DecodeCommand is the reverse of EncodeCommand. An unknown kind or field is
// an error: a replica must stop rather than skip what it does not understand.
func DecodeCommand(b []byte) (*evenkeel.Command, error) {
	e, err := decodeEnvelope(b)
	if err != nil {
		return nil, err
	}
	body, err := decodeBody(e.kind, e.body)
	if err != nil {
		return nil, err
	}
	return &evenkeel.Command{By: e.by, OnBehalfOf: e.onBehalfOf, ID: e.id, Session: e.session, Seq: e.seq, IfVersion: e.ifVersion, Body: body}, nil
}

func decodeBody(kind evenkeel.Kind, b []byte) (evenkeel.Body, error) {
	if kind == evenkeel.KindChatSend {
		return decodeSend(b)
	}
	body := newBody(kind)
	if body == nil {
		return nil, fmt.Errorf("desk: command of unknown kind %d: this program is older than the log", kind)
	}
	if err := decMode.Unmarshal(b, body); err != nil {
		return nil, fmt.Errorf("desk: body of %s: %w", kind, err)
	}
	return body, nil
}

func newBody(kind evenkeel.Kind) evenkeel.Body {
	switch kind {
	case evenkeel.KindCellForm:
		return new(evenkeel.CellForm)
	case evenkeel.KindNodeUp:
		return new(evenkeel.NodeUp)
	case evenkeel.KindNodeLost:
		return new(evenkeel.NodeLost)
	case evenkeel.KindNodeInvite:
		return new(evenkeel.NodeInvite)
	case evenkeel.KindNodeJoin:
		return new(evenkeel.NodeJoin)
	case evenkeel.KindNodeRemove:
		return new(evenkeel.NodeRemove)
	case evenkeel.KindNodeDrain:
		return new(evenkeel.NodeDrain)
	case evenkeel.KindNodeRejoin:
		return new(evenkeel.NodeRejoin)
	case evenkeel.KindNodeHash:
		return new(evenkeel.NodeHash)
	case evenkeel.KindClockSet:
		return new(evenkeel.ClockSet)
	case evenkeel.KindCheckpoint:
		return new(evenkeel.Checkpoint)
	case evenkeel.KindLimitsSet:
		return new(evenkeel.LimitsSet)
	case evenkeel.KindSessionOpen:
		return new(evenkeel.SessionOpen)
	case evenkeel.KindSessionClose:
		return new(evenkeel.SessionClose)
	case evenkeel.KindTokenIssue:
		return new(evenkeel.TokenIssue)
	case evenkeel.KindTokenRevoke:
		return new(evenkeel.TokenRevoke)
	case evenkeel.KindPasswordSet:
		return new(evenkeel.PasswordSet)
	case evenkeel.KindStartUse:
		return new(evenkeel.StartUse)
	case evenkeel.KindQueuePut:
		return new(evenkeel.QueuePut)
	case evenkeel.KindQueueDelete:
		return new(evenkeel.QueueDelete)
	case evenkeel.KindAgentPut:
		return new(evenkeel.AgentPut)
	case evenkeel.KindAgentDelete:
		return new(evenkeel.AgentDelete)
	case evenkeel.KindAgentStatus:
		return new(evenkeel.SetAgentStatus)
	case evenkeel.KindAPIKeyPut:
		return new(evenkeel.APIKeyPut)
	case evenkeel.KindAPIKeyDelete:
		return new(evenkeel.APIKeyDelete)
	case evenkeel.KindWorkspacePut:
		return new(evenkeel.WorkspacePut)
	case evenkeel.KindCustomerPut:
		return new(evenkeel.CustomerPut)
	case evenkeel.KindSigningPut:
		return new(evenkeel.SigningPut)
	case evenkeel.KindCustomerIdentify:
		return new(evenkeel.CustomerIdentify)
	case evenkeel.KindCustomerClaim:
		return new(evenkeel.CustomerClaim)
	case evenkeel.KindContextSet:
		return new(evenkeel.ContextSet)
	case evenkeel.KindWorkspaceDelete:
		return new(evenkeel.WorkspaceDelete)
	case evenkeel.KindNamespacePut:
		return new(evenkeel.NamespacePut)
	case evenkeel.KindNamespaceDelete:
		return new(evenkeel.NamespaceDelete)
	case evenkeel.KindIncidentRaise:
		return new(evenkeel.IncidentRaise)
	case evenkeel.KindIncidentEnd:
		return new(evenkeel.IncidentEnd)
	case evenkeel.KindQueueRefused:
		return new(evenkeel.QueueRefused)
	default:
		return newChatBody(kind)
	}
}

func newChatBody(kind evenkeel.Kind) evenkeel.Body {
	switch kind {
	case evenkeel.KindChatStart:
		return new(evenkeel.ChatStart)
	case evenkeel.KindChatSend:
		return new(evenkeel.ChatSend)
	case evenkeel.KindChatNote:
		return new(evenkeel.ChatNote)
	case evenkeel.KindChatAccept:
		return new(evenkeel.ChatAccept)
	case evenkeel.KindChatDecline:
		return new(evenkeel.ChatDecline)
	case evenkeel.KindChatTake:
		return new(evenkeel.ChatTake)
	case evenkeel.KindChatTransfer:
		return new(evenkeel.ChatTransfer)
	case evenkeel.KindChatInvite:
		return new(evenkeel.ChatInvite)
	case evenkeel.KindChatLeave:
		return new(evenkeel.ChatLeave)
	case evenkeel.KindChatClose:
		return new(evenkeel.ChatClose)
	case evenkeel.KindChatWrapup:
		return new(evenkeel.ChatWrapup)
	case evenkeel.KindChatRate:
		return new(evenkeel.ChatRate)
	case evenkeel.KindChatDelivered:
		return new(evenkeel.ChatDelivered)
	case evenkeel.KindChatSeen:
		return new(evenkeel.ChatSeen)
	case evenkeel.KindChatUpdate:
		return new(evenkeel.ChatUpdate)
	case evenkeel.KindArchiveReport:
		return new(evenkeel.ArchiveReport)
	case evenkeel.KindArchiveAmend:
		return new(evenkeel.ArchiveAmend)
	case evenkeel.KindCustomerErase:
		return new(evenkeel.CustomerErase)
	case evenkeel.KindChatOffline:
		return new(evenkeel.ChatOffline)
	case evenkeel.KindMissedClaim:
		return new(evenkeel.MissedClaim)
	case evenkeel.KindMissedRelease:
		return new(evenkeel.MissedRelease)
	case evenkeel.KindMissedAnswer:
		return new(evenkeel.MissedAnswer)
	case evenkeel.KindMissedClose:
		return new(evenkeel.MissedClose)
	case evenkeel.KindCannedPut:
		return new(evenkeel.CannedPut)
	case evenkeel.KindQueueHours:
		return new(evenkeel.QueueHours)
	case evenkeel.KindCannedDelete:
		return new(evenkeel.CannedDelete)
	default:
		return nil
	}
}

// chat.send is most of every log, so its body has a form of its own that needs
// no reflection: chat, text, type.
func appendSend(dst []byte, m *evenkeel.ChatSend) []byte {
	dst = appendString(dst, m.Chat)
	dst = appendString(dst, m.Text)
	return append(dst, byte(m.Type))
}

func decodeSend(b []byte) (*evenkeel.ChatSend, error) {
	r := reader{b: b}
	chat, text, kind := r.bytes(maxName), r.bytes(MaxCommandBytes), r.byte()
	if r.err != nil || len(r.b) != 0 || !utf8.Valid(text) || !utf8.Valid(chat) {
		return nil, fmt.Errorf("desk: body of chat.send is damaged")
	}
	return &evenkeel.ChatSend{Chat: string(chat), Text: string(text), Type: evenkeel.MessageKind(kind)}, nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendPrincipal(dst []byte, p evenkeel.Principal) []byte {
	dst = append(dst, byte(p.Kind))
	dst = appendString(dst, p.Workspace)
	return appendString(dst, p.ID)
}

func (r *reader) principal() evenkeel.Principal {
	kind := evenkeel.PrincipalKind(r.byte())
	ws := r.bytes(maxName)
	id := r.bytes(maxName)
	p := evenkeel.Principal{Kind: kind, ID: string(id)}
	if string(ws) == evenkeel.DefaultWorkspace {
		p.Workspace = evenkeel.DefaultWorkspace // no allocation for the common case
	} else {
		p.Workspace = string(ws)
	}
	return p
}

// The CBOR modes: deterministic out, strict and bounded in.
var (
	encMode = must(cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode())
	decMode = must(cbor.DecOptions{
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  100000,
		MaxMapPairs:       64,
	}.DecMode())
)

// must is for options that are constant: they are valid or no test runs.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
