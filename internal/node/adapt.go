package node

import (
	"context"
	"runtime/metrics"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/realtime"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// cellOf is the node as its edge sees it.
type cellOf struct{ *Node }

func (c cellOf) View(fn func(edge.Reader)) {
	c.replica.View(func(d *desk.Desk) { fn(d) })
}

func (c cellOf) Propose(commands []*evenkeel.Command, done func([]evenkeel.Result, error)) {
	began, tell := time.Now(), done
	done = func(results []evenkeel.Result, err error) {
		c.meters.proposed(began, len(commands), results, err)
		tell(results, err)
	}
	encoded := make([][]byte, 0, len(commands))
	// What cannot be encoded is refused by itself: what is proposed beside it
	// may be other people's.
	refused := map[int]*evenkeel.Error{}
	for i, command := range commands {
		b, err := desk.EncodeCommand(nil, command)
		if err != nil {
			refused[i] = evenkeel.Errorf(evenkeel.CodeBadRequest, "the command cannot be encoded: %v", err)
			continue
		}
		encoded = append(encoded, b)
	}
	switch {
	case len(refused) == 0:
		c.propose(replica.Control, encoded, done)
	case len(encoded) == 0:
		done(withRefused(nil, refused, len(commands)), nil)
	default:
		c.propose(replica.Control, encoded, func(results []evenkeel.Result, err error) {
			if err == nil {
				results = withRefused(results, refused, len(commands))
			}
			done(results, err)
		})
	}
}

// withRefused puts the refusals between the results, each in its place among n.
func withRefused(results []evenkeel.Result, refused map[int]*evenkeel.Error, n int) []evenkeel.Result {
	all := make([]evenkeel.Result, 0, n)
	for i := range n {
		if err := refused[i]; err != nil {
			all = append(all, evenkeel.Result{Err: err})
			continue
		}
		all, results = append(all, results[0]), results[1:]
	}
	return all
}

func (c cellOf) Wall() evenkeel.Time { return c.cellWall() }

func (c cellOf) Fresh(ctx context.Context) error {
	if c.alone() {
		return nil // what it has acknowledged it has applied
	}
	return c.replica.Fresh(ctx)
}

func (c cellOf) WaitApplied(ctx context.Context, index uint64) error {
	return c.replica.WaitApplied(ctx, index)
}

// memoryInUse is what the process has of the machine, in bytes, as the runtime
// counts it.
func memoryInUse() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())
}

// backend is the node as its realtime server sees it.
type backend struct{ *Node }

func (b backend) Authenticate(ctx context.Context, r realtime.ConnectRequest, remote string) (realtime.Client, *evenkeel.Error) {
	who, err := b.edge.Connect(ctx, r.Token)
	if err != nil {
		return realtime.Client{}, err
	}
	c := realtime.Client{
		Principal: who.Principal, Role: who.Role, Name: who.Name, Login: who.Login, Channels: who.Channels, Present: who.Present,
		Loopback: edge.Loopback(remote), User: who.User, Info: who.Info,
	}
	for _, g := range who.Grants {
		c.Grants = append(c.Grants, realtime.Grant(g))
	}
	if who.Expires != 0 {
		// A token that ends within this millisecond has not ended yet.
		c.TTL = max(time.Until(who.Expires.Std()), time.Millisecond)
	}
	return c, nil
}

func (b backend) Read(ctx context.Context, r realtime.ReadRequest) (page realtime.Page, refusal *evenkeel.Error) {
	refusal = b.edge.Proven(ctx, func() (err *evenkeel.Error) {
		page, err = b.read(r)
		return err
	})
	return page, refusal
}

func (b backend) read(r realtime.ReadRequest) (page realtime.Page, refusal *evenkeel.Error) {
	b.replica.View(func(d *desk.Desk) {
		err := d.MaySubscribe(r.By, r.Channel)
		if err == nil {
			page.Items, page.Top, err = d.History(r.Channel, r.Since, r.Limit, r.Bytes)
			page.First = d.First(r.Channel)
		}
		refusal = asRefusal(err)
	})
	if refusal == nil {
		b.edge.Watched(r.Channel)
	}
	return page, refusal
}

func (b backend) Admit(ctx context.Context, r realtime.AdmitRequest) (evenkeel.Terms, *evenkeel.Error) {
	return b.edge.Admit(ctx, r.By, r.Client, r.Channel, r.Token)
}

func (b backend) Publish(r realtime.PublishRequest) *evenkeel.Error {
	history, err := b.edge.MayPublish(r.By, r.Channel, r.Signed)
	if err != nil {
		return err
	}
	keep := realtime.Keep{Size: int(history.Size), Bytes: int(history.Bytes), Age: history.Age.Std()}
	b.realtime.Live(r.Channel, r.Data, r.Info, keep)
	return nil
}

// asRefusal returns the error as one with a code.
func asRefusal(err error) *evenkeel.Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*evenkeel.Error); ok { //nolint:errorlint // the desk's reads return it as it is
		return e
	}
	return evenkeel.Errorf(evenkeel.CodeInternal, "%v", err)
}

func (b backend) Call(id realtime.ClientID, method string, params []byte, reply func([]byte, *evenkeel.Error)) {
	b.edge.Call(edge.ClientID(id), method, params, reply)
}

func (b backend) Connected(id realtime.ClientID, c realtime.Client) {
	who := edge.Identity{
		Principal: c.Principal, Role: c.Role, Name: c.Name, Login: c.Login, Channels: c.Channels, Present: c.Present, Loopback: c.Loopback,
	}
	b.edge.Connected(edge.ClientID(id), who, func(code uint32, reason string) { b.realtime.Disconnect(id, code, reason) })
}

func (b backend) Disconnected(id realtime.ClientID) { b.edge.Disconnected(edge.ClientID(id)) }
