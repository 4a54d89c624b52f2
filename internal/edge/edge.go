//evenkeel:shell

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// Config is what an edge needs. Fields without a default must be set.
type Config struct {
	Cell   Cell
	Random io.Reader // of tokens and ids, such as crypto/rand.Reader

	// VisitorKey returns the key that signs visitors' tokens: the desk's
	// VisitorKey, opened with the cell key.
	VisitorKey func() ([]byte, error)

	// Seal encrypts a secret for one purpose before it becomes state of the cell,
	// Open is the reverse. Both use the cell key.
	Seal func(purpose string, secret []byte) ([]byte, error)
	Open func(purpose string, sealed []byte) ([]byte, error)

	// Ephemeral publishes without an offset, to the subscribers of a channel that
	// are connected here; Listened tells whether there are any. Spread publishes so to
	// those on all nodes. None may block.
	Ephemeral func(channel string, data []byte)
	Listened  func(channel string) bool
	Spread    func(channel string, data []byte)

	// Archive finds copies of the archive; nil: there are none.
	Archive Archive

	// Backup, if set, prepares a backup of the cell under a passphrase, and
	// returns what writes it; to be called once.
	Backup func(ctx context.Context, passphrase string) (write func(context.Context, io.Writer) error, err error)

	// Nodes, if set, is what can be done about the other nodes of the cell.
	Nodes Nodes

	// Present, if set, is told of connected customers who got a live chat: their
	// connections should be watched more closely. It must not block.
	Present func(id ClientID)

	// Observe, if set, is told of each request that was answered. It must not
	// block.
	Observe func(Observation)

	// Advertise is the address at which callers reach this node, such as
	// https://chat.example; empty: the one that they have used.
	Advertise string
	// Transports are the ways to open a realtime connection, the best first.
	Transports []Transport

	// Rates limit the HTTP API; the zero value limits nothing.
	Rates Rates

	Now          func() time.Time // default time.Now
	Log          *slog.Logger     // default: nothing is logged
	PasswordCost auth.Cost        // default auth.DefaultCost()
}

// Transport is a way to open a realtime connection, and its path.
type Transport struct{ Name, Path string }

// Edge serves callers. New makes one, Start begins to carry commands, Stop
// ends it; in between all methods may be called from any goroutine.
type Edge struct {
	cfg       Config
	born      time.Time // origin of the monotonic times that the pure half sees
	passwords *auth.Passwords
	methods   map[string]*Method
	typing    *shape // of chat.typing
	nothing   *shape // of methods without parameters
	context   *shape // of context.get
	render    *shape // of canned.render
	handler   http.Handler
	described []byte // the OpenAPI document

	mail  mailbox
	stop  chan struct{}
	ended chan struct{}

	amends chan struct{}   // slots of changes of archived chats
	tasks  sync.WaitGroup  // these changes, and answers that have to be proven
	ending context.Context // ends them
	end    context.CancelFunc

	mu      sync.Mutex
	clients map[ClientID]*connection
	// visitors are the clients of a customer's channel whose session is opened
	// on demand: they must be told when the customer gets a live chat.
	visitors map[string]map[ClientID]bool
	guests   map[string]int64         // clients, by workspace
	seen     map[string]evenkeel.Time // when a login was used last, here

	limits limitTable
	rates  rates
	live   live
	keys   keySources
}

// limitTable holds the limits by address or by caller.
type limitTable struct {
	mu       sync.Mutex
	visitors *buckets // new visitors' tokens of an address
	wrong    *buckets // wrong passwords of an address for one account
	spray    *buckets // wrong passwords of an address
	typing   *buckets // of a sender in a chat
	writes   *buckets // of a customer
	looks    *buckets // of an address at what pages show
	tenants  tenants
	account  *buckets // wrong passwords for one account, from wherever
	devices  *buckets // wrong passwords of a device that has signed in before
	known    *buckets // the addresses from which an account was signed in to

	addressReads, addressWrites, userReads, userWrites, keyReads, keyWrites *gauge
}

