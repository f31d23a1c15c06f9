package proxywasm

import (
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Redis calls", which only Higress has. Commands and replies are Redis' own bytes (RESP).

func (in *Instance) redisInit(p params) abi.Status {
	var service, username, password []byte
	if status := in.inputs(p, 0, &service, &username, &password); status != abi.StatusOK {
		return status
	}
	err := in.host.Redis.InitRedis(RedisService{
		Name: string(service), Username: string(username), Password: string(password),
		Timeout: time.Duration(p.u32(6)) * time.Millisecond,
	})
	if err != nil {
		return in.refuseCall(err, abi.StatusBadArgument)
	}
	return abi.StatusOK
}

func (in *Instance) redisCall(p params) abi.Status {
	var service, command []byte
	if status := in.inputs(p, 0, &service, &command); status != abi.StatusOK {
		return status
	}
	c, err := in.newCall(len(command))
	if err == nil {
		if status := in.putUint32(p.u32(4), c.token); status != abi.StatusOK {
			return status
		}
		c.observe(KindRedis, string(service), nil)
		cancel, refused := in.host.Redis.CallRedis(string(service), append([]byte(nil), command...),
			func(r RedisResult) { in.onRedisResult(c, r) })
		err = in.begin(c, cancel, refused)
	}
	if err != nil {
		return in.refuseCall(err, abi.StatusBadArgument)
	}
	return abi.StatusOK
}

// onRedisResult is called by the caller. The status is 0 for a reply, an error reply of Redis among them.
func (in *Instance) onRedisResult(c *openCall, r RedisResult) {
	a, failed := answer{body: r.Reply, bodyType: abi.BufferRedisCallResponse}, uint64(0)
	if r.Failure != "" {
		a.code, a.message, failed = uint32(abi.StatusBrokenConnection), r.Failure, 1
	}
	in.deliver(c, true, in.exports.redisCallResponse, a, failed, uint64(len(r.Reply)))
}
