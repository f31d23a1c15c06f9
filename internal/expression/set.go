// Package expression compiles and evaluates CEL expressions over the properties of a stream.
package expression

import (
	"errors"
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
)

const (
	// maxExpressions is how many one instance of a plugin may hold.
	maxExpressions = 256

	// maxLength and maxNesting bound the text of an expression, in code points and in levels.
	maxLength  = 8 << 10
	maxNesting = 64

	// maxCost bounds an evaluation, in CEL's units: about one for each step, and more for work on long texts.
	maxCost = 100_000
)

// Compiler turns texts into programs. The zero value is ready; it is safe for concurrent use, so that all instances of a
// plugin share what it costs to make one.
type Compiler struct {
	once sync.Once
	env  *cel.Env
	err  error
}

func (c *Compiler) compile(text string) (cel.Program, error) {
	c.once.Do(func() { c.env, c.err = newEnv() })
	if c.err != nil {
		return nil, c.err
	}
	ast, issues := c.env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("compiling an expression: %w", issues.Err())
	}
	program, err := c.env.Program(ast, cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("compiling an expression: %w", err)
	}
	return program, nil
}

// newEnv declares the roots of Envoy's attributes. Their members are looked up when an expression is evaluated.
func newEnv() (*cel.Env, error) {
	options := []cel.EnvOption{cel.ParserExpressionSizeLimit(maxLength), cel.ParserRecursionLimit(maxNesting)}
	for _, name := range roots() {
		declared := cel.DynType
		switch kindOf(name) {
		case text:
			declared = cel.StringType
		case number:
			declared = cel.IntType
		}
		options = append(options, cel.Variable(name, declared))
	}
	return cel.NewEnv(options...)
}

// Errors of a Set.
var (
	ErrTooMany = errors.New("the plugin holds 256 expressions already: delete one (expr_delete)")
	ErrUnknown = errors.New("no expression has this token")
	ErrMissing = errors.New("the expression is about something that the stream does not have")
)

// Set holds the expressions of one instance. It is not safe for concurrent use.
type Set struct {
	programs map[uint32]cel.Program
	last     uint32
}

// Create compiles an expression and returns its token, which is never 0.
func (s *Set) Create(c *Compiler, text string) (uint32, error) {
	if len(s.programs) >= maxExpressions {
		return 0, ErrTooMany
	}
	program, err := c.compile(text)
	if err != nil {
		return 0, err
	}
	if s.programs == nil {
		s.programs = map[uint32]cel.Program{}
	}
	s.last++
	s.programs[s.last] = program
	return s.last, nil
}

// Evaluate returns the value of an expression in the wire form of properties. Errors: ErrUnknown, ErrMissing for the value
// null, and what CEL says.
func (s *Set) Evaluate(token uint32, find Find) ([]byte, error) {
	program := s.programs[token]
	if program == nil {
		return nil, ErrUnknown
	}
	value, _, err := program.Eval(activation{find})
	if err != nil {
		return nil, fmt.Errorf("evaluating an expression: %w", err)
	}
	return serialize(value)
}

// Delete forgets an expression.
func (s *Set) Delete(token uint32) { delete(s.programs, token) }
