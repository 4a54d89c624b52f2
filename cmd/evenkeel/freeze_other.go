//go:build !unix

package main

import (
	"errors"
	"os"
)

// freezeProcess is for systems on which a process can be stopped from outside.
func freezeProcess(*os.Process, bool) error {
	return errors.New("processes cannot be frozen on this system")
}
