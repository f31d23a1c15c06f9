package main
import ("testing";"os")
func BenchmarkWarm(b *testing.B){ os.Chdir("../.."); dir:=b.TempDir(); devnull,_:=os.Open(os.DevNull); _=devnull
 startOnce(dir)
 for b.Loop() { startOnce(dir) } }
