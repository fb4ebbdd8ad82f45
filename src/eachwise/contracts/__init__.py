"""Every type that crosses a boundary, and the ports. No logic, no I/O; imports nothing of Eachwise above it."""
