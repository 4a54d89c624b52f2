package journal

import (
	"errors"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// Codes of Windows that package syscall does not name.
const (
	errSharingViolation = syscall.Errno(32)
	errHandleDiskFull   = syscall.Errno(39)
	errDiskFull         = syscall.Errno(112)
)

// lockFile opens a file so that no other process can open it, which the system
// undoes when the process dies.
func lockFile(path string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, os.NewSyscallError("CreateFile", err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// allocate sets the end of the file: NTFS allocates the clusters of a file that
// is not sparse at once, and reads them as zeros.
func allocate(f *os.File, size int64) error { return f.Truncate(size) }

// syncData is FlushFileBuffers.
func syncData(f *os.File) error { return f.Sync() }

// syncDir does nothing: NTFS logs changes of names in order, and Windows has no
// call to flush a directory.
func syncDir(string) error { return nil }

func freeSpace(path string) (int64, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	proc := syscall.NewLazyDLL("kernel32.dll").NewProc("GetDiskFreeSpaceExW")
	ok, _, err := proc.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&free)), 0, 0)
	if ok == 0 {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(free), nil
}

func isNoSpace(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, errHandleDiskFull)
}
