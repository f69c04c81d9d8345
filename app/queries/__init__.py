"""Named SELECTs, one noun a file. A query takes the SQLAlchemy `Session` and changes nothing."""
