package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// rawRoom is the length of the file that the baseline writes to; then it begins
// at its start again.
const rawRoom = 32 << 20

// raw writes and syncs groups of commands of size bytes for a while: what the
// disk gives to a program that does nothing else. The room is allocated before,
// as the journal does it, which makes the syncs as short as they can be.
func raw(dir string, size, group int, span time.Duration) (*latencies, error) {
	path, err := os.MkdirTemp(dir, "evenkeel-raw-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the baseline: %w", err)
	}
	took, err := rawIn(path, make([]byte, size*group), span)
	return took, errors.Join(err, os.RemoveAll(path))
}

func rawIn(path string, data []byte, span time.Duration) (*latencies, error) {
	fs, err := journal.OpenDir(path)
	if err != nil {
		return nil, err
	}
	file, err := fs.Create("raw", rawRoom)
	if err != nil {
		return nil, err
	}
	for i := range data {
		data[i] = byte(i)
	}
	took := &latencies{}
	began, at := time.Now(), int64(0)
	for last := began; last.Sub(began) < span; {
		if at+int64(len(data)) > rawRoom {
			at = 0
		}
		if _, err := file.WriteAt(data, at); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if err := file.Sync(); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		at += int64(len(data))
		now := time.Now()
		took.add(now.Sub(last))
		last = now
	}
	return took, file.Close()
}

// entryBytes is how long the log entry of one command of the load is.
func entryBytes(text string) (int, error) {
	command, err := desk.EncodeCommand(nil, &evenkeel.Command{
		By: evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: "bench-0"},
		ID: "b0-123456", Session: evenkeel.SessionID{Incarnation: 1, Number: 10}, Seq: 123456,
		Body: &evenkeel.ChatSend{Chat: "c10", Text: text, Type: evenkeel.MessageText},
	})
	if err != nil {
		return 0, err
	}
	return len(desk.AppendEntry(nil, desk.EntryHeader{Time: 1 << 20}, [][]byte{command})), nil
}
