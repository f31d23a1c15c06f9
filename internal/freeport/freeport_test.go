package freeport

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

const many = block + block/2

// TestTake is what the other processes run.
func TestTake(t *testing.T) {
	if os.Getenv("FREEPORT_TAKE") == "" {
		return
	}
	for range many {
		fmt.Println("port", Port(t))
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // the ports are this process's until it ends
}

// TestProcessesDoNotMeet takes more than a block in three processes at a time, where none listens on what it took.
func TestProcessesDoNotMeet(t *testing.T) {
	t.Parallel()
	takers := map[string]string{}
	took := func(port, who string) {
		if other, taken := takers[port]; taken {
			t.Errorf("port %s is given to %s and to %s", port, other, who)
		}
		takers[port] = who
	}
	for _, who := range []string{"the first", "the second"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTake$")
		cmd.Env = append(os.Environ(), "FREEPORT_TAKE=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = stdin.Close()
			_ = cmd.Wait()
		})
		lines := bufio.NewScanner(stdout)
		for range many {
			var port string
			if lines.Scan(); lines.Err() != nil {
				t.Fatal(lines.Err())
			}
			if _, err := fmt.Sscanf(lines.Text(), "port %s", &port); err != nil {
				t.Fatalf("%s says %q", who, lines.Text())
			}
			took(port, who)
		}
	}
	for range many {
		took(Port(t), "this one")
	}
}

func TestTakenPortsAreNotFree(t *testing.T) {
	t.Parallel()
	port, err := strconv.Atoi(Port(t))
	if err != nil {
		t.Fatal(err)
	}
	if !free(port) {
		t.Errorf("%d, on which nobody listens, does not count as free", port)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if free(port) {
		t.Errorf("%d, on which somebody listens, counts as free", port)
	}
}
