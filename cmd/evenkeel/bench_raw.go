package main

import (
	"errors"
	"fmt"
	"io"
	"net"
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

// rawAsked is the same for a program that is asked: each group comes over a
// connection of its own machine and is answered when it is on the disk. A server
// cannot take less; and a machine that rests between two writes takes longer for
// each than one that writes all the time.
func rawAsked(dir string, size, group int, span time.Duration) (*latencies, error) {
	path, err := os.MkdirTemp(dir, "evenkeel-raw-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the baseline: %w", err)
	}
	took := &latencies{}
	err = rawServed(path, make([]byte, size*group), func(ask func() error) error {
		for began := time.Now(); time.Since(began) < span; {
			asked := time.Now()
			if err := ask(); err != nil {
				return err
			}
			took.add(time.Since(asked))
		}
		return nil
	})
	return took, errors.Join(err, os.RemoveAll(path))
}

// rawServed runs the server for as long as use asks it.
func rawServed(path string, data []byte, use func(ask func() error) error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the baseline: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- rawServe(listener, path, len(data)) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err == nil {
		answer := make([]byte, 1)
		err = use(func() error {
			if _, err := conn.Write(data); err != nil {
				return err
			}
			_, err := io.ReadFull(conn, answer)
			return err
		})
		err = errors.Join(err, conn.Close())
	}
	return errors.Join(err, listener.Close(), <-served)
}

func rawServe(listener net.Listener, path string, size int) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	err = rawTake(conn, path, make([]byte, size))
	return errors.Join(err, conn.Close())
}

// rawTake writes and answers until nothing more comes.
func rawTake(conn net.Conn, path string, data []byte) error {
	file, err := rawFile(path)
	if err != nil {
		return err
	}
	at := int64(0)
	for err == nil {
		if _, err = io.ReadFull(conn, data); err != nil {
			break
		}
		if at+int64(len(data)) > rawRoom {
			at = 0
		}
		if _, err = file.WriteAt(data, at); err == nil {
			err = file.Sync()
		}
		if at += int64(len(data)); err == nil {
			_, err = conn.Write(data[:1])
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

func rawFile(path string) (journal.File, error) {
	fs, err := journal.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return fs.Create("raw", rawRoom)
}

func rawIn(path string, data []byte, span time.Duration) (*latencies, error) {
	file, err := rawFile(path)
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
