package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestKeepalived_LogFile: a daemon with a name has a file of its own.
func TestKeepalived_LogFile(t *testing.T) {
	dir := t.TempDir()
	l := keepalivedLog{file: filepath.Join(dir, "k.log"), facility: "3", noSyslog: true}
	for name, file := range map[string]string{"": "k.log", "blue_a": "k_blue_a.log"} {
		w, done, err := l.open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("hello\n")); err != nil {
			t.Error(err)
		}
		done()
		if text, err := os.ReadFile(filepath.Join(dir, file)); string(text) != "hello\n" {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
}

func TestKeepalived_LogFacility(t *testing.T) {
	for facility, good := range map[string]bool{"0": true, "7": true, "local7": true, "user": true, "daemon": true, "8": false, "mail": false, "": false} {
		l := keepalivedLog{facility: facility, noSyslog: true}
		w, done, err := l.open("")
		if (err == nil) != good {
			t.Errorf("%q: %v", facility, err)
		}
		if err != nil {
			continue
		}
		done()
		if to := w.(everywhere); len(to) != 0 {
			t.Errorf("%q: without syslog, console and file the log goes to %d places", facility, len(to))
		}
	}
}

type fullDisk struct{ n int }

func (f *fullDisk) Write(p []byte) (int, error) {
	f.n++
	return 0, errors.New("no space left")
}

// TestEverywhere: one that fails keeps the others from nothing.
func TestEverywhere(t *testing.T) {
	a, b := &fullDisk{}, &fullDisk{}
	if _, err := (everywhere{a, b}).Write([]byte("x")); err == nil || a.n != 1 || b.n != 1 {
		t.Errorf("%v, %d and %d", err, a.n, b.n)
	}
}
