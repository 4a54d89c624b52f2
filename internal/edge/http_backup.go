//evenkeel:shell

package edge

import (
	"io"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
)

const backupKind = "application/vnd.evenkeel.backup"

// backupPace is how long a part of a backup may take to be sent.
const backupPace = time.Minute

type backupBody struct {
	Passphrase string `json:"passphrase"`
}

func (e *Edge) makeBackup() handler {
	s := shapeFor[backupBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b backupBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if b.Passphrase == "" {
			return nil, badField("passphrase", "is missing")
		}
		if e.cfg.Backup == nil {
			return nil, evenkeel.Errorf(evenkeel.CodeUnknownMethod, "this node makes no backups")
		}
		write, err := e.cfg.Backup(q.Context(), b.Passphrase)
		if err != nil {
			return nil, asError(err)
		}
		return &answer{kind: backupKind, stream: func(w http.ResponseWriter) error {
			paced := pacedWriter{w, http.NewResponseController(w)}
			// Making the snapshot takes its time: whoever asks is told that it is
			// under way.
			if err := paced.begin(); err != nil {
				return err
			}
			return write(q.Context(), paced)
		}}, nil
	}
}

// pacedWriter gives each part of a long answer a time of its own.
type pacedWriter struct {
	io.Writer
	control *http.ResponseController
}

// begin sends the head. The time in which a request must have been read is over
// with it: else the server would take the caller for gone when it ends.
func (p pacedWriter) begin() error {
	if err := p.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := p.control.SetWriteDeadline(time.Now().Add(backupPace)); err != nil {
		return err
	}
	return p.control.Flush()
}

func (p pacedWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(backupPace)); err != nil {
		return 0, err
	}
	return p.Writer.Write(b)
}
