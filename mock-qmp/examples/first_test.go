// SPDX-License-Identifier: GPL-2.0-or-later

// A first test in Go, with the standard library alone: `go run first_test.go`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Mock is the program, started.
type Mock struct {
	Path    string
	control *bufio.ReadWriter
	command *exec.Cmd
	folder  string
}

func dial(path string) *bufio.ReadWriter {
	for i := 0; i < 100; i++ {
		if connection, err := net.Dial("unix", path); err == nil {
			return bufio.NewReadWriter(bufio.NewReader(connection), bufio.NewWriter(connection))
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic("nobody listens on " + path)
}

// Start serves a recording.
func Start(recording string) *Mock {
	folder, err := os.MkdirTemp("", "mock")
	if err != nil {
		panic(err)
	}
	mock := &Mock{Path: filepath.Join(folder, "qmp"), folder: folder}
	control := filepath.Join(folder, "control")
	mock.command = exec.Command("mock-qmp", "serve", recording, "--mode", "free-reads",
		"--listen", "unix:"+mock.Path, "--control", "unix:"+control)
	mock.command.Stderr = os.Stderr
	if err := mock.command.Start(); err != nil {
		panic(err)
	}
	mock.control = dial(control)
	return mock
}

// Order sends a line to the control socket and returns the answer.
func (mock *Mock) Order(order map[string]any) map[string]any {
	return exchange(mock.control, order)
}

// Stop ends it; an error says that something was not as recorded.
func (mock *Mock) Stop() error {
	defer os.RemoveAll(mock.folder)
	mock.Order(map[string]any{"do": "quit"})
	return mock.command.Wait()
}

func exchange(stream *bufio.ReadWriter, message map[string]any) map[string]any {
	text, _ := json.Marshal(message)
	stream.Write(append(text, '\n'))
	stream.Flush()
	for {
		line, err := stream.ReadBytes('\n')
		if err != nil {
			panic(err)
		}
		answer := map[string]any{}
		if err := json.Unmarshal(line, &answer); err != nil {
			panic(err)
		}
		if answer["event"] == nil && answer["QMP"] == nil {
			return answer
		}
	}
}

func main() {
	mock := Start("10.0-x86_64-q35")
	client := dial(mock.Path)
	exchange(client, map[string]any{"execute": "qmp_capabilities"})
	exchange(client, map[string]any{"execute": "cont"})
	status := exchange(client, map[string]any{"execute": "query-status"})["return"].(map[string]any)
	if status["status"] != "running" {
		panic(status)
	}
	if err := mock.Stop(); err != nil {
		panic(err)
	}
	fmt.Println("the machine runs")
}
