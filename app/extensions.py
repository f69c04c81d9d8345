"""The Flask extensions, made once and bound to the app by `create_app`. Imports nothing of ours."""

from __future__ import annotations

from flask_bootstrap import Bootstrap5
from flask_htmx import HTMX
from flask_migrate import Migrate
from flask_security import Security
from flask_sock import Sock
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData

# A violated constraint is reported by its name, so the names are part of what people read.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

db = SQLAlchemy(metadata=metadata)
migrate = Migrate()
htmx = HTMX()
sock = Sock()
security = Security()
csrf = CSRFProtect()
bootstrap = Bootstrap5()
