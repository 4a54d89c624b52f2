package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/client"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/node"
)

// passphraseOptions say the words under which the cell key lies in a backup.
type passphraseOptions struct {
	PassphraseFile string `name:"passphrase-file" placeholder:"FILE" help:"File whose first line is the passphrase; else EVENKEEL_BACKUP_PASSPHRASE is it."`
}

const envPassphrase = "EVENKEEL_BACKUP_PASSPHRASE"

func (o *passphraseOptions) read(env *environment) (string, error) {
	text, ok := env.env(envPassphrase)
	if o.PassphraseFile != "" {
		content, err := os.ReadFile(o.PassphraseFile)
		if err != nil {
			return "", usageError(fmt.Sprintf("the passphrase cannot be read: %v", err))
		}
		text, _, _ = strings.Cut(string(content), "\n")
		text, ok = strings.TrimSuffix(text, "\r"), true
	}
	switch {
	case !ok || text == "":
		return "", usageError("a backup needs a passphrase: set " + envPassphrase + ", or name a file with --passphrase-file")
	case len(text) < backup.MinPassphrase:
		return "", usageError(fmt.Sprintf("the passphrase must have at least %d bytes: it is all that keeps the cell's secrets in a backup", backup.MinPassphrase))
	}
	return text, nil
}

// backupVerb is `evenkeel backup`.
type backupVerb struct {
	cellOptions
	passphraseOptions
	File string `arg:"" help:"The file to make; it must not be there yet."`
}

func (v *backupVerb) Help() string {
	return "The cell goes on meanwhile. The backup has all that was acknowledged before it began. It is checked before it gets its name."
}

// backedUp is the JSON form of what was made.
type backedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	backup.Header
}

func (v *backupVerb) Run(env *environment) error {
	passphrase, err := v.read(env)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(v.File); !errors.Is(err, fs.ErrNotExist) {
		return usageError(v.File + " is there already, and nothing is overwritten: choose another name")
	}
	return v.talk(func(ctx context.Context, c *client.Client) error {
		made, err := v.fetch(ctx, c, passphrase)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, made)
		}
		fmt.Fprintf(env.stdout, "%s: %d bytes, of cell %s as of entry %d, %s. It was read back and is whole.\n", v.File, made.Bytes, made.Cell, made.Index, with(made.Archive))
		fmt.Fprintln(env.stdout, "Keep the passphrase in another place than the file: without it nobody can restore it.")
		return nil
	})
}

func with(archive bool) string {
	if archive {
		return "with the archive"
	}
	return "without an archive, for the node keeps none"
}

// fetch writes the backup under another name, reads it back, and gives it its
// own. After an error nothing is left.
func (v *backupVerb) fetch(ctx context.Context, c *client.Client, passphrase string) (made *backedUp, err error) {
	part := v.File + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there: another backup is being written, or was cut off; remove it if none runs", part)
	} else if err != nil {
		return nil, fmt.Errorf("make the backup's file: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(part, v.File)
		}
		if err != nil {
			made, err = nil, errors.Join(err, os.Remove(part))
		}
	}()
	response, err := c.Stream(ctx, client.Request{Method: "POST", Path: "/v1/backup", Body: map[string]string{"passphrase": passphrase}})
	if err != nil {
		return nil, err
	}
	size, err := io.Copy(f, response.Body)
	// A cut stream is told by what is in the file: it may say why.
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if _, back := f.Seek(0, io.SeekStart); back != nil {
		return nil, errors.Join(err, back)
	}
	header, bad := backup.Verify(f, passphrase)
	if bad != nil {
		return nil, errors.Join(bad, err)
	}
	return &backedUp{File: v.File, Bytes: size, Header: header}, errors.Join(err, f.Sync())
}

// restoreVerb is `evenkeel restore`.
type restoreVerb struct {
	passphraseOptions
	File string `arg:"" help:"The backup."`
	Data string `name:"data" required:"" placeholder:"DIR" help:"Where to: a directory that is empty or not there."`
	JSON bool   `name:"json" help:"Print JSON, for programs."`
}

func (v *restoreVerb) Help() string {
	return "It makes the data directory of a cell of one node. Nothing is written before all of the backup was checked, and nothing is overwritten."
}

// restored is the JSON form of what was made.
type restored struct {
	Data  string `json:"data"`
	Fresh string `json:"new_generation"`
	Chats int64  `json:"chats_in_desk"`
	backup.Header
}

func (v *restoreVerb) Run(env *environment) error {
	passphrase, err := v.read(env)
	if err != nil {
		return err
	}
	f, err := os.Open(v.File)
	if err != nil {
		return usageError(fmt.Sprintf("the backup cannot be read: %v", err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	r, err := node.Restore(ctx, f, passphrase, v.Data, rand.Reader)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s was not restored, and nothing was written: %w", v.File, err)
	}
	if v.JSON {
		return json.NewEncoder(env.stdout).Encode(restored{Data: v.Data, Fresh: r.Fresh, Chats: r.Chats, Header: r.Header})
	}
	data, err := filepath.Abs(v.Data)
	if err != nil {
		data = v.Data
	}
	fmt.Fprintf(env.stdout, "Restored in %s: cell %s as it was at entry %d, %s (%s).\n", time.Since(began).Round(time.Millisecond), r.Cell, r.Index, r.Made, with(r.Archive))
	fmt.Fprintf(env.stdout, "  What was acknowledged after that is not in it. Its generation is new (%s): clients that\n", r.Fresh)
	fmt.Fprintln(env.stdout, "  come back are told so and fetch their state. Passwords, logins and keys are those of the backup.")
	fmt.Fprintf(env.stdout, "  Make sure that the old cell does not run any more. Then: evenkeel serve --data %s\n", data)
	return nil
}
