package node

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// What nodes send each other. The numbers go over the wire: never change or reuse
// one.
const (
	frameRaft      transport.Kind = 8  // a message of Raft, as protobuf
	framePropose   transport.Kind = 9  // proposal
	frameOutcome   transport.Kind = 10 // outcome
	frameHeartbeat transport.Kind = 11 // heartbeat
	frameWord      transport.Kind = 12 // word
	frameEmulate   transport.Kind = 14 // emulate
	frameEmulated  transport.Kind = 15 // emulated
)

// proposal asks the leader to put commands into the log.
type proposal struct {
	Request  uint64       `cbor:"1,keyasint"` // names the answer
	Lane     replica.Lane `cbor:"2,keyasint"`
	Commands [][]byte     `cbor:"3,keyasint"`
}

// outcome answers a proposal.
type outcome struct {
	Request uint64            `cbor:"1,keyasint"`
	Results []evenkeel.Result `cbor:"2,keyasint,omitempty"`
	Err     *evenkeel.Error   `cbor:"3,keyasint,omitempty"`
}

// emulate passes on a message of a client whose stream the other node has.
type emulate struct {
	Request uint64 `cbor:"1,keyasint"` // names the answer
	Session string `cbor:"2,keyasint"`
	Message []byte `cbor:"3,keyasint"`
}

// emulated answers an emulate: it was obeyed, or why not.
type emulated struct {
	Request uint64          `cbor:"1,keyasint"`
	Err     *evenkeel.Error `cbor:"2,keyasint,omitempty"`
}

// word is what two replicas say about a batch in doubt (replica.Word).
type word struct {
	First    uint64          `cbor:"1,keyasint"`
	Last     uint64          `cbor:"2,keyasint"`
	LastTerm uint64          `cbor:"3,keyasint"`
	Has      replica.Holding `cbor:"4,keyasint,omitempty"`
}

// heartbeat is how a node stands. Each sends it to all others.
type heartbeat struct {
	Incarnation uint64            `cbor:"1,keyasint"` // 0: the desk has not issued it yet
	Applied     uint64            `cbor:"2,keyasint"`
	Leader      uint64            `cbor:"3,keyasint"` // as far as it knows
	Sessions    int64             `cbor:"4,keyasint"`
	Memory      int64             `cbor:"5,keyasint"`
	DiskFree    int64             `cbor:"6,keyasint"`
	Offset      evenkeel.Duration `cbor:"7,keyasint"` // of its wall clock to desk time
	Started     evenkeel.Time     `cbor:"8,keyasint"`
	NotReady    string            `cbor:"9,keyasint,omitempty"`
	Stopping    bool              `cbor:"10,keyasint,omitempty"`
	Archive     archiveBeat       `cbor:"11,keyasint"`
	Bus         busBeat           `cbor:"12,keyasint"`
	Hash        uint64            `cbor:"13,keyasint,omitempty"` // of all that it came to, up to Applied
	Differ      map[uint64]uint64 `cbor:"14,keyasint,omitempty"` // nodes in quarantine, and the entry
}

// archiveBeat is how a node's copy of the archive stands.
type archiveBeat struct {
	State  string `cbor:"1,keyasint"`
	Behind uint64 `cbor:"2,keyasint"`
	Chats  int64  `cbor:"3,keyasint"`
	Bytes  int64  `cbor:"4,keyasint"`
	Detail string `cbor:"5,keyasint,omitempty"`

	Cursor  uint64 `cbor:"6,keyasint,omitempty"`
	Missing uint64 `cbor:"7,keyasint,omitempty"`
}

// fetched is what a node may ask another for. The numbers go over the wire: never
// change or reuse one.
type fetched uint8

const (
	fetchCopy   fetched = 1 // the image of its copy of the archive
	fetchPast   fetched = 2 // what is in that copy
	fetchBackup fetched = 3 // a backup
)

// fetchRequest asks for one of them.
type fetchRequest struct {
	What  fetched       `cbor:"1,keyasint"`
	Least uint64        `cbor:"2,keyasint,omitempty"` // operation that the copy must have done
	Past  *pastQuestion `cbor:"3,keyasint,omitempty"`
	Key   *backup.Key   `cbor:"4,keyasint,omitempty"` // of a backup
	Index uint64        `cbor:"5,keyasint,omitempty"` // of the log, that the backup must have
}

// pastQuestion is a read of the archive: a chat, its talk, a search, or all that a
// query selects.
type pastQuestion struct {
	Workspace string                 `cbor:"1,keyasint,omitempty"`
	Chat      string                 `cbor:"2,keyasint,omitempty"`
	Talk      bool                   `cbor:"3,keyasint,omitempty"`
	Span      evenkeel.MessageRange  `cbor:"4,keyasint"`
	Notes     bool                   `cbor:"5,keyasint,omitempty"`
	Query     *evenkeel.ArchiveQuery `cbor:"6,keyasint,omitempty"`
	Walk      bool                   `cbor:"7,keyasint,omitempty"`
}

// pastAnswerPart answers it; a walk has one for each chat.
type pastAnswerPart struct {
	Chat   *evenkeel.Chat          `cbor:"1,keyasint,omitempty"`
	Talk   *evenkeel.Transcript    `cbor:"2,keyasint,omitempty"`
	Page   *evenkeel.ArchivePage   `cbor:"3,keyasint,omitempty"`
	Record *evenkeel.ArchiveRecord `cbor:"4,keyasint,omitempty"`
	Lacks  string                  `cbor:"5,keyasint,omitempty"`
	Err    *evenkeel.Error         `cbor:"6,keyasint,omitempty"`
}

// wireMode reads what other versions of the program may have added to.
func wireMode() cbor.DecMode {
	mode, err := cbor.DecOptions{
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 16, MaxArrayElements: 100000, MaxMapPairs: 1024,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}

func encodeWire(message any) []byte {
	b, err := cbor.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", message, err)) // plain data
	}
	return b
}
