package healthcheck

import "strings"

// ExitCodes says what the exit status of a script means.
type ExitCodes string

// Meanings of exit codes. A script that is killed by a signal failed.
const (
	ExitPlain  ExitCodes = ""       // 0 = success
	ExitWeight ExitCodes = "weight" // 0 and 1 as plain; 2 to 255 = success, and the weight is the code less 2 (keepalived)
	ExitNagios ExitCodes = "nagios" // 0 and 1 (warning) = success, 2 = failure, 3 (unknown) = inconclusive
)

// Script are the parameters of kind script. The words of Command may contain
// {address} and {port}, which become those of the target.
type Script struct {
	Command List[string] `json:",omitzero"` // program and arguments, run without a shell
	Codes   ExitCodes    `json:",omitzero"`
	User    string       `json:",omitzero"` // to run as; empty = the daemon's
}

func (c Script) validate(_ Settings, p *problems) {
	words := c.Command.All()
	switch {
	case len(words) == 0:
		p.add("command", `for example ["/usr/local/bin/check", "{address}"]`, "there is no command to run")
	case !strings.HasPrefix(words[0], "/"):
		p.add("command", "write the full path", "program %q is not an absolute path", words[0])
	}
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			p.add("command", "", "%q contains a NUL", w)
		}
	}
	if c.Codes != ExitPlain && c.Codes != ExitWeight && c.Codes != ExitNagios {
		p.add("exit_codes", "", "unknown meaning of exit codes %q", c.Codes)
	}
	p.word("user", c.User)
}

// File are the parameters of kind file. A missing file is a success: removing
// what somebody put there ends its effect.
type File struct {
	Path string `json:",omitzero"` // may contain {address} and {port}
	// Weight multiplies a number in the file, and the product is added to the
	// configured weight (keepalived's FILE_CHECK). With 0 a number other than
	// 0 is a failure.
	Weight int `json:",omitzero"`
	// Words takes words such as "drain" or "50%" too (see ParseAdvice).
	Words bool `json:",omitzero"`
}

func (f File) validate(_ Settings, p *problems) {
	if !strings.HasPrefix(f.Path, "/") || strings.ContainsRune(f.Path, 0) {
		p.add("path", "write the full path", "path %q is not an absolute path", f.Path)
	}
}
