package proxywasm

import (
	"encoding/binary"
	"errors"

	"github.com/loom-gateway/loom/internal/expression"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// The foreign functions expr_create, expr_evaluate and expr_delete: CEL over the properties of the effective context.

func (in *Instance) createExpression(text []byte) ([]byte, abi.Status) {
	token, err := in.expressions.Create(&in.module.expressions, string(text))
	if err != nil {
		return nil, in.refuseAbout(abi.StatusBadArgument, "the expression is not valid CEL over Envoy's attributes", []byte(err.Error()))
	}
	return binary.LittleEndian.AppendUint32(nil, token), abi.StatusOK
}

func (in *Instance) evaluateExpression(args []byte) ([]byte, abi.Status) {
	if len(args) != 4 {
		return nil, abi.StatusBadArgument
	}
	value, err := in.expressions.Evaluate(binary.LittleEndian.Uint32(args), func(path string) ([]byte, bool) {
		value, status := in.property(abi.PropertyPath(path))
		return value, status == abi.StatusOK
	})
	switch {
	case err == nil:
		return value, abi.StatusOK
	case errors.Is(err, expression.ErrUnknown), errors.Is(err, expression.ErrMissing):
		return nil, abi.StatusNotFound
	case errors.Is(err, expression.ErrNoWireForm):
		return nil, abi.StatusSerializationFailure
	}
	return nil, in.refuseAbout(abi.StatusInternalFailure, "the expression has no value", []byte(err.Error()))
}

func (in *Instance) deleteExpression(args []byte) abi.Status {
	if len(args) != 4 {
		return abi.StatusBadArgument
	}
	in.expressions.Delete(binary.LittleEndian.Uint32(args))
	return abi.StatusOK
}
