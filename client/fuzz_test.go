package client

import (
	"encoding/json"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// FuzzFrame lets the server say anything: what is read of it is a frame, an
// error with a code, or nothing.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"id":1,"connect":{"client":"c","ping":25,"subs":{"agent:ann":{"recovered":true,"publications":[{"data":{"type":"offer"},"offset":3}]}}}}`))
	f.Add([]byte(`{"id":2,"error":{"code":1000,"message":"not_found: there is no such chat"}}`))
	f.Add([]byte(`{"push":{"channel":"chat:c1","pub":{"data":{"type":"message","message":{"number":18446744073709551615}},"offset":1}}}`))
	f.Add([]byte(`{"push":{"channel":"chat:c1","pub":{"data":{"tye":"message","message":{"number":1}},"offset":1}}}`))
	f.Add([]byte(`{"push":{"channel":"chat:c1","pub":{"data":{"type":"message"},"offset":1}}}`))
	f.Add([]byte(`{"push":{"channel":"x","unsubscribe":{"code":2500}}}`))
	f.Add([]byte(`{"id":4294967296}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var fr frame
		if json.Unmarshal(b, &fr) != nil {
			return
		}
		if err := fr.Error.err(); (err == nil) != (fr.Error == nil) {
			t.Fatalf("%q: the error is %v", b, err)
		}
		var all []item
		for _, reply := range []*subReply{fr.Sub, pushed(&fr)} {
			if reply != nil {
				all = append(all, reply.Publications...)
			}
		}
		if fr.Push != nil && fr.Push.Pub != nil {
			all = append(all, *fr.Push.Pub)
		}
		for _, i := range all {
			p := person{told: map[string]uint64{}}
			u, ok := p.read(&Event{Channel: "chat:c1", Data: i.Data}, "c1")
			if ok && (u.Kind == "" || u.Type == evenkeel.PubMessage && u.Message == nil) {
				t.Fatalf("%s is an update of no kind, or one without what it is of", i.Data)
			}
		}
	})
}

func pushed(f *frame) *subReply {
	if f.Push == nil {
		return nil
	}
	return f.Push.Subscribe
}
