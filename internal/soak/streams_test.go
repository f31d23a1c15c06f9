package soak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// stream stays open from the first change to the last: it returns when ctx ends, or with the error that broke it off. heard is
// called with each message that has come back.
type stream func(ctx context.Context, heard func()) error

func webSocket(address string) stream {
	return func(ctx context.Context, heard func()) error {
		conn, _, err := websocket.Dial(ctx, "ws://"+address+"/ws", nil)
		if err != nil {
			return err
		}
		defer conn.CloseNow()
		for i := 0; ctx.Err() == nil; i++ {
			text := fmt.Sprint(i)
			if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
				return err
			}
			if _, data, err := conn.Read(ctx); err != nil || string(data) != text {
				return fmt.Errorf("echo of message %d is %q: %w", i, data, err)
			}
			heard()
			time.Sleep(4 * pace)
		}
		return nil
	}
}

func serverSentEvents(client *http.Client, url string) stream {
	return func(ctx context.Context, heard func()) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", http.NoBody)
		if err != nil {
			return err
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for want := 0; lines.Scan(); {
			text, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			if text != fmt.Sprint(want) {
				return fmt.Errorf("event %s after event %d", text, want-1)
			}
			want++
			heard()
		}
		return errors.Join(lines.Err(), errors.New("the events have ended"))
	}
}

// grpcStream sends and receives on one bidirectional stream.
func grpcStream(conn *grpc.ClientConn) stream {
	return func(ctx context.Context, heard func()) error {
		calls, err := testgrpc.NewTestServiceClient(conn).FullDuplexCall(ctx)
		if err != nil {
			return err
		}
		request := &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 10}}}
		for ctx.Err() == nil {
			if err := calls.Send(request); err != nil {
				return err
			}
			if _, err := calls.Recv(); err != nil {
				return err
			}
			heard()
			time.Sleep(4 * pace)
		}
		return nil
	}
}

// grpcUnary is a call for each id.
func grpcUnary(conn *grpc.ClientConn) exchange {
	client := testgrpc.NewTestServiceClient(conn)
	return func(ctx context.Context, id string) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		request := &testgrpc.SimpleRequest{ResponseSize: 8, Payload: &testgrpc.Payload{Body: []byte(id)}}
		res, err := client.UnaryCall(ctx, request)
		if err == nil && len(res.GetPayload().GetBody()) != 8 {
			err = fmt.Errorf("the answer has %d bytes", len(res.GetPayload().GetBody()))
		}
		return err
	}
}

func dialGRPC(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}
