module github.com/higress-group/nottinygc

go 1.26.0
