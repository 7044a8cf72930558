package healthcheck

// TCP are the parameters of kind tcp.
type TCP struct {
	Send   Bytes  `json:",omitzero"` // to send after connecting
	Expect string `json:",omitzero"` // RE2 over what comes back; empty = nothing is read
	Finish bool   `json:",omitzero"` // half-close after Send, as ldirectord's simpletcp does
}

func (t TCP) validate(_ Settings, p *problems) { p.regexp("expect", t.Expect) }

// UDP are the parameters of kind udp.
type UDP struct {
	Send   Bytes  `json:",omitzero"` // payload of the datagram
	Expect string `json:",omitzero"` // RE2 over the answer; empty = any answer
	// MinLength and MaxLength bound the octets of the answer; 0 = no bound.
	MinLength, MaxLength int `json:",omitzero"`
	// Silent takes silence for success: only an ICMP error is a failure. A
	// host that is switched off behind a router sends none.
	Silent bool `json:",omitzero"`
}

func (u UDP) validate(_ Settings, p *problems) {
	p.regexp("expect", u.Expect)
	if len(u.Send) > maxDatagram {
		p.add("send", "", "send has %d bytes, more than %d", len(u.Send), maxDatagram)
	}
	if u.Silent && u.Expect != "" {
		p.add("expect", "", "expect means nothing where silence is success")
	}
	if u.MinLength < 0 || u.MaxLength < 0 || u.MaxLength > 0 && u.MinLength > u.MaxLength {
		p.add("min_length", "", "min_length %d is not between 0 and max_length %d", u.MinLength, u.MaxLength)
	}
}

// maxDatagram is the longest UDP payload over IPv4.
const maxDatagram = 65507

// Redis are the parameters of kind redis.
type Redis struct {
	User, Password string `json:",omitzero"` // AUTH; a password without a user is that of user "default"
	Role           string `json:",omitzero"` // master or slave, as INFO replication says; empty = any
}

func (r Redis) validate(_ Settings, p *problems) {
	p.needs("user", r.User != "", "password", r.Password != "")
	if r.Role != "" && r.Role != "master" && r.Role != "slave" {
		p.add("role", `use "master" or "slave"`, "unknown role %q", r.Role)
	}
}

// GRPC are the parameters of kind grpc (grpc.health.v1).
type GRPC struct {
	Service   string `json:",omitzero"` // empty = the server as a whole
	Authority string `json:",omitzero"` // empty = target address
}

func (g GRPC) validate(_ Settings, p *problems) {
	if g.Authority != "" && !validHost(g.Authority) {
		p.add("authority", "", "authority %q is not a host name", g.Authority)
	}
	p.word("service", g.Service)
}

// Agent are the parameters of kind agent: the server sends a line such as
// "up 75%" (see ParseAdvice).
type Agent struct {
	Send Bytes `json:",omitzero"` // before reading; empty = nothing
}

func (Agent) validate(Settings, *problems) {}
