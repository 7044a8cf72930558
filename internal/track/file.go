package track

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// reread is how often a file is read without being told to: its directory may
// not exist yet, or be on a file system that tells nothing.
const reread = 5 * time.Second

// settling is the pause between news of a file's directory and the look at the
// file. One that is written anew is empty for a moment, which would be another
// number, and a directory that is busy otherwise shall not be.
const settling = 10 * time.Millisecond

// fileObserver reads the number in a file whenever the file changes.
type fileObserver struct{ conf.TrackFile }

func (o *fileObserver) id() vrrp.TrackID { return vrrp.TrackID{Kind: vrrp.TrackFile, Name: o.Name} }

func (o *fileObserver) unnamed() any {
	settings := o.TrackFile
	settings.Name = ""
	return settings
}

func (o *fileObserver) judge() judge { return judge{rise: 1, fall: 1} }

func (o *fileObserver) run(ctx context.Context, tell func(result)) {
	// The directory is watched: editors and deployments replace files.
	watcher, err := fsnotify.NewWatcher()
	var events <-chan fsnotify.Event
	var lost <-chan error
	if err == nil {
		defer watcher.Close()
		events, lost = watcher.Events, watcher.Errors
	}
	watched := false
	for {
		if err == nil && !watched {
			watched = watcher.Add(filepath.Dir(o.Path)) == nil
		}
		tell(readNumber(o.Path))
		select {
		case <-ctx.Done():
			return
		case <-time.After(reread):
		case <-lost: // too many events: the watcher goes on once it was heard
		case e := <-events:
			if filepath.Clean(e.Name) == filepath.Dir(o.Path) {
				watched = false // the directory itself went
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(settling):
			}
		}
	}
}

// InitFiles writes the numbers that files are to begin with. It comes once, at
// the start of the daemon.
func InitFiles(files []conf.TrackFile) error {
	var errs []error
	for _, f := range files {
		if f.Init == nil {
			continue
		}
		flags := os.O_WRONLY | os.O_CREATE | unix.O_NOFOLLOW
		if f.Overwrite {
			flags |= os.O_TRUNC
		} else {
			flags |= os.O_EXCL
		}
		errs = append(errs, writeNumber(f.Path, flags, *f.Init))
	}
	return errors.Join(errs...)
}

// writeNumber writes a number into a file. One that is there and must not be
// is left alone.
func writeNumber(path string, flags, n int) error {
	file, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = fmt.Fprintln(file, n)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("begin track file: %w", err)
	}
	return nil
}

// readNumber reads the whole number at the beginning of a file. Whatever else
// the path names does not block: the file is opened as O_NONBLOCK.
func readNumber(path string) result {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return result{good: true, detail: "absent"}
	}
	if err != nil {
		return result{detail: err.Error()}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return result{detail: "not a regular file"}
	}
	const longest = 64
	b, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return result{detail: err.Error()}
	}
	words := strings.Fields(string(b))
	if len(words) == 0 {
		return result{good: true, detail: "empty"}
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return result{detail: fmt.Sprintf("%q is not a whole number", words[0])}
	}
	return result{good: true, value: n}
}
