package succession

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const bound = 10 * time.Second

// heir is what a successor came to.
type heir struct {
	state string
	err   error
}

// await runs a successor that accepts states but "bad", and returns where it is
// reached, what it dropped and what it came to.
func await(t *testing.T, reads []int) (path string, dropped *[]string, ended chan heir) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(version int, body json.RawMessage, fds []int) (s string, err error) {
		defer Close(fds)
		if err := json.Unmarshal(body, &s); err != nil {
			return s, err
		}
		if s == "slow" {
			time.Sleep(100 * time.Millisecond)
		}
		if s == "bad" {
			return s, errors.New("this is no good")
		}
		for _, fd := range fds {
			b := make([]byte, 10)
			n, err := unix.Pread(fd, b, 0)
			if err != nil {
				return s, err
			}
			s += string(b[:n])
		}
		return s, nil
	}
	ended, dropped = make(chan heir, 1), new([]string)
	go func() {
		s, err := Await(listener, reads, verify, func(s string) { *dropped = append(*dropped, s) })
		ended <- heir{s, err}
	}()
	return path, dropped, ended
}

func body(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }

// TestSuccession: what was sent last counts, with its descriptors.
func TestSuccession(t *testing.T) {
	path, dropped, ended := await(t, []int{2, 1})
	p, err := Dial(path, []int{3, 2, 1}, bound)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Version() != 2 {
		t.Errorf("agreed on version %d, want 2", p.Version())
	}
	var fds []int
	for range 300 { // more than one message carries
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		fds = append(fds, int(f.Fd()))
	}
	for _, s := range []string{"rehearsal", "last"} {
		if err := p.Send(body(s), fds, bound); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case h := <-ended:
		t.Fatalf("went on before it was told to: %+v", h)
	case <-time.After(20 * time.Millisecond):
	}
	if err := p.Go(); err != nil {
		t.Fatal(err)
	}
	if h := <-ended; h.err != nil || h.state != "last"+strings.Repeat("x", 300) {
		t.Errorf("went on with %+v", h)
	}
	if len(*dropped) != 1 || !strings.HasPrefix((*dropped)[0], "rehearsal") {
		t.Errorf("dropped %v", *dropped)
	}
}

// TestSuccessorRefuses, and its predecessor may try again.
func TestSuccessorRefuses(t *testing.T) {
	path, _, ended := await(t, []int{1})
	p, err := Dial(path, []int{1}, bound)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(body("bad"), nil, bound); err == nil || !strings.Contains(err.Error(), "no good") {
		t.Errorf("send: %v", err)
	}
	if err := p.Send(body("good"), nil, bound); err != nil {
		t.Error(err)
	}
	p.Close()
	if h := <-ended; !errors.Is(h.err, ErrGivenUp) {
		t.Errorf("without a go it ended with %+v", h)
	}
}

// TestSuccessorIsLate: the answer to a state that was given up does not count
// for the next one.
func TestSuccessorIsLate(t *testing.T) {
	path, dropped, ended := await(t, []int{1})
	p, err := Dial(path, []int{1}, bound)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Send(body("slow"), nil, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("slow successor: %v", err)
	}
	if err := p.Send(body("next"), nil, bound); err != nil {
		t.Fatal(err)
	}
	if err := p.Go(); err != nil {
		t.Fatal(err)
	}
	if h := <-ended; h.err != nil || h.state != "next" || !slices.Equal(*dropped, []string{"slow"}) {
		t.Errorf("went on with %+v, dropped %v", h, *dropped)
	}
}

func TestNoCommonVersion(t *testing.T) {
	path, _, ended := await(t, []int{5, 4})
	if _, err := Dial(path, []int{3, 2}, bound); !errors.Is(err, ErrVersion) {
		t.Errorf("dial: %v", err)
	}
	if h := <-ended; !errors.Is(h.err, ErrGivenUp) {
		t.Errorf("the successor ended with %+v", h)
	}
}

// TestNobodyListens: a successor that died before it was reached.
func TestNobodyListens(t *testing.T) {
	if _, err := Dial(filepath.Join(t.TempDir(), "none"), []int{1}, bound); err == nil {
		t.Error("reached nobody")
	}
}
