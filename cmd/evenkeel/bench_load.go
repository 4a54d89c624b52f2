package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// loader is one connection of the load: a client of the realtime protocol
// reduced to what chat.send needs, so that the generator takes as little as
// possible of the machine that it shares with the server. Frames are copied
// from a template; each message of replies is answered by one message with as
// many new commands, which the protocol allows.
type loader struct {
	*phone
	depth int      // commands in flight
	chats []string // written to in turn, each up to its limit
	text  string
	name  string // makes its message ids unique

	sent  [256]time.Time
	out   []byte
	phase *atomic.Int32
	took  latencies
}

// The phases of a step. Commands count if they are answered while it measures.
const (
	phaseWarm int32 = iota
	phaseMeasure
	phaseEnd
)

// perChat is how many messages a loader writes to one chat: less than the limit
// of 10,000.
const perChat = 9900

// dialLoader opens a connection and has it let in.
func dialLoader(ctx context.Context, address, token string) (*loader, error) {
	p, err := dialPhone(ctx, address, token, 32<<10)
	if err != nil {
		return nil, err
	}
	return &loader{phone: p}, nil
}

// run keeps depth commands in flight until the phase says that it is over, and
// then takes the answers that are missing.
func (l *loader) run() error {
	flying := 0
	for range l.depth {
		if err := l.command(); err != nil {
			return err
		}
		flying++
	}
	for {
		if len(l.out) > 0 {
			if err := l.ws.WriteMessage(websocket.TextMessage, l.out); err != nil {
				return err
			}
			l.out = l.out[:0]
		}
		if flying == 0 {
			return nil
		}
		if err := l.read(); err != nil {
			return err
		}
		now, phase := time.Now(), l.phase.Load()
		for frame := range bytes.SplitSeq(l.in.Bytes(), []byte{'\n'}) {
			switch id, err := replyID(frame); {
			case err != nil:
				return err
			case id == 0 && len(frame) == 2: // a ping
				l.add("{}")
			case id != 0:
				if phase == phaseMeasure {
					l.took.add(now.Sub(l.sent[id%256]))
				}
				flying--
			}
		}
		for ; phase != phaseEnd && flying < l.depth; flying++ {
			if err := l.command(); err != nil {
				return err
			}
		}
	}
}

// replyID reads the id of a reply: 0 if the frame is none.
func replyID(frame []byte) (uint32, error) {
	rest, ok := bytes.CutPrefix(frame, []byte(`{"id":`))
	if !ok {
		return 0, nil
	}
	id, i := uint32(0), 0
	for ; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
		id = id*10 + uint32(rest[i]-'0')
	}
	if bytes.HasPrefix(rest[i:], []byte(`,"error"`)) {
		return 0, fmt.Errorf("a command was refused: %s", frame)
	}
	return id, nil
}

func (l *loader) add(frame string) {
	if len(l.out) > 0 {
		l.out = append(l.out, '\n')
	}
	l.out = append(l.out, frame...)
}

// command appends the next chat.send to what is written next.
func (l *loader) command() error {
	l.next++
	chat := int(l.next) / perChat
	if chat >= len(l.chats) {
		return errors.New("the chats of the load are full: measure for a shorter time")
	}
	if len(l.out) > 0 {
		l.out = append(l.out, '\n')
	}
	l.out = append(l.out, `{"id":`...)
	l.out = strconv.AppendUint(l.out, uint64(l.next), 10)
	l.out = append(l.out, `,"rpc":{"method":"chat.send","data":{"id":"`...)
	l.out = append(l.out, l.name...)
	l.out = strconv.AppendUint(l.out, uint64(l.next), 10)
	l.out = append(l.out, `","chat":"`...)
	l.out = append(l.out, l.chats[chat]...)
	l.out = append(l.out, `","text":"`...)
	l.out = append(l.out, l.text...)
	l.out = append(l.out, `"}}}`...)
	l.sent[l.next%256] = time.Now()
	return nil
}

// measure runs all loaders: first a warm-up, then the time that counts, around
// which mark is called. It returns the latencies of all.
func measure(ctx context.Context, loaders []*loader, warm, span time.Duration, mark func()) (*latencies, time.Duration, error) {
	var phase atomic.Int32
	var tasks sync.WaitGroup
	failed := make(chan error, len(loaders))
	for _, l := range loaders {
		l.phase = &phase
		tasks.Go(func() {
			if err := l.run(); err != nil {
				failed <- err
			}
		})
	}
	var err error
	wait := func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		if err == nil {
			select {
			case <-timer.C:
			case <-ctx.Done():
				err = ctx.Err()
			case err = <-failed:
			}
		}
	}
	wait(warm)
	mark()
	began := time.Now()
	phase.Store(phaseMeasure)
	wait(span)
	phase.Store(phaseEnd)
	took := time.Since(began)
	mark()
	if err != nil {
		for _, l := range loaders {
			_ = l.ws.Close() // so that its run ends
		}
	}
	tasks.Wait()
	all := &latencies{}
	for _, l := range loaders {
		all.merge(&l.took)
	}
	select {
	case late := <-failed:
		err = errors.Join(err, late)
	default:
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the server closed a connection: %w", err)
	}
	return all, took, err
}
