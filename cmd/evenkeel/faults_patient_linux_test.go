package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// patient is a real server to which something is done, and a service that talks
// in a chat all the while and remembers what was acknowledged.
type patient struct {
	*crashServer
	service *client.Client
	key     string // the service's
	chat    string
	acked   map[uint64]string // texts by their number
	denied  map[string]bool   // texts that were refused
	said    int
}

// admit starts the server in a directory and begins a chat.
func admit(t *testing.T, binary, dir string, prepare func(s *crashServer)) *patient {
	t.Helper()
	p := &patient{crashServer: newServerOf(t, binary), acked: map[uint64]string{}, denied: map[string]bool{}}
	if dir != "" {
		p.data = filepath.Join(dir, "data")
	}
	if prepare != nil {
		prepare(p.crashServer)
	}
	p.start(t)
	admin := p.client(t, client.Config{})
	if _, err := admin.Login(t.Context(), client.Credentials{Email: adminEmail, Password: crashPassword}); err != nil {
		t.Fatal(err)
	}
	key, err := admin.PutAPIKey(t.Context(), evenkeel.APIKey{ID: "shop", Role: evenkeel.RoleService}, "")
	if err != nil {
		t.Fatal(err)
	}
	p.key = key.Key
	p.service = p.client(t, client.Config{APIKey: p.key, Patience: -1})
	p.chat = p.startChat(t, "carla")
	return p
}

// client makes a client of the server that ends with the test.
func (p *patient) client(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	cfg.URL = "http://" + p.addr
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (p *patient) startChat(t *testing.T, customer string) string {
	t.Helper()
	started, err := p.service.For(client.Behalf{Customer: customer}).StartChat(t.Context(), client.ChatStart{Queue: "general"})
	if err != nil {
		t.Fatal(err)
	}
	return started.Chat.ID
}

// say sends one message of some length, once.
func (p *patient) say(t *testing.T, length int) error {
	t.Helper()
	p.said++
	text := fmt.Sprintf("message %d ", p.said)
	text += strings.Repeat("x", max(0, length-len(text)))
	sent, err := p.service.Send(t.Context(), p.chat, text)
	var refused *evenkeel.Error
	switch {
	case err == nil:
		p.acked[sent.Number] = text
	case errors.As(err, &refused) && refused.Code == evenkeel.CodeDiskFull:
		p.denied[text] = true
	}
	return err
}

// talk sends n messages, which all must be taken.
func (p *patient) talk(t *testing.T, n, length int) {
	t.Helper()
	for range n {
		if err := p.say(t, length); err != nil {
			t.Fatalf("message %d: %v\n%s", p.said, err, p.tail())
		}
	}
}

// check reads the chat: what was acknowledged is there under its number, what
// was refused is nowhere.
func (p *patient) check(t *testing.T) {
	t.Helper()
	found := 0
	for line, err := range p.service.Transcript(t.Context(), p.chat, 0, false) {
		if err != nil {
			t.Fatalf("read the chat: %v\n%s", err, p.tail())
		}
		m := line.Message
		if want, acked := p.acked[m.Number]; acked {
			found++
			if m.Text != want {
				t.Errorf("message %d is %.40q, acknowledged was %.40q", m.Number, m.Text, want)
			}
		}
		if p.denied[m.Text] {
			t.Errorf("%.40q was refused and is there", m.Text)
		}
	}
	if found != len(p.acked) {
		t.Errorf("%d of %d acknowledged messages are there\n%s", found, len(p.acked), p.tail())
	}
}

// until waits for a condition.
func (p *patient) until(t *testing.T, what string, most time.Duration, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	for !holds() {
		if ctx.Err() != nil {
			t.Fatalf("not within %v: %s\n%s", most, what, p.tail())
		}
		wait(ctx, 50*time.Millisecond)
	}
}

// incident tells whether there is one of a kind that is open, or over.
func (p *patient) incident(t *testing.T, kind string, over bool) bool {
	t.Helper()
	var page struct{ Items []evenkeel.Incident }
	if _, err := p.service.Do(t.Context(), client.Request{Method: "GET", Path: "/v1/incidents"}, &page); err != nil {
		t.Fatalf("incidents: %v", err)
	}
	for _, i := range page.Items {
		if i.Kind == kind && (i.Closed != 0) == over {
			return true
		}
	}
	return false
}

// startOrSay starts the server and waits until it is ready, or has ended by
// itself, which it may with exit code 1, and then returns what it said.
func (p *patient) startOrSay(t *testing.T) (ready bool, said string) {
	t.Helper()
	if err := os.Truncate(p.log, 0); err != nil {
		t.Fatal(err)
	}
	p.launch(t)
	p.until(t, "the server is ready or ends", 20*time.Second, func() bool {
		ready = p.ready(t.Context())
		return ready || p.hasEnded(t)
	})
	if ready {
		return true, ""
	}
	_ = p.process.Wait() // the state says how
	if code := p.process.ProcessState.ExitCode(); code != exitFailure {
		t.Errorf("exit code %d, want %d\n%s", code, exitFailure, p.tail())
	}
	p.process = nil
	return false, p.tail()
}

// hasEnded tells whether the process waits for nothing but to be waited for.
func (p *patient) hasEnded(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(state, "Z")
}

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// mayMount tells whether this process may mount a file system.
func mayMount(t *testing.T) bool {
	t.Helper()
	dir := t.TempDir()
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") != nil {
		return false
	}
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	return true
}

// inNamespace runs the disk faults again, as the root of a user namespace, who
// may mount. false: the machine does not allow those either.
func inNamespace(t *testing.T) bool {
	t.Helper()
	again := exec.Command(os.Args[0], "-test.run=^TestDiskFaults$", "-test.v", "-test.timeout=2m")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	again.Env = append(os.Environ(), inside+"=1")
	var out strings.Builder
	again.Stdout, again.Stderr = &out, &out
	if err := again.Start(); err != nil {
		t.Logf("a user namespace: %v", err)
		return false
	}
	if err := again.Wait(); err != nil {
		t.Errorf("in a user namespace: %v", err)
	}
	t.Log(out.String())
	return true
}

// inside is the variable that says: this is the process in the namespace.
const inside = "EVENKEEL_TEST_IN_NAMESPACE"
