"""The protocol without I/O: text and events in, text and events out. Standard library and msgspec only."""
