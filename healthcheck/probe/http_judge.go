package probe

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/vipd/vipd/healthcheck"
)

// judge decides whether the answer to an HTTP request is the right one. It
// serves all versions of HTTP.
type judge struct {
	params healthcheck.HTTP
	status healthcheck.StatusSet
	expect *regexp.Regexp // nil = any body
	refuse *regexp.Regexp // nil = none
	path   healthcheck.JSONPath
}

func newJudge(p healthcheck.HTTP) (*judge, error) {
	j := &judge{params: p}
	var err error
	if j.status, err = healthcheck.ParseStatusSet(p.Status); err != nil {
		return nil, err
	}
	if j.path, err = healthcheck.ParseJSONPath(p.JSONPath); err != nil {
		return nil, err
	}
	if j.refuse, err = optional(p.Refuse); err != nil {
		return nil, err
	}
	j.expect, err = optional(p.Expect)
	return j, err
}

// response judges status and body. whole tells that the body was read to its
// end.
func (j *judge) response(status int, body io.Reader) (whole bool, err error) {
	if err := j.code(status); err != nil {
		return false, err
	}
	return j.body(body)
}

// code judges the status alone.
func (j *judge) code(status int) error {
	if !j.status.Contains(status) {
		return &failure{healthcheck.ClassStatus, fmt.Sprintf("HTTP status %d, expected %s", status, j.params.Status)}
	}
	return nil
}

// looks reports whether what is in the body counts.
func (j *judge) looks() bool {
	return j.expect != nil || j.refuse != nil || j.params.Digest != "" || j.params.JSONPath != ""
}

// bodies recycles the memory of bodies that are looked at.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// body reads the body to its end or to maxBody, whichever is first, and looks
// at it. It reads also when nothing is looked for: a page that never ends, or
// breaks off, is no success.
func (j *judge) body(body io.Reader) (whole bool, err error) {
	body = io.LimitReader(body, maxBody)
	if !j.looks() {
		n, err := io.Copy(io.Discard, body)
		return n < maxBody, err
	}
	buf := bodies.Get().(*bytes.Buffer)
	defer recycle(buf)
	if _, err := buf.ReadFrom(body); err != nil {
		return false, err
	}
	return buf.Len() < maxBody, j.content(buf.Bytes())
}

// content judges what is in a body.
func (j *judge) content(body []byte) error {
	if j.expect != nil && !j.expect.Match(body) {
		return &failure{healthcheck.ClassBody, mismatch(j.params.Expect, "body", body)}
	}
	if j.refuse != nil && j.refuse.Match(body) {
		return &failure{healthcheck.ClassBody, fmt.Sprintf("the body matches %q, which it must not", shorten(j.params.Refuse))}
	}
	if j.params.Digest != "" {
		if got := digest(body, len(j.params.Digest)); got != j.params.Digest {
			return &failure{healthcheck.ClassBody, fmt.Sprintf("digest of the body (%d bytes) is %s, expected %s", len(body), got, j.params.Digest)}
		}
	}
	if j.params.JSONPath == "" {
		return nil
	}
	got, err := j.path.Find(body)
	if err != nil {
		return &failure{healthcheck.ClassBody, err.Error()}
	}
	if got != j.params.JSONValue {
		return &failure{healthcheck.ClassBody, fmt.Sprintf("%s in the body is %q, expected %q", j.params.JSONPath, shorten(got), j.params.JSONValue)}
	}
	return nil
}

// digest returns the MD5, which keepalived's genhash writes, or the SHA-256 of
// a body, by the number of digits that are wanted.
func digest(body []byte, digits int) string {
	if digits == hex.EncodedLen(md5.Size) {
		sum := md5.Sum(body)
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// recycle keeps buf for the next probe unless a large page blew it up.
func recycle(buf *bytes.Buffer) {
	const large = 64 << 10
	if buf.Cap() > large {
		return
	}
	buf.Reset()
	bodies.Put(buf)
}
