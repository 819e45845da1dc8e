"""Real servers of others, started on loopback in temporary folders."""
