// SPDX-License-Identifier: GPL-2.0-or-later

// A first test in Go, with the standard library alone: `go test first_test.go`.
package first

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Mock is the program, started.
type Mock struct {
	Path    string
	test    *testing.T
	control *bufio.ReadWriter
}

func dial(t *testing.T, path string) *bufio.ReadWriter {
	for i := 0; i < 100; i++ {
		if connection, err := net.Dial("unix", path); err == nil {
			return bufio.NewReadWriter(bufio.NewReader(connection), bufio.NewWriter(connection))
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nobody listens on " + path)
	return nil
}

// Start serves a recording until the test is done. What was asked and is not recorded fails the test.
func Start(t *testing.T, recording string) *Mock {
	folder := t.TempDir()
	mock := &Mock{Path: filepath.Join(folder, "qmp"), test: t}
	control := filepath.Join(folder, "control")
	command := exec.Command("mock-qmp", "serve", recording, "--mode", "free-reads",
		"--listen", "unix:"+mock.Path, "--control", "unix:"+control)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	mock.control = dial(t, control)
	t.Cleanup(func() {
		mock.Order(map[string]any{"do": "quit"})
		if err := command.Wait(); err != nil {
			t.Error("something was not as recorded: ", err)
		}
	})
	return mock
}

// Order sends a line to the control socket and returns the answer.
func (mock *Mock) Order(order map[string]any) map[string]any {
	return exchange(mock.test, mock.control, order)
}

func exchange(t *testing.T, stream *bufio.ReadWriter, message map[string]any) map[string]any {
	text, _ := json.Marshal(message)
	stream.Write(append(text, '\n'))
	stream.Flush()
	for {
		line, err := stream.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		answer := map[string]any{}
		if err := json.Unmarshal(line, &answer); err != nil {
			t.Fatal(err)
		}
		if answer["event"] == nil && answer["QMP"] == nil {
			return answer
		}
	}
}

func TestStart(t *testing.T) {
	mock := Start(t, "10.0-x86_64-q35")
	client := dial(t, mock.Path)
	for _, command := range []string{"qmp_capabilities", "cont"} {
		exchange(t, client, map[string]any{"execute": command})
	}
	reply := exchange(t, client, map[string]any{"execute": "query-status"})
	if status := reply["return"].(map[string]any)["status"]; status != "running" {
		t.Error("the machine is ", status)
	}
}

func TestStartThatFails(t *testing.T) {
	mock := Start(t, "10.0-x86_64-q35")
	mock.Order(map[string]any{"do": "rule", "rule": map[string]any{
		"command": "cont", "error": "no power"}})
	client := dial(t, mock.Path)
	exchange(t, client, map[string]any{"execute": "qmp_capabilities"})
	reply := exchange(t, client, map[string]any{"execute": "cont"})
	if desc := reply["error"].(map[string]any)["desc"]; desc != "no power" {
		t.Error("the error is ", desc)
	}
}
