package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// group is a control group of the kernel: bounds that a process cannot pass. Both
// versions are known, the old one with a tree for each kind of bound.
type group struct {
	dir string
	old bool
}

// newGroup makes a group for a kind of bound, named as in the new version.
func newGroup(kind, old string) (*group, error) {
	const root = "/sys/fs/cgroup"
	g := &group{dir: filepath.Join(root, old), old: true}
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		g = &group{dir: root}
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+kind), 0o600) // where it is refused, the bound's file will be missing
	}
	g.dir = filepath.Join(g.dir, fmt.Sprintf("evenkeel-%s-%d", kind, os.Getpid()))
	return g, os.Mkdir(g.dir, 0o755)
}

func (g *group) set(name, value string) error {
	f, err := os.OpenFile(filepath.Join(g.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// bound sets a bound, by its name in either version, and lets a process keep to it.
func (g *group) bound(name, value, oldName, oldValue string, pid int) error {
	if g.old {
		name, value = oldName, oldValue
	}
	if err := g.set(name, value); err != nil {
		return err
	}
	return g.set("cgroup.procs", strconv.Itoa(pid))
}

// end lets the processes go and removes the group.
func (g *group) end() {
	b, _ := os.ReadFile(filepath.Join(g.dir, "cgroup.procs")) // who has ended has left it
	for pid := range strings.FieldsSeq(string(b)) {
		_ = (&group{dir: filepath.Dir(g.dir)}).set("cgroup.procs", pid)
	}
	_ = os.Remove(g.dir) // what is left of it bounds nobody
}

// throttle lets a process write to a device so many times a second, until the
// returned function is called.
func throttle(device string, writes, pid int) (free func(), err error) {
	g, err := newGroup("io", "blkio")
	if err != nil {
		return nil, err
	}
	err = g.bound("io.max", fmt.Sprintf("%s wiops=%d", device, writes), "blkio.throttle.write_iops_device", fmt.Sprintf("%s %d", device, writes), pid)
	if err != nil {
		g.end()
		return nil, err
	}
	return sync.OnceFunc(g.end), nil
}

// memoryEnds lets the machine have less memory than the server wants: the kernel
// kills it, in the middle of what it does. All that was acknowledged is there when
// it starts again with more.
func memoryEnds(t *testing.T, binary string) {
	p := admit(t, binary, "", nil)
	p.talk(t, 10, 9000)
	most := p.status(t, "VmRSS") + 24<<20
	if err := p.boundMemory(t, most); err != nil {
		t.Logf("no control group bounds memory here (%v): the address space is bounded instead", err)
		if err := command("prlimit", "--pid", strconv.Itoa(p.process.Process.Pid), fmt.Sprintf("--as=%d", p.status(t, "VmSize")+16<<20)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; !p.hasEnded(t); i++ {
		if i == 9000 {
			t.Fatalf("9,000 messages fit into %d MiB", most>>20)
		}
		_ = p.say(t, 9000) // the one that met the end has no answer
	}
	_ = p.process.Wait() // the state says how
	t.Logf("with %d MiB it ended after %d messages: %v", most>>20, p.said, p.process.ProcessState)
	p.process = nil
	p.start(t)
	p.check(t)
	p.talk(t, 5, 9000)
}

// boundMemory bounds what the server has of the machine, page cache included, which
// the kernel takes back first.
func (p *patient) boundMemory(t *testing.T, most int64) error {
	t.Helper()
	g, err := newGroup("memory", "memory")
	if err != nil {
		return err
	}
	t.Cleanup(g.end)
	bytes := strconv.FormatInt(most, 10)
	return g.bound("memory.max", bytes, "memory.limit_in_bytes", bytes, p.process.Process.Pid)
}
