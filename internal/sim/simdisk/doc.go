// Package simdisk is a disk made of memory that fails as real ones do, for tests
// and for the simulator of a whole cell. It implements journal.FS.
//
//	write --> cache --sync--> plate
//	            |                |
//	          Kill keeps it    Crash keeps only this, and of the cache
//	                           whatever the seed says, sector by sector
//
// What it can do to the code above it:
//
//   - Crash: power fails. Of each unsynced sector either the old or the new
//     content is left; a file whose directory was not synced may be gone, a
//     removed one may be back; a file that grew may have its old length.
//   - Kill: the process dies, the operating system lives. All writes stay in the
//     cache and are read back, but are no more durable than before.
//   - CrashAt: the machine stops at the N-th operation from now, in its middle.
//   - Inject: an operation fails. After a failed sync the cache reads as if all were
//     well while the plate does not have it, and no later sync brings it there.
//   - FlipBit, Blank and Truncate: bytes rot that were durable.
//   - Stall: a sync returns, but what it promised is durable only after Complete.
//     The simulator, which has no threads to block, holds the answer back as long.
//   - Capacity: the disk fills up.
//
// Everything follows from the generator that New is given. There is no clock and
// no goroutine; a Disk is for one goroutine at a time.
package simdisk
