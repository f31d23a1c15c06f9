package retry

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/nearest"
)

// Reason is why a request is sent again.
type Reason int

// The reasons.
const (
	None           Reason = iota
	ConnectFailure        // no endpoint could be connected to: nothing was sent
	Reset                 // the connection broke before a response began, or what came was none
	Timeout               // there was no response in time
	Status                // the response has one of the statuses
	Code                  // the response has one of gRPC's codes in its header
	reasons
)

// Reasons are all but None.
func Reasons() []Reason { return []Reason{ConnectFailure, Reset, Timeout, Status, Code} }

// String is the word of metrics. Those of the first three stand in Settings.On as well.
func (r Reason) String() string {
	return [...]string{"none", "connect-failure", "reset", "timeout", "status", "grpc-code"}[r]
}

// Conditions are the words of Settings.On that stand for failures without a response.
func Conditions() []string {
	return []string{ConnectFailure.String(), Reset.String(), Timeout.String()}
}

// Codes are the words of Settings.On that stand for codes of gRPC, and the numbers behind them.
func Codes() map[string]string {
	return map[string]string{"cancelled": "1", "deadline-exceeded": "4", "resource-exhausted": "8", "internal": "13", "unavailable": "14"}
}

// CheckCondition refuses a text that does not belong in Settings.On.
func CheckCondition(text string) error {
	return readCondition(new(Policy), text)
}

// CheckMethod refuses a text that does not belong in Settings.Methods.
func CheckMethod(method string) error {
	if !httpguts.ValidHeaderFieldName(method) || strings.ToUpper(method) != method {
		return fmt.Errorf("%q is not a method: write it in upper case, such as POST", method)
	}
	return nil
}

func (p *Policy) readConditions() error {
	for _, text := range p.On {
		if err := readCondition(p, text); err != nil {
			return fmt.Errorf("on: %w", err)
		}
	}
	return nil
}

// readCondition adds one to the policy.
func readCondition(p *Policy, text string) error {
	for _, r := range []Reason{ConnectFailure, Reset, Timeout} {
		if text == r.String() {
			p.conditions[r] = true
			return nil
		}
	}
	if code, ok := Codes()[text]; ok {
		p.codes = append(p.codes, code)
		return nil
	}
	statuses, err := health.ParseStatuses([]string{text})
	if err == nil {
		p.statuses = append(p.statuses, statuses...)
		return nil
	}
	known := Conditions()
	for word := range Codes() {
		known = append(known, word)
	}
	slices.Sort(known)
	if meant := nearest.Word(text, known); meant != "" {
		return fmt.Errorf("%q: did you mean %q?", text, meant)
	}
	return fmt.Errorf("%q: write a status such as 503, 502-504 or 5xx, or one of %s", text, strings.Join(known, ", "))
}

// OnError is the reason, if the policy has it, and None otherwise.
func (p *Policy) OnError(why Reason) Reason {
	if p.conditions[why] {
		return why
	}
	return None
}

// OnResponse is the reason for which a response is worth another try: its status, or for a call of gRPC the code in its
// header, where it stands when there is nothing else. None for a response that is the client's.
func (p *Policy) OnResponse(res *http.Response) Reason {
	code := res.Header["Grpc-Status"]
	switch {
	case len(code) > 0 && slices.Contains(p.codes, code[0]):
		return Code
	case p.statuses.Has(res.StatusCode):
		return Status
	}
	return None
}
