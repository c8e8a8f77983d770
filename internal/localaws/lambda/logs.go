package lambda

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
)

// logPipe reads what a process writes to one of its streams, line by line.
type logPipe struct {
	read, write *os.File
	emit        func(line string)
	mark        string // written into the pipe to learn when everything before it has been read
	synced      chan struct{}
	finished    chan struct{}
}

func openLogPipe(emit func(line string)) (*logPipe, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("log pipe: %w", err)
	}
	p := &logPipe{
		read: read, write: write, emit: emit, mark: uuid.NewString(),
		synced: make(chan struct{}), finished: make(chan struct{}),
	}
	go p.run()
	return p, nil
}

func (p *logPipe) run() {
	defer close(p.finished)
	reader := bufio.NewReader(p.read)
	for {
		line, err := reader.ReadString('\n')
		line = strings.TrimSuffix(line, "\n")
		text, marked := strings.CutSuffix(line, p.mark)
		if text != "" {
			p.emit(text)
		}
		if marked {
			p.synced <- struct{}{}
		}
		if err != nil {
			return // the process and this side have closed it
		}
	}
}

// sync returns when everything that the process has written so far has been emitted.
func (p *logPipe) sync() {
	if _, err := p.write.WriteString(p.mark + "\n"); err != nil {
		return // closed: close has emitted everything
	}
	select {
	case <-p.synced:
	case <-p.finished:
	}
}

// close emits what is left. The process must have ended.
func (p *logPipe) close() {
	_ = p.write.Close()
	<-p.finished
	_ = p.read.Close()
}
