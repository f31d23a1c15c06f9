package hostile

func cpu() []*behaviour {
	overdue := func(id int, name, do string) *behaviour {
		return &behaviour{id: id, group: "CPU", name: name, promise: "`limits.call_timeout` ends the call", attacks: []attack{
			{name: "in a callback", do: do, in: everywhere(), outcome: ends, says: "ran longer than its limit"},
		}}
	}
	loop := overdue(1, "infinite loop", "loop")
	loop.attacks = append(loop.attacks, attack{
		name: "in the allocator", do: "allocator loop; get 0 :path", in: []string{allocator}, outcome: ends, says: "ran longer than its limit",
	})
	dive := overdue(4, "deep recursion", "recurse")
	dive.promise = "the guest's stack is bounded"
	dive.attacks[0].says = "" // or its time is over first
	dive.attacks = append(dive.attacks, attack{
		name: "in the allocator", do: "allocator dive; get 0 :path", in: []string{allocator}, outcome: ends,
	})
	return []*behaviour{
		loop,
		overdue(2, "endless loop over a slow hostcall", "quiet 1; repeat 0; foreign compress aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; pairs 0; end"),
		overdue(3, "endless `memory.fill`", "fill 8000000"),
		dive,
		{id: 5, group: "CPU", name: "start function without end", promise: "`limits.start_timeout` refuses the config", attacks: []attack{
			{name: "start section", module: text("start-loop"), in: []string{atLoad}, outcome: refused, says: "ran longer than its limit"},
			{name: "_initialize", module: text("initialize-loop"), in: []string{atLoad}, outcome: refused, says: "ran longer than its limit"},
		}},
	}
}

// text is a guest in WebAssembly text, of this package's testdata.
func text(name string) func(*kit) []byte {
	return func(k *kit) []byte { return readFile("testdata/" + name + ".wasm") }
}
