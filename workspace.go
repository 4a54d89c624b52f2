package evenkeel

// Workspace is the configuration of a tenant.
type Workspace struct {
	ID           string          `cbor:"1,keyasint" json:"id"`
	Name         string          `cbor:"2,keyasint,omitempty" json:"name"`
	Origins      []string        `cbor:"3,keyasint,omitempty" json:"origins"` // of pages that may connect, beside the cell's own
	DefaultQueue string          `cbor:"4,keyasint,omitempty" json:"default_queue"`
	Suspended    bool            `cbor:"5,keyasint,omitempty" json:"suspended"`
	Hosts        []string        `cbor:"6,keyasint,omitempty" json:"hosts"` // host names by which visitors and logins find it
	Limits       WorkspaceLimits `cbor:"7,keyasint,omitempty" json:"limits"`
}

// WorkspaceLimits are what one tenant may use of the cell. 0 is no limit of its
// own: the cell's holds. Only an operator sets them.
type WorkspaceLimits struct {
	Agents      int64 `cbor:"1,keyasint,omitempty" json:"agents"`
	LiveChats   int64 `cbor:"2,keyasint,omitempty" json:"live_chats"`  // chats in the desk, closed ones that have not left among them
	Connections int64 `cbor:"3,keyasint,omitempty" json:"connections"` // realtime clients on each node
	Storage     int64 `cbor:"4,keyasint,omitempty" json:"storage"`     // bytes of chats and messages in the desk
	Commands    int64 `cbor:"5,keyasint,omitempty" json:"commands"`    // commands a second through each node
}

// WorkspaceUsage is what a tenant uses: Agents to Customers at the moment, the
// others since the workspace was made. The counts only rise, so that whoever
// bills reads them twice and takes the difference.
type WorkspaceUsage struct {
	Workspace string `json:"workspace"`
	Agents    int64  `json:"agents"`
	Queues    int64  `json:"queues"`
	LiveChats int64  `json:"live_chats"`
	Storage   int64  `json:"storage"` // bytes of chats and messages in the desk
	Started   int64  `json:"chats_started"`
	Messages  int64  `json:"messages_sent"`
}

// WorkspacePut creates or replaces a workspace. A new one gets a queue general
// and, if Admin is given, its first admin, who is a member.
type WorkspacePut struct {
	Workspace Workspace `cbor:"1,keyasint"`
	Admin     *Agent    `cbor:"2,keyasint,omitempty"` // only with a new workspace
	Password  string    `cbor:"3,keyasint,omitempty"` // the admin's argon2id hash
	OneTime   bool      `cbor:"4,keyasint,omitempty"` // it must be changed at the first login
}

// WorkspaceDelete removes a suspended workspace with all that is in it.
type WorkspaceDelete struct {
	Workspace string `cbor:"1,keyasint"`
}

func (*WorkspacePut) Kind() Kind    { return KindWorkspacePut }
func (*WorkspaceDelete) Kind() Kind { return KindWorkspaceDelete }
