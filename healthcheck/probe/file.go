package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
)

// prepareFile prepares a check that reads a file of this host.
func prepareFile(s healthcheck.Settings, _ Options) (check, error) {
	p := s.Params.(healthcheck.File)
	return func(_ context.Context, a *attempt) (string, error) {
		text, err := readShort(forTarget(a.key.Target, p.Path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "no such file", nil
		case err != nil:
			return "", internal(err)
		}
		return a.judgeFile(strings.TrimSpace(text), p)
	}, nil
}

// judgeFile judges the content of a file: nothing, a number, or words.
func (a *attempt) judgeFile(text string, p healthcheck.File) (string, error) {
	if text == "" {
		return "the file is empty", nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err != nil && p.Words:
		return a.take(text)
	case err != nil:
		return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("the file holds %q, which is no number", shorten(text))}
	case p.Weight == 0 && n != 0:
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("the file holds %d", n)}
	case p.Weight != 0:
		a.result.Advice = healthcheck.Advice{Mode: healthcheck.AdviceAdd, Value: int(n) * p.Weight}
	}
	return fmt.Sprintf("the file holds %d", n), nil
}

// readShort reads the beginning of a regular file. Whatever else the path
// names does not block: the file is opened as O_NONBLOCK.
func readShort(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLine))
	return string(text), err
}
