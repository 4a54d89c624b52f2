package node

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// TestPastChatsInPages: the pages of a customer's past chats go from the desk into
// the archive without a hole, a double or a change of order.
func TestPastChatsInPages(t *testing.T) {
	w := newTown(t)
	defer stopNode(t, w.n)
	cat, id := w.visitor()
	var held []string
	for range 5 {
		held = append([]string{w.closed(cat, "about a parcel")}, held...)
	}
	w.left(held[0])
	stranger, _ := w.visitor()
	w.left(w.closed(stranger, "nobody's business"))
	for _, limit := range []string{"1", "2", "5"} {
		var seen []string
		for cursor := ""; ; {
			page := w.ask("GET", "/v1/customers/"+id+"/chats?limit="+limit+"&cursor="+cursor, w.admin, 200, nil)
			for _, item := range page["items"].([]any) {
				seen = append(seen, item.(map[string]any)["id"].(string))
			}
			next, more := page["next"].(string)
			if !more {
				break
			}
			if cursor = next; len(seen) > len(held) {
				break
			}
		}
		if strings.Join(seen, " ") != strings.Join(held, " ") {
			t.Errorf("pages of %s give %v, want %v", limit, seen, held)
		}
	}
}

// TestArchivedChatOverRealtime: what may be done to a chat that has left the desk may
// be done by RPC, once for each id, and by those only who may.
func TestArchivedChatOverRealtime(t *testing.T) {
	w := newTown(t)
	defer stopNode(t, w.n)
	cat, _ := w.visitor()
	chat := w.closed(cat, "all is well")
	w.left(chat)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	call := func(token, method string, params map[string]any) (map[string]any, error) {
		c, err := client.New(client.Config{URL: w.n.URL(), Token: token})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn, err := c.Connect(ctx, client.ConnConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var result map[string]any
		err = conn.Call(ctx, method, params, &result)
		return result, err
	}
	if _, err := call(cat, "chat.rate", map[string]any{"id": "rate-1", "chat": chat, "score": 5}); err != nil {
		t.Errorf("its customer rates it: %v", err)
	}
	note := map[string]any{"id": "note-1", "chat": chat, "text": "a friend of the house", "kind": "note"}
	for range 2 {
		if sent, err := call(w.admin, "chat.send", note); err != nil || sent["number"] != 1.0 {
			t.Errorf("staff notes %v, %v", sent, err)
		}
	}
	if _, err := call(cat, "chat.send", map[string]any{"id": "late", "chat": chat, "text": "one more"}); err == nil {
		t.Error("a chat that is over was written in")
	}
	stranger, _ := w.visitor()
	if _, err := call(stranger, "chat.rate", map[string]any{"id": "rate-2", "chat": chat, "score": 1}); err == nil {
		t.Error("a stranger rated it")
	}
	got := w.ask("GET", "/v1/chats/"+chat, w.admin, 200, nil)
	if got["rating"].(map[string]any)["score"] != 5.0 {
		t.Errorf("staff is shown %v", got)
	}
	if m := w.ask("GET", "/v1/chats/"+chat+"/messages", w.admin, 200, nil); len(m["items"].([]any)) != 2 {
		t.Errorf("staff reads %v", m)
	}
}

// TestExportThatNobodyReads: whoever goes away in the middle of an export leaves
// nothing behind (TestMain looks for goroutines), and the next one is whole.
func TestExportThatNobodyReads(t *testing.T) {
	w := newTown(t)
	defer stopNode(t, w.n)
	cat, id := w.visitor()
	chat := w.ask("POST", "/v1/chats", cat, 201, map[string]any{"message": "long"})["chat"].(map[string]any)["id"].(string)
	const messages = 200
	for range messages { // more than sockets hold on the way
		w.ask("POST", "/v1/chats/"+chat+"/messages", w.admin, 201, map[string]any{"text": strings.Repeat("€", 10000)})
	}
	w.ask("POST", "/v1/chats/"+chat+"/close", cat, 200, map[string]any{})
	w.left(chat)
	before := w.n.archive.Status()
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", w.n.URL()+"/v1/archive/export?customer="+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.admin)
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 1000)); err != nil {
			t.Errorf("an export begins with %v", err)
		}
		cancel()
		_ = resp.Body.Close() // it was cut
	}
	if status, body := w.get("/v1/archive/export?customer="+id, w.admin); status != 200 || strings.Count(body, "€") != (messages+1)*10000 { // the chat shows its last message, too
		t.Errorf("the export behind them: %d, %d bytes, %d signs", status, len(body), strings.Count(body, "€"))
	}
	w.left(w.closed(cat, "afterwards"))
	if after := w.n.archive.Status(); after.State != before.State {
		t.Errorf("the archive is %+v", after)
	}
}
