package loomadapter

import "github.com/loom-gateway/loom/modules/gateway"

// node is who the gateway is, or nil.
func (c *converter) node() *gateway.Node {
	n := c.doc.Node
	if n == nil {
		return nil
	}
	out := &gateway.Node{ID: n.ID, Cluster: n.Cluster}
	if n.Metadata != nil && n.Metadata.Decode(&out.Metadata) != nil {
		c.errorf(n.Pos.key("metadata"), "this is no mapping: write names with their values, such as NAMESPACE: shop")
	}
	return out
}
