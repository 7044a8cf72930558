package probe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/vipd/vipd/healthcheck"
)

// reply takes an HTTP/1.1 answer piece by piece, as it arrives. What is
// difficult about a header is left to net/http, which gets it once it is
// whole; here are the three ways in which a body can end (RFC 9112 section 6).
type reply struct {
	method string
	final  func(status int) bool // an informational status that is no prelude
	keep   bool                  // the body, to look at it

	part   part
	head   []byte
	judged bool // the first line is one of HTTP
	status int
	left   int64 // of a counted body, or of a chunk
	line   []byte
	size   int
	body   []byte
}

// part is what a reply is in the middle of.
type part uint8

const (
	inHeader part = iota
	inCounted
	inOpen      // to the end of the connection
	inChunkSize // and so on: RFC 9112 section 7.1
	inChunk
	inChunkEnd
	inTrailer
	complete
)

// begin makes r ready for the answer to a request.
func (r *reply) begin(method string, keep bool, final func(status int) bool) {
	*r = reply{method: method, keep: keep, final: final, head: r.head[:0], line: r.line[:0], body: r.body[:0]}
}

// forget drops what an unusually large answer took.
func (r *reply) forget() {
	const large = 16 << 10
	if cap(r.head) > large {
		r.head = nil
	}
	if cap(r.body) > large {
		r.body = nil
	}
}

// feed takes the next piece. What comes after a complete answer is ignored.
func (r *reply) feed(p []byte) error {
	for len(p) > 0 && r.part != complete {
		var err error
		switch r.part {
		case inHeader:
			p, err = r.header(p)
		case inCounted, inChunk:
			p = r.counted(p)
		case inOpen:
			r.take(p)
			p = nil
		default:
			p, err = r.chunkLine(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end takes the end of the connection.
func (r *reply) end() error {
	switch {
	case r.part == inOpen:
		r.part = complete
	case r.part == inHeader && len(r.head) == 0:
		return io.EOF
	case r.part != complete:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// take adds to the body, of which no more than maxBody is wanted.
func (r *reply) take(p []byte) {
	if room := maxBody - r.size; len(p) >= room {
		p, r.part = p[:room], complete
	}
	r.size += len(p)
	if r.keep {
		r.body = append(r.body, p...)
	}
}

// counted takes a body or chunk whose length is known.
func (r *reply) counted(p []byte) (rest []byte) {
	n := min(int64(len(p)), r.left)
	r.left -= n
	r.take(p[:n])
	if r.left == 0 && r.part != complete {
		r.part++ // of a chunk: its end
		if r.part == inOpen {
			r.part = complete
		}
	}
	return p[n:]
}

// header collects the header and, when it is whole, reads it.
func (r *reply) header(p []byte) (rest []byte, err error) {
	before := len(r.head)
	r.head = append(r.head, p...)
	end := headerEnd(r.head, max(before-3, 0))
	if end > maxHeader || end < 0 && len(r.head) >= maxHeader {
		return nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("header of the answer exceeds %d bytes", maxHeader)}
	}
	if end < 0 {
		return nil, r.firstLine()
	}
	rest = p[end-before:]
	resp, err := readResponse(r.head[:end], r.method)
	if err != nil {
		return nil, err
	}
	r.status, r.head, r.judged = resp.StatusCode, r.head[:0], false
	if r.status < 200 && r.status != http.StatusSwitchingProtocols && !r.final(r.status) {
		return rest, nil
	}
	switch {
	case resp.Body == http.NoBody:
		r.part = complete
	case len(resp.TransferEncoding) > 0:
		r.part = inChunkSize
	case resp.ContentLength < 0:
		r.part = inOpen
	default:
		r.part, r.left = inCounted, resp.ContentLength
	}
	return rest, nil
}

// firstLine refuses what is not HTTP without waiting for the end of a header
// that may never come.
func (r *reply) firstLine() error {
	line := bytes.IndexByte(r.head, '\n')
	if r.judged || line < 0 {
		return nil
	}
	r.judged = true
	_, err := readResponse(append(bytes.Clone(r.head[:line+1]), "\r\n"...), r.method)
	return err
}

// headerEnd returns the length of a header with its empty line, -1 when it is
// not whole. Nothing before from is looked at again.
func headerEnd(text []byte, from int) int {
	for i := from; i < len(text); i++ {
		if text[i] != '\n' {
			continue
		}
		switch after := text[i+1:]; {
		case bytes.HasPrefix(after, []byte("\r\n")):
			return i + 3
		case bytes.HasPrefix(after, []byte("\n")):
			return i + 2
		}
	}
	return -1
}

// readers recycles the buffers of readResponse.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

func readResponse(header []byte, method string) (*http.Response, error) {
	in := readers.Get().(*bufio.Reader)
	defer readers.Put(in)
	in.Reset(bytes.NewReader(header))
	return http.ReadResponse(in, &http.Request{Method: method})
}

// chunkLine takes a line of the chunked coding.
func (r *reply) chunkLine(p []byte) (rest []byte, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		end, rest = len(p), nil
	} else {
		rest = p[end+1:]
	}
	if r.line = append(r.line, p[:end]...); len(r.line) > maxLine {
		return nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("a line between chunks of the body exceeds %d bytes", maxLine)}
	}
	if end == len(p) {
		return nil, nil
	}
	line := bytes.TrimRight(r.line, "\r")
	r.line = r.line[:0]
	switch {
	case r.part == inChunkSize:
		return rest, r.chunkSize(line)
	case r.part == inChunkEnd && len(line) > 0:
		return nil, badChunk("ends", line)
	case r.part == inChunkEnd:
		r.part = inChunkSize
	case len(line) == 0: // end of the trailer
		r.part = complete
	}
	return rest, nil
}

func (r *reply) chunkSize(line []byte) error {
	digits, _, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte(";"))
	size, err := strconv.ParseUint(string(digits), 16, 63)
	if err != nil {
		return badChunk("begins", line)
	}
	r.part, r.left = inChunk, int64(size)
	if size == 0 {
		r.part = inTrailer
	}
	return nil
}

func badChunk(where string, line []byte) error {
	return &failure{healthcheck.ClassProtocol, fmt.Sprintf("a chunk of the body %s with %q", where, shorten(string(line)))}
}
