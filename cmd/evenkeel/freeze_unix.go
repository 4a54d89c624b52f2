//go:build unix

package main

import (
	"os"
	"syscall"
)

// freezeProcess stops a process where it is, or lets it go on.
func freezeProcess(p *os.Process, frozen bool) error {
	if frozen {
		return p.Signal(syscall.SIGSTOP)
	}
	return p.Signal(syscall.SIGCONT)
}
