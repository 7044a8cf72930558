package healthcheck

import (
	"fmt"
	"strconv"
)

// Bytes is text of any bytes, which JSON strings cannot hold: it is written
// with the escapes of Go.
type Bytes string

// MarshalText writes printable ASCII.
func (b Bytes) MarshalText() ([]byte, error) { return strconv.AppendQuoteToASCII(nil, string(b)), nil }

// UnmarshalText reads what MarshalText wrote.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, err := strconv.Unquote(string(text))
	if err != nil {
		return fmt.Errorf("bytes %q: %w", text, err)
	}
	*b = Bytes(s)
	return nil
}

// hidden stands for a secret in what is shown.
const hidden = "(hidden)"

// Public returns the settings without passwords and secrets, for status and
// logs.
func (s Settings) Public() Settings {
	hide := func(secret *string) {
		if *secret != "" {
			*secret = hidden
		}
	}
	switch p := s.Params.(type) {
	case Mailbox:
		hide(&p.Password)
		s.Params = p
	case FTP:
		hide(&p.Password)
		s.Params = p
	case SQL:
		hide(&p.Password)
		s.Params = p
	case LDAP:
		hide(&p.Password)
		s.Params = p
	case Redis:
		hide(&p.Password)
		s.Params = p
	case RADIUS:
		hide(&p.Password)
		hide(&p.Secret)
		s.Params = p
	case HTTP:
		if len(p.Headers) > 0 { // Authorization, most likely
			p.Headers = ListOf(hidden)
		}
		s.Params = p
	}
	return s
}

// Brief returns the key without the parameters of its kind, which may be long
// or secret, and are the same for thousands of real servers.
func (k Key) Brief() Key {
	k.Settings.Params = nil
	return k
}
