package journal

// Journal is an open journal. Append, ResolveDoubt, Tend, Compact and Close are for one
// goroutine at a time; the snapshot methods may be called by others meanwhile.
type Journal struct{}

// Open takes the directory, recovers what is there and makes it durable before it
// returns: what it reports can be acted on.
//
// On *DamageError the Recovered holds what can be read before the damage (to serve
// reads, never to vote), the Journal is nil and nothing was changed.
func Open(fsys FS, opts Options) (*Journal, *Recovered, error) { panic("being built") }

// Append makes the batch durable. ErrFull, ErrGap, ErrTooLarge and ErrDoubt are
// refusals that change nothing. Any other error poisons the journal: this and all later
// appends fail with it, and the process must open the journal anew.
func (j *Journal) Append(b *Batch) error { panic("being built") }

// ResolveDoubt decides about Recovered.Doubt, durably.
func (j *Journal) ResolveDoubt(how Resolution) error { panic("being built") }

// Reserve tells how much room is held ready.
func (j *Journal) Reserve() Reserve { panic("being built") }

// Tend makes the next segment ahead of its need, so that no Append has to wait for it. Call
// it when idle; it returns at once if there is nothing to do. With a full disk it
// tries again to restore the reserve (error ErrFull: still full).
func (j *Journal) Tend() error { panic("being built") }

// Compact drops the segments whose entries all lie at or below index, but never
// below the older of the two newest snapshots. It returns the index up to which
// entries may now be gone.
func (j *Journal) Compact(index uint64) (uint64, error) { panic("being built") }

// Err returns the error that poisoned the journal, or nil.
func (j *Journal) Err() error { panic("being built") }

// Close releases the directory.
func (j *Journal) Close() error { panic("being built") }

// Snapshots returns the valid snapshots, newest first (two at most are kept).
func (j *Journal) Snapshots() []SnapshotMeta { panic("being built") }

// OpenSnapshot opens the snapshot at index for reading; ErrNoSnapshot if there is none.
// While it is open its file is kept.
func (j *Journal) OpenSnapshot(index uint64) (*SnapshotReader, error) { panic("being built") }

// CreateSnapshot begins the snapshot file of the desk at index. One may be
// written at a time for each (index, term).
func (j *Journal) CreateSnapshot(index, term uint64) (*SnapshotWriter, error) { panic("being built") }

// SnapshotWriter writes one snapshot file. It counts only once Commit has returned nil.
type SnapshotWriter struct{}

// Write adds to the stream. It syncs every few MiB, so that no other file's sync has
// to wait long.
func (w *SnapshotWriter) Write(p []byte) (int, error) { panic("being built") }

// Commit makes the file durable and valid, and drops all but the two newest
// snapshots. meta's Index and Term must be those of CreateSnapshot.
func (w *SnapshotWriter) Commit(meta SnapshotMeta) (SnapshotMeta, error) { panic("being built") }

// Abort drops the file. After Commit it does nothing.
func (w *SnapshotWriter) Abort() error { panic("being built") }

// SnapshotReader reads one snapshot's stream and verifies it on the way: Read returns
// io.EOF only after all checksums agreed, and a *DamageError if one does not.
type SnapshotReader struct{}

// Meta describes the snapshot.
func (r *SnapshotReader) Meta() SnapshotMeta { panic("being built") }

// Read reads the stream.
func (r *SnapshotReader) Read(p []byte) (int, error) { panic("being built") }

// Close closes the file.
func (r *SnapshotReader) Close() error { panic("being built") }

// OpenDir returns the directory at path, made if it is missing, as an FS.
func OpenDir(path string) (FS, error) { panic("being built") }

// ReadSnapshot opens a snapshot file by name without a journal: the way to read the
// state of a damaged one.
func ReadSnapshot(fsys FS, name string) (*SnapshotReader, error) { panic("being built") }
