package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file whose lock stands for the directory. It is never removed.
const lockName = "LOCK"

// dirFS is a directory of the operating system.
type dirFS struct {
	path string
}

// OpenDir returns the directory at path as an FS; it is made, with its parents,
// if it is missing. Only the owner may read it.
func OpenDir(path string) (FS, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	var parents []string // of what is missing: the new names have to survive a crash
	for p := path; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		parents = append(parents, filepath.Dir(p))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	for _, p := range parents {
		if err := syncDir(p); err != nil {
			return nil, fmt.Errorf("sync %s: %w", p, err)
		}
	}
	return &dirFS{path: path}, nil
}

func (d *dirFS) join(name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.ContainsAny(name, `/\:`) || name == "." || name == ".." {
		return "", fmt.Errorf("%q is no file name: %w", name, fs.ErrInvalid)
	}
	return filepath.Join(d.path, name), nil
}

// tidy turns an error of the operating system into one that callers know.
func tidy(err error) error {
	if err != nil && isNoSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

func (d *dirFS) Lock() (io.Closer, error) {
	lock, err := lockFile(filepath.Join(d.path, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", d.path, tidy(err))
	}
	return lock, nil
}

func (d *dirFS) Create(name string, size int64) (File, error) {
	path, err := d.join(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, tidy(err)
	}
	if size > 0 {
		if err := allocate(f, size); err != nil {
			return nil, errors.Join(tidy(err), f.Close(), os.Remove(path))
		}
	}
	return &dirFile{f: f}, nil
}

func (d *dirFS) Open(name string) (File, error) {
	path, err := d.join(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &dirFile{f: f}, nil
}

func (d *dirFS) Remove(name string) error {
	path, err := d.join(name)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func (d *dirFS) List() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d *dirFS) SyncDir() error { return tidy(syncDir(d.path)) }

func (d *dirFS) Free() (int64, error) { return freeSpace(d.path) }

// writeZeros allocates room where the file system cannot do it by itself.
func writeZeros(f *os.File, size int64) error {
	zero := make([]byte, 256<<10)
	for at := int64(0); at < size; at += int64(len(zero)) {
		if _, err := f.WriteAt(zero[:min(int64(len(zero)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// dirFile is a file of the operating system.
type dirFile struct {
	f *os.File
}

func (f *dirFile) ReadAt(b []byte, at int64) (int, error) { return f.f.ReadAt(b, at) }

func (f *dirFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.f.WriteAt(b, at)
	return n, tidy(err)
}

func (f *dirFile) Sync() error  { return tidy(syncData(f.f)) }
func (f *dirFile) Close() error { return f.f.Close() }

func (f *dirFile) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
