package conf

import (
	"net/netip"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TrackScript is a program whose exit status is tracked: 0 is up.
type TrackScript struct {
	Name     string
	Command  []string // program and arguments, no shell
	Interval time.Duration
	Timeout  time.Duration
	Rise     int // successes in a row until up
	Fall     int // failures in a row until down
	User     string
	// InitFail takes it for down until it has succeeded.
	InitFail bool
}

// TrackPing is a set of addresses that are tracked by ICMP echo.
type TrackPing struct {
	Name     string
	Targets  []netip.Addr
	Require  int // answering targets that are needed to be up
	Interval time.Duration
	Timeout  time.Duration
	Rise     int
	Fall     int
	Hold     time.Duration // how long a change must last before it counts
}

// TrackFile is a file whose number is tracked.
type TrackFile struct {
	Name string
	Path string
	// Init is written into the file at the start of the daemon, when there is
	// no file yet or with Overwrite; nil writes nothing.
	Init      *int
	Overwrite bool
}

// TrackProcess is a program of which enough processes must run.
type TrackProcess struct {
	Name    string
	Program string   // file name of the executable, or its path
	Args    []string // that must be the same, as Match says
	Match   ArgumentMatch
	Full    bool // Program is the first word of the command line as it is
	Quorum  int
	Most    int           // more than these are down, too; 0 = any number, negative = none may run
	Delay   time.Duration // how long a loss must last before it counts
	UpDelay time.Duration // how long enough of them must run before it counts
}

// ArgumentMatch says how the arguments of a process are compared.
type ArgumentMatch string

// Ways to compare arguments.
const (
	MatchBegin  ArgumentMatch = ""       // further ones may follow
	MatchExact  ArgumentMatch = "exact"  // these and no more
	MatchPrefix ArgumentMatch = "prefix" // the last one need only begin the same
)

// Tracking is everything outside of the router role that elections depend on.
type Tracking struct {
	Scripts   []TrackScript
	Pings     []TrackPing
	Files     []TrackFile
	Processes []TrackProcess
	// Services names the virtual servers whose state is tracked.
	Services []string
}

// SyncGroup is a set of instances that are master together or not at all.
type SyncGroup struct {
	vrrp.Group
	Notify Notify
}

// Program is a program with its arguments, which is run without a shell.
type Program struct {
	Args []string // empty = none
	User string   `json:",omitempty"` // that runs it, "USER" or "USER:GROUP"; "" = that of all programs
}

// String returns the command line, and who runs it if that is somebody else than
// usual.
func (p Program) String() string {
	text := strings.Join(p.Args, " ")
	if p.User != "" {
		text += " as " + p.User
	}
	return text
}

// Notify says who is told about changes of state.
type Notify struct {
	Master, Backup, Fault, Stop, Deleted Program
	// Any runs on every change, with further arguments that tell which.
	Any Program
	// LowerPriority runs when a master hears an advert that loses against its
	// own.
	LowerPriority Program
	// PriorityChanges runs Any, and writes to the pipes, when only the priority
	// changes.
	PriorityChanges bool
	Mail            bool
}

// Pipe is a named pipe that gets a line for every change.
type Pipe struct {
	Path string
	Only PipeKind
	// Reader is a program that reads the pipe, run for as long as the pipe is
	// used, with the pipe as its last argument; empty = none.
	Reader []string
	User   string // that runs Reader; "" = that of all programs
	// OnReload writes the states again after every reload.
	OnReload bool
}

// PipeKind says what changes a pipe is for.
type PipeKind string

// Kinds of pipes.
const (
	PipeAll       PipeKind = ""
	PipeInstances PipeKind = "instances" // and groups
	PipeServices  PipeKind = "services"  // virtual and real servers
)

// Scripts says how programs of the configuration are run.
type Scripts struct {
	User    string        // "" = the daemon's own
	Timeout time.Duration // of notifications
}

// Dump says where the state goes in keepalived's forms, when a signal asks for
// it: Data, Checkers and Parent on SIGUSR1, one for each of keepalived's
// processes, Stats on SIGUSR2, JSON on the second real-time signal.
type Dump struct {
	Data, Checkers, Parent string // paths
	Stats, JSON            string
	Version                int // of the form of JSON: 1 a list, 2 an object
}

// Hook is a program of the daemon's own life; without Command there is none.
type Hook struct {
	Command []string
	User    string        // that runs it; "" = that of all programs
	Timeout time.Duration // 0 = 10 s
}

// Styles of mails.
const (
	// MailDigest tells of all changes within a few seconds at once.
	MailDigest = "digest"
	// MailKeepalived has a mail for every change, with keepalived's subjects.
	MailKeepalived = "keepalived"
	// MailLdirectord is the same in ldirectord's words.
	MailLdirectord = "ldirectord"
)

// Mail says how reports are sent.
type Mail struct {
	To      []string // empty = whom an Alert names
	From    string
	Server  string        // host:port
	Hello   string        // name in EHLO; "" = this host's
	Timeout time.Duration // of one attempt; 0 = 20 s
	// Name stands for this director in subjects; "" = its director block or host.
	Name string
	// NoFaults leaves out instances and groups that go into fault.
	NoFaults bool
	// Style is how mails look: MailDigest, MailKeepalived or MailLdirectord.
	Style        string
	Security     string // starttls, tls, none
	Username     string
	PasswordFile string
}
