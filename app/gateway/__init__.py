"""The gateway: everything that awaits. It alone dials containers, writes messages and moves a status."""
