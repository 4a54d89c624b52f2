package node

import (
	"bytes"
	"database/sql"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// town is a node on which closed chats leave as soon as they are archived.
type town struct {
	t     *testing.T
	n     *Node
	cfg   Config
	admin string
}

func newTown(t *testing.T, change ...func(*Config)) *town {
	w := &town{t: t, cfg: testConfig(t)}
	for _, c := range change {
		c(&w.cfg)
	}
	host := testHost(t)
	host.AdminPassword = "correct horse"
	var err error
	if w.n, err = Start(t.Context(), w.cfg, host); err != nil {
		t.Fatal(err)
	}
	limits := evenkeel.DefaultLimits()
	limits.Linger = 100 * evenkeel.Millisecond
	w.do(&evenkeel.LimitsSet{Limits: limits})
	login := w.ask("POST", "/v1/auth/login", "", 200, map[string]any{"email": adminEmail, "password": "correct horse"})
	w.admin = login["token"].(string)
	return w
}

func (w *town) do(body evenkeel.Body) {
	w.t.Helper()
	if _, err := w.n.do(w.t.Context(), body); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) ask(method, path, token string, status int, body any) map[string]any {
	w.t.Helper()
	got, answer := ask(w.t, w.n, method, path, token, body)
	if got != status {
		w.t.Fatalf("%s %s: %d %v", method, path, got, answer)
	}
	return answer
}

func (w *town) visitor() (token, id string) {
	v := w.ask("POST", "/v1/visitors", "", 200, nil)
	return v["token"].(string), v["visitor"].(string)
}

// closed makes a chat that its customer closes, with one message.
func (w *town) closed(token, text string) string {
	w.t.Helper()
	chat := w.ask("POST", "/v1/chats", token, 201, map[string]any{"message": text})["chat"].(map[string]any)["id"].(string)
	w.ask("POST", "/v1/chats/"+chat+"/close", token, 200, map[string]any{})
	return chat
}

func (w *town) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			w.t.Fatalf("waited in vain: %s; %+v, %+v", what, w.state(), w.n.archive.Status())
		}
	}
}

func (w *town) state() (s evenkeel.ArchiveState) {
	w.n.replica.View(func(d *desk.Desk) { s = d.ArchiveState() })
	return s
}

// left waits until a chat is in the archive only.
func (w *town) left(chat string) {
	w.t.Helper()
	w.until(chat+" leaves", func() (gone bool) {
		w.n.replica.View(func(d *desk.Desk) { gone = d.Archived(chat) })
		return gone
	})
}

// hears waits until the operator is told of an incident.
func (w *town) hears(kind string) {
	w.t.Helper()
	w.until("the incident "+kind, func() (open bool) {
		w.n.replica.View(func(d *desk.Desk) { open = d.IncidentOpen(kind, w.n.name) })
		return open
	})
}

func (w *town) file() string { return filepath.Join(w.cfg.Data, archiveDir, archiveFile) }

func (w *town) get(path, token string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.n.URL()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestArchivedChat: a chat that has left the desk is read by the paths of a live
// one, found by its words, judged and annotated, exported, and erased.
func TestArchivedChat(t *testing.T) {
	w := newTown(t)
	defer stopNode(t, w.n)
	cat, id := w.visitor()
	chat := w.closed(cat, "My parcel is lost")
	w.left(chat)

	if c := w.ask("GET", "/v1/chats/"+chat, cat, 200, nil); c["state"] != "closed" || c["tags"] != nil {
		t.Errorf("its customer is shown %v", c)
	}
	w.ask("POST", "/v1/chats/"+chat+"/rating", cat, 200, map[string]any{"score": 4, "comment": "slow"})
	w.ask("POST", "/v1/chats/"+chat+"/wrapup", w.admin, 200, map[string]any{"tags": []string{"parcel"}})
	note := map[string]any{"text": "sent again", "kind": "note", "id": "note-1"}
	first := w.ask("POST", "/v1/chats/"+chat+"/messages", w.admin, 201, note)
	if again := w.ask("POST", "/v1/chats/"+chat+"/messages", w.admin, 201, note); first["number"] != 1.0 || again["number"] != 1.0 {
		t.Errorf("a note is written as %v and then %v", first, again)
	}
	w.ask("PATCH", "/v1/chats/"+chat, w.admin, 409, map[string]any{"priority": 3})
	if c := w.ask("GET", "/v1/chats/"+chat, w.admin, 200, nil); c["rating"].(map[string]any)["score"] != 4.0 || len(c["tags"].([]any)) != 1 {
		t.Errorf("staff is shown %v", c)
	}
	if m := w.ask("GET", "/v1/chats/"+chat+"/messages", w.admin, 200, nil); len(m["items"].([]any)) != 2 {
		t.Errorf("staff reads %v", m)
	}
	if m := w.ask("GET", "/v1/chats/"+chat+"/messages", cat, 200, nil); len(m["items"].([]any)) != 1 {
		t.Errorf("the customer reads %v", m)
	}

	stranger, _ := w.visitor()
	w.ask("GET", "/v1/chats/"+chat, stranger, 404, nil)
	w.ask("GET", "/v1/chats/"+chat+"/messages", stranger, 404, nil)
	w.ask("GET", "/v1/chats/"+chat+"/export", stranger, 404, nil)
	w.ask("POST", "/v1/chats/"+chat+"/rating", stranger, 404, map[string]any{"score": 1})
	w.ask("GET", "/v1/chats/c9999", cat, 404, nil)

	found := w.ask("GET", "/v1/archive/chats?q=parcel&tag=parcel&score=4&customer="+id, w.admin, 200, nil)["items"].([]any)
	if len(found) != 1 || len(found[0].(map[string]any)["highlights"].([]any)) == 0 {
		t.Errorf("the search finds %v", found)
	}
	for path, token := range map[string]string{"/v1/customers/" + id + "/chats": w.admin, "/v1/chats?state=closed": cat} {
		if past := w.ask("GET", path, token, 200, nil)["items"].([]any); len(past) != 1 {
			t.Errorf("%s gives %v", path, past)
		}
	}
	for path, want := range map[string]string{
		"/v1/chats/" + chat + "/export": "My parcel is lost\n", "/v1/chats/" + chat + "/export?format=ndjson": "sent again",
		"/v1/chats/" + chat + "/export?format=json": "sent again", "/v1/archive/export?customer=" + id: "My parcel is lost",
	} {
		if status, body := w.get(path, w.admin); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, body := w.get("/v1/chats/"+chat+"/export", cat); strings.Contains(body, "sent again") {
		t.Errorf("the customer's export has a note: %s", body)
	}

	receipt := w.ask("DELETE", "/v1/customers/"+id, w.admin, 200, nil)
	if receipt["chats"] != 1.0 || receipt["operation"] == 0.0 {
		t.Errorf("the receipt is %v", receipt)
	}
	if _, body := w.get("/v1/chats/"+chat+"/export", w.admin); strings.Contains(body, "parcel is") || strings.Contains(body, "slow") {
		t.Errorf("after the erasure: %s", body)
	}
}

func (w *town) removeArchive() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.file() + suffix); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
}

