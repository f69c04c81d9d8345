"""The web application, for gunicorn (`gunicorn wsgi:app`) and for the command line (`flask --app wsgi`)."""

from __future__ import annotations

import gc
import sys

gc.disable()  # what is imported stays: to search it for garbage all the while is a sixth of a start

from app import create_app  # noqa: E402
from app.errors import ConsoleError  # noqa: E402

try:
    app = create_app()
except ConsoleError as error:
    sys.stderr.write(f"Error: {error}\n{error.advice}\n")
    raise SystemExit(3) from None  # gunicorn's WORKER_BOOT_ERROR: starting the worker again would not help

gc.freeze()  # nor is it searched later
gc.enable()
