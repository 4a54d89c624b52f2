package bus

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// FuzzTake: whatever comes, nothing is handled but what a known process has sealed.
func FuzzTake(f *testing.F) {
	cfg := Config{Cell: "cell-test", Generation: "g1", Key: make([]byte, 32)}
	boot := make([]byte, bootBytes)
	s, err := newSealer(&cfg, boot)
	if err != nil {
		f.Fatal(err)
	}
	good := s.seal("cell-test.g1.a", 2, 1, []byte("x"))
	f.Add(good[:headBytes])
	f.Add(good[:len(good)-1])
	f.Add(append([]byte{2}, good[1:]...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		b := &Bus{cfg: cfg, peers: map[uint64]*peer{2: {sealer: s}}}
		b.Subscribe("a", func(_ uint64, payload []byte) { t.Errorf("%x was taken as %x", message, payload) })
		b.topics[0].take(&nats.Msg{Data: message})
		if d := b.State().Dropped; d.Forged+d.Unknown != 1 {
			t.Errorf("%x was counted as %+v", message, d)
		}
	})
}