// TestArchiveLocked: another program holds the file; closed chats stay in the
// desk and are read there, and leave when it lets go.
func TestArchiveLocked(t *testing.T) {
	w := newTown(t)
	defer stopNode(t, w.n)
	cat, _ := w.visitor()
	w.left(w.closed(cat, "before"))
	db, err := sql.Open("sqlite", w.file())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	chat := w.closed(cat, "meanwhile")
	w.until("the copy says that it is locked", func() bool { return w.n.archive.Status().State == evenkeel.CopyFailed.String() })
	if c := w.ask("GET", "/v1/chats/"+chat, cat, 200, nil); c["state"] != "closed" {
		t.Errorf("meanwhile: %v", c)
	}
	if w.state().Dropped != 1 {
		t.Errorf("a chat left without a copy: %+v", w.state())
	}
	w.ask("GET", "/readyz", "", 200, nil)
	if _, err := db.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	w.left(chat)
	w.ask("GET", "/v1/chats/"+chat, cat, 200, nil)
}

// TestArchiveFails: whatever happens to the file, chats go on, and afterwards the
// backlog is archived.
func TestArchiveFails(t *testing.T) {
	for name, harm := range map[string]func(w *town){
		"deleted": func(w *town) { w.removeArchive() },
		"damaged": func(w *town) {
			stopNode(w.t, w.n)
			w.removeArchive()
			if err := os.WriteFile(w.file(), bytes.Repeat([]byte("no database "), 4096), 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.n = startNode(w.t, w.cfg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			defer func() { stopNode(t, w.n) }()
			cat, _ := w.visitor()
			before := w.closed(cat, "before")
			w.left(before)
			harm(w)
			after := w.closed(cat, "after")
			w.left(after)
			if c := w.ask("GET", "/v1/chats/"+after, cat, 200, nil); c["state"] != "closed" {
				t.Errorf("after it: %v", c)
			}
			// What was only in the file is not there any more, and that is not called
			// a chat that never was.
			w.ask("GET", "/v1/chats/"+before, cat, 503, nil)
			status := w.ask("GET", "/v1/cell", w.admin, 200, nil)["nodes"].([]any)[0].(map[string]any)["archive"].(map[string]any)
			if status["detail"] == nil {
				t.Errorf("the status says nothing of it: %v", status)
			}
			w.hears(evenkeel.IncidentArchive)
		})
	}
}

// TestNoArchive: a node without one tells the cell, and old chats are just gone.
func TestNoArchive(t *testing.T) {
	w := newTown(t)
	cat, _ := w.visitor()
	chat := w.closed(cat, "hello")
	w.left(chat)
	stopNode(t, w.n)
	w.cfg.Archive = archiveNone
	w.n = startNode(t, w.cfg)
	defer func() { stopNode(t, w.n) }()
	if w.state().On {
		t.Error("the cell archives without a copy")
	}
	w.ask("GET", "/v1/chats/"+chat, cat, 404, nil)
	w.ask("GET", "/v1/archive/chats", w.admin, 503, nil)
}
