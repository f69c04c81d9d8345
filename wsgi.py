"""The web application, for gunicorn (`gunicorn wsgi:app`) and for the command line (`flask --app wsgi`)."""

from __future__ import annotations

import sys

from app import create_app
from app.errors import ConsoleError

try:
    app = create_app()
except ConsoleError as error:
    sys.stderr.write(f"Error: {error}\n{error.advice}\n")
    raise SystemExit(3) from None  # gunicorn's WORKER_BOOT_ERROR: starting the worker again would not help
