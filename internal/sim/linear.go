package sim

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// A chat is linearizable: what callers were told of it, and what fresh reads found, on
// whichever nodes, is as if each had been done at one moment between question and
// answer. To the model a chat is how many messages it has. A send makes it the number
// that the sender was told, which nobody has had; a read finds at least what was there.
// (The cell itself says things in between.)

// observed is what somebody asked of a chat: to say something, or how long it is.
type observed struct {
	chat string
	read bool
}

func chatModel() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			var chats []string
			by := map[string][]porcupine.Operation{}
			for _, op := range history {
				id := op.Input.(observed).chat
				if by[id] == nil {
					chats = append(chats, id)
				}
				by[id] = append(by[id], op)
			}
			parts := make([][]porcupine.Operation, 0, len(chats))
			for _, id := range chats {
				parts = append(parts, by[id])
			}
			return parts
		},
		Init: func() any { return uint64(0) },
		Step: func(state, input, output any) (bool, any) {
			has, number := state.(uint64), output.(uint64)
			if input.(observed).read {
				return number >= has, number
			}
			return number > has, number
		},
	}
}

// linearizable holds all that was said and read against the model.
func (w *World) linearizable() {
	history := slices.Clone(w.reads)
	for _, o := range w.ledger.wishes {
		if _, send := o.body.(*evenkeel.ChatSend); !send {
			continue
		}
		at, stands := w.ledger.texts[o.text]
		if !stands {
			continue
		}
		answered := int64(math.MaxInt64) // it was never told, and took effect at some time
		if o.done && o.ok {
			answered = int64(o.answered)
		}
		history = append(history, porcupine.Operation{Input: observed{chat: at.chat}, Call: int64(o.first), Output: at.number, Return: answered})
	}
	w.stats.add("operations held against the model of a chat", int64(len(history)))
	result := porcupine.CheckOperationsTimeout(chatModel(), history, time.Minute)
	w.check(result != porcupine.Illegal, "a chat is linearizable", "%d operations in one order are not", len(history))
}

// freshRead asks for an index from which a read is fresh, and reads a chat there.
func (n *node) freshRead() {
	v := &n.voice
	if v.reads == nil {
		v.reads = map[uint64]freshRead{}
	}
	v.lastRead++
	read := freshRead{floor: n.w.acked, asked: n.w.now}
	if chats := n.w.model.order; len(chats) > 0 {
		read.chat = pick(n.w.rng, chats...).id
	}
	v.reads[v.lastRead] = read
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, n.number), v.lastRead)
	n.tell(func() { n.core.ReadIndex(key) })
}

// freshRead is what a reader wants to know, and what was acknowledged when he asked.
type freshRead struct {
	floor uint64
	asked time.Duration
	chat  string
}

// read takes an answer: all that anybody was told before the question is in it.
func (v *memberShell) read(n *node, r replica.Read) {
	n.w.check(len(r.Context) == 16, "a read is answered as it was asked", "%x", r.Context)
	read, known := v.reads[binary.BigEndian.Uint64(r.Context[8:])]
	if !known || binary.BigEndian.Uint64(r.Context) != n.number {
		return
	}
	n.w.stats.add("fresh reads", 1)
	n.w.check(r.Index >= read.floor, "a fresh read has all that was answered", "%s may read at %d, and %d was acknowledged before", n.id(), r.Index, read.floor)
	n.readAt(r.Index, read)
}

// readAt reads as soon as the desk has come to an index.
func (n *node) readAt(index uint64, read freshRead) {
	if n.applier.Applied() < index {
		n.after(5*time.Millisecond, func() { n.readAt(index, read) })
		return
	}
	chat, err := n.desk().Chat(admin(), read.chat)
	if err != nil {
		return // it has left the desk, or is not there yet
	}
	n.w.reads = append(n.w.reads, porcupine.Operation{
		Input: observed{chat: read.chat, read: true}, Call: int64(read.asked), Output: chat.Messages, Return: int64(n.w.now),
	})
}

// look has nodes read now and then.
func (w *World) look() {
	if !w.several() {
		return
	}
	w.after(w.around(700*time.Millisecond), func() {
		if n := pick(w.rng, w.members()...); n.reachable() && !w.calm {
			n.freshRead()
		}
		w.look()
	})
}
