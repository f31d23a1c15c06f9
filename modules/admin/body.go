package admin

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// maxBody is the most that a request may carry, in bytes. The largest that means anything is {"force":true}.
const maxBody = 4 << 10

// bodyProblem refuses bodies that are not for this API before anything is done. A body of unknown length is bounded as it is
// read.
func bodyProblem(r *http.Request) *problem {
	switch {
	case r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody:
		return nil
	case r.ContentLength > maxBody:
		return tooLarge()
	case !isWrite(r):
		return nil // nobody reads it
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &problem{Status: http.StatusUnsupportedMediaType, Detail: "a body must be application/json, and none is needed"}
	}
	return nil
}

// bodyError says what is wrong with a body that could not be read.
func bodyError(err error) *problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	return &problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf(`reading the body: %v: write {"force": true}, or no body`, err)}
}

func tooLarge() *problem {
	return &problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes, and none is needed", maxBody)}
}
