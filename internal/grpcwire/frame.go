package grpcwire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
)

// headerSize is the flag of compression and the length.
const headerSize = 5

// AppendMessage appends a message, uncompressed, with its header.
func AppendMessage(dst, message []byte) []byte {
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(message)))
	return append(dst, message...)
}

// Encodings is what a Reader can decompress, as the value of grpc-accept-encoding.
const Encodings = "gzip"

// Reader takes messages out of a body.
type Reader struct {
	// Body of the response.
	Body io.Reader
	// Encoding is the response's grpc-encoding.
	Encoding string
	// Max is the size of the largest message, in bytes, before and after decompression.
	Max int
}

// Next returns the next message, or io.EOF behind the last. Every other error is a *Status, or the body's own.
func (r *Reader) Next() ([]byte, error) {
	var header [headerSize]byte
	switch _, err := io.ReadFull(r.Body, header[:]); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Status{codes.Internal, "the response ends within the header of a message"}
	case err != nil:
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[1:])
	if uint64(size) > uint64(r.Max) {
		return nil, r.tooLarge(int64(size))
	}
	message := make([]byte, size)
	switch _, err := io.ReadFull(r.Body, message); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Status{codes.Internal, "the response ends within a message"}
	case err != nil:
		return nil, err
	}
	switch header[0] {
	case 0:
		return message, nil
	case 1:
		return r.decompress(message)
	}
	return nil, &Status{codes.Internal, fmt.Sprintf("a message has the unknown flags %#x", header[0])}
}

func (r *Reader) tooLarge(size int64) error {
	return &Status{codes.ResourceExhausted, fmt.Sprintf("a message has %d bytes or more, the most is %d", size, r.Max)}
}

func (r *Reader) decompress(message []byte) ([]byte, error) {
	if r.Encoding != Encodings {
		return nil, &Status{codes.Internal, fmt.Sprintf("a message is compressed, and the response's grpc-encoding is %q", r.Encoding)}
	}
	z, err := gzip.NewReader(bytes.NewReader(message))
	if err != nil {
		return nil, &Status{codes.Internal, "decompressing a message: " + err.Error()}
	}
	plain, err := io.ReadAll(io.LimitReader(z, int64(r.Max)+1))
	switch {
	case err != nil:
		return nil, &Status{codes.Internal, "decompressing a message: " + err.Error()}
	case len(plain) > r.Max:
		return nil, r.tooLarge(int64(len(plain)))
	}
	return plain, nil
}
