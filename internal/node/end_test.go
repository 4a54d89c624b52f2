package node

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// brokenDisk is a disk whose writes can be made to fail.
type brokenDisk struct {
	journal.FS
	broken atomic.Bool
}

type brokenFile struct {
	journal.File
	disk *brokenDisk
}

var errBroken = errors.New("input/output error")

func (d *brokenDisk) Create(name string, size int64) (journal.File, error) {
	f, err := d.FS.Create(name, size)
	return &brokenFile{f, d}, err
}

func (d *brokenDisk) Open(name string) (journal.File, error) {
	f, err := d.FS.Open(name)
	return &brokenFile{f, d}, err
}

func (f *brokenFile) Sync() error {
	if f.disk.broken.Load() {
		return errBroken
	}
	return f.File.Sync()
}

// TestBrokenDisk: a node whose disk fails acknowledges nothing more and comes to
// its end with the reason.
func TestBrokenDisk(t *testing.T) {
	disk := &brokenDisk{}
	n := startOnDisk(t, func(fs journal.FS) journal.FS { disk.FS = fs; return disk })
	disk.broken.Store(true)
	status, answer := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"start": n.FirstRun().StartToken})
	if status != http.StatusServiceUnavailable {
		t.Errorf("a login that could not be written: %d %v", status, answer)
	}
	select {
	case <-n.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the node goes on without a disk")
	}
	if err := n.Err(); err == nil || !strings.Contains(err.Error(), "the replica cannot go on") || !errors.Is(err, errBroken) {
		t.Errorf("it ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestStopSendsClientsAway: a client learns that it is to come back, elsewhere
// or here, and the stop does not wait for it.
func TestStopSendsClientsAway(t *testing.T) {
	n := startNode(t, testConfig(t))
	_, visitor := ask(t, n, "POST", "/v1/visitors", "", map[string]any{})
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr().String()+"/connection/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	connect := map[string]any{"id": 1, "connect": map[string]any{"token": visitor["token"]}}
	if err := conn.WriteJSON(connect); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.ReadMessage(); err != nil || !strings.Contains(string(frame), `"connect":{`) {
		t.Fatalf("connect: %s, error %v", frame, err)
	}
	begin := time.Now()
	stopNode(t, n)
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the stop took %v", took)
	}
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 3001 {
		t.Errorf("the client was sent away with %v, want code 3001", err)
	}
	if err := conn.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Log(err)
	}
}
