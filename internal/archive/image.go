//evenkeel:shell

package archive

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// An image is a copy on its way to another node: a head, the file page by page,
// and the SHA-256 of both.
const (
	imageMagic = "EKARCH01"
	imageHead  = len(imageMagic) + 3*8 // size, cursor, missing
	imagePart  = 16 << 20              // what is synced at a time, so that the journal beside it never waits for long
)

// image is the head of one.
type image struct {
	size            int64
	cursor, missing uint64
}

func (i image) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte(imageMagic), uint64(i.size))
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, i.cursor), i.missing)
}

func readImageHead(r io.Reader) (i image, err error) {
	b := make([]byte, imageHead)
	if _, err := io.ReadFull(r, b); err != nil {
		return i, err
	}
	if string(b[:len(imageMagic)]) != imageMagic {
		return i, errors.New("the other node sends another form of copy: update the older program")
	}
	b = b[len(imageMagic):]
	i = image{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
	if i.size <= 0 {
		return i, errors.New("the other node sends an empty copy")
	}
	return i, nil
}

// Send writes one state of the copy as an image. It takes no room on the disk, and
// the copy is read and written meanwhile, however slowly w takes it; only the
// write-ahead log grows by what is written.
func (s *Store) Send(ctx context.Context, w io.Writer) error {
	db, err := sql.Open("sqlite", s.dsn("rw", s.options.CacheKiB/4)+"&_pragma=query_only(1)")
	if err != nil {
		return fmt.Errorf("send the archive: %w", sorted(err))
	}
	if err := errors.Join(send(ctx, db, w), db.Close()); err != nil {
		return fmt.Errorf("send the archive: %w", sorted(err))
	}
	return nil
}

func send(ctx context.Context, db *sql.DB, w io.Writer) (err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() {
		if end := tx.Rollback(); err == nil && !errors.Is(end, sql.ErrTxDone) {
			err = end
		}
	}()
	var head image
	var cursor, missing int64
	err = tx.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE key = 'cursor'), (SELECT value FROM meta WHERE key = 'missing'),
		page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&cursor, &missing, &head.size)
	if err != nil {
		return err
	}
	head.cursor, head.missing = uint64(cursor), uint64(missing)
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(head.encode()); err != nil {
		return err
	}
	if err := sendPages(ctx, tx, out); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// sendPages writes what the file would be if the log were written back into it.
func sendPages(ctx context.Context, tx *sql.Tx, w io.Writer) error {
	rows, err := tx.QueryContext(ctx, "SELECT data FROM sqlite_dbpage ORDER BY pgno")
	if err != nil {
		return err
	}
	defer rows.Close()
	part := make([]byte, 0, 256<<10)
	for rows.Next() {
		var page sql.RawBytes
		if err := rows.Scan(&page); err != nil {
			return err
		}
		if len(part)+len(page) > cap(part) {
			if _, err := w.Write(part); err != nil {
				return err
			}
			part = part[:0]
		}
		part = append(part, page...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = w.Write(part)
	return err
}

// receive writes an image into a new file, synced, and checks its hash. progress
// is told the head, and then how much there is; an error of it ends the transfer.
func receive(r io.Reader, path string, progress func(head image, have int64) error) (head image, err error) {
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	if head, err = readImageHead(in); err != nil {
		return head, err
	}
	if err := progress(head, 0); err != nil {
		return head, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return head, err
	}
	if err = receiveFile(f, in, head, progress); err == nil {
		err = checkSum(r, sum)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return head, errors.Join(err, gone(os.Remove(path)))
	}
	return head, nil
}

func receiveFile(f *os.File, in io.Reader, head image, progress func(image, int64) error) error {
	for have := int64(0); have < head.size; {
		n, err := io.CopyN(f, in, min(imagePart, head.size-have))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			err = f.Sync()
		}
		have += n
		if err == nil {
			err = progress(head, have)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkSum reads what ends an image, and finds nothing behind it.
func checkSum(r io.Reader, sum hash.Hash) error {
	told := make([]byte, sum.Size()+1)
	n, err := io.ReadFull(r, told)
	switch {
	case err == nil:
		return errors.New("the copy is longer than its head says")
	case !errors.Is(err, io.ErrUnexpectedEOF) || n != sum.Size():
		return fmt.Errorf("the copy ended early: %w", err)
	case string(told[:n]) != string(sum.Sum(nil)):
		return errors.New("the copy has changed on its way")
	}
	return nil
}