// Limits by address, and the tables' bounds.
const (
	wrongPasswords = 10  // a minute, address and account
	wrongGuesses   = 60  // a minute and address
	pageLooks      = 120 // a minute and address
	wrongAnywhere  = 100 // a minute and account, from unknown addresses and devices
	maxAddresses   = 20000
	hashSlots      = 2 // passwords hashed at a time
)

// New makes an edge.
func New(cfg Config) (*Edge, error) {
	if cfg.Cell == nil || cfg.Random == nil || cfg.VisitorKey == nil || cfg.Seal == nil || cfg.Open == nil || cfg.Ephemeral == nil || cfg.Listened == nil || cfg.Spread == nil {
		return nil, errors.New("make an edge: Cell, Random, VisitorKey, Seal, Open, Ephemeral, Listened and Spread must be set")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PasswordCost == (auth.Cost{}) {
		cfg.PasswordCost = auth.DefaultCost()
	}
	passwords, err := auth.NewPasswords(cfg.Random, cfg.PasswordCost, hashSlots)
	if err != nil {
		return nil, err
	}
	e := &Edge{
		cfg: cfg, born: cfg.Now(), passwords: passwords, methods: Methods(),
		typing: shapeFor[typingParams](), nothing: shapeFor[struct{}](), context: shapeFor[contextGetParams](), render: shapeFor[renderParams](),
		stop: make(chan struct{}), ended: make(chan struct{}),
		clients: map[ClientID]*connection{}, visitors: map[string]map[ClientID]bool{}, guests: map[string]int64{}, seen: map[string]evenkeel.Time{},
		keys: keySources{all: map[string]keySource{}},
		limits: limitTable{
			tenants: tenants{commands: map[string]*tenantRate{}},
			wrong:   newBuckets(wrongPasswords, time.Minute, maxAddresses),
			spray:   newBuckets(wrongGuesses, time.Minute, maxAddresses),
			typing:  newBuckets(1, typingEvery, maxTyping),
			writes:  newBuckets(writeTokens, writeTokens*writeEvery, maxAddresses),
			looks:   newBuckets(pageLooks, time.Minute, maxAddresses),
			account: newBuckets(wrongAnywhere, time.Minute, maxAddresses),
			devices: newBuckets(wrongPasswords, time.Minute, maxAddresses),
			known:   newBuckets(1, time.Hour, maxAddresses),

			addressReads: newGauge("address", cfg.Rates.AddressReads, maxAddresses), addressWrites: newGauge("address", cfg.Rates.AddressWrites, maxAddresses),
			userReads: newGauge("user", cfg.Rates.UserReads, maxAddresses), userWrites: newGauge("user", cfg.Rates.UserWrites, maxAddresses),
			keyReads: newGauge("key", cfg.Rates.KeyReads, maxAddresses), keyWrites: newGauge("key", cfg.Rates.KeyWrites, maxAddresses),
		},
	}
	if rate := cfg.Rates.NewVisitors; rate.Count > 0 {
		e.limits.visitors = newBuckets(rate.Count, rate.Per, maxAddresses)
	}
	e.limits.known.lasts = true
	e.amends = make(chan struct{}, maxAmends)
	e.ending, e.end = context.WithCancel(context.Background())
	e.mail.init()
	e.live.init()
	e.handler = e.newHandler()
	if e.described, err = json.Marshal(e.openAPI()); err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return e, nil
}

// Start begins to carry commands and to tell what changes. An edge is started
// once.
func (e *Edge) Start() {
	go e.carry()
	go e.tell()
}

// Stop ends the carrying of commands; what waits for an answer is answered
// no_leader. An edge that was started is stopped once.
func (e *Edge) Stop() {
	e.end()
	close(e.stop)
	<-e.ended
	<-e.live.ended
	e.tasks.Wait()
}

// Handler serves the HTTP API: /v1/..., /healthz and /readyz. Any other path
// is answered 404 with a problem document.
func (e *Edge) Handler() http.Handler { return e.handler }

// since is the monotonic time of the pure half.
func (e *Edge) since() time.Duration { return e.cfg.Now().Sub(e.born) }

// wall is the local clock's time, for tokens that are checked without the desk.
func (e *Edge) wall() evenkeel.Time { return evenkeel.TimeOf(e.cfg.Now()) }
