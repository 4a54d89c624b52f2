// Package node is one process of a cell: it takes a Config, opens the data
// directory and wires the parts, none of which know each other, into something
// that serves.
//
//	           +------------------------- node ---------------------------+
//	browser -->| HTTP --+--> edge (HTTP API, RPC) --> replica --> journal |--> disk
//	           |        +--> realtime (sessions) <-- events --+           |
//	           |        +--> web (pages)                                  |
//	           +----------------------------------------------------------+
//
// Start returns once the node is ready to serve; Stop drains the clients,
// closes the journal and waits for every goroutine. A node whose replica can
// not go on (its disk failed) ends by itself: Done is closed and Err says why.
// The process around it, its signals and its exit code are the command's.
//
// Besides wiring, the package owns what belongs to the machine and to nobody
// else: the configuration (config.go and its neighbours), the cell key and the
// secrets sealed with it (seal.go), and the first start of a fresh cell.
package node
