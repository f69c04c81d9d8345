"""The shared service module: every write of the console, one noun a file.

A service takes the SQLAlchemy `Session`, checks the rules, writes, leaves an audit event where a person or
the gateway changed something, and rings the doorbell. It never commits: the caller does, so that several
calls can be one transaction.
"""
