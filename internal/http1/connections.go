package http1

// Connections are those that are open, or being made, and those of them that are idle.
func (c *Client) Connections() (open, idle int) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.open, len(c.pool.idle)
}
