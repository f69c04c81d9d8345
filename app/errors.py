"""The exception tree. A docstring is what the operator is told; `str(error)` adds the particulars."""

from __future__ import annotations


class ConsoleError(Exception):
    """Something could not be done."""

    @property
    def advice(self) -> str:
        """What to do next, in plain words: the docstring of the error's class."""
        return " ".join((type(self).__doc__ or "").split())


class BadSetting(ConsoleError):
    """A setting in the environment has a value that is not allowed. Correct it and start again."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class Invalid(ConsoleError):
    """The values break a rule of the data model. Correct the named field and send again."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class IllegalMove(ConsoleError):
    """The state does not allow this step now. Reload to see the present state."""

    def __init__(self, what: str, current: str, target: str) -> None:
        super().__init__(f"{what} cannot go from {current} to {target}")
        self.current = current
        self.target = target


class NotFound(ConsoleError):
    """There is no such thing, or no longer. It may have been removed meanwhile."""


class Conflict(ConsoleError):
    """Something else stands in the way. See what is under way and try again afterwards."""


class Blocked(Conflict):
    """The preflight shows that it would fail. Mend what it names, look again, and start it then."""


class Outdated(Conflict):
    """It was changed since it was shown. Look at what is there now, and decide again."""


class DatabaseUnavailable(ConsoleError):
    """The database does not answer. Check DATABASE_URL and that PostgreSQL is running."""


class DatabaseNotMigrated(ConsoleError):
    """The database's schema is not this program's. Run: flask --app wsgi db upgrade."""


class MissingAsset(ConsoleError):
    """A file for the browser is not installed. Run: make setup."""


class LeaseLost(ConsoleError):
    """Another gateway holds this container now. This one has stopped writing for it."""


class DialError(ConsoleError):
    """The container could not be reached as its configuration asks. Check its address and that it runs."""


class EndpointRefused(DialError):
    """The container's address is not one this console may dial. Change it, or CONSOLE_ALLOWED_NETWORKS."""


class HandshakeRefused(DialError):
    """The container answered, but not as an ACP agent does. Check that it serves ACP at this path."""


class CallerError(ConsoleError):
    """The gateway did not take the request. The reason tells whether to sign in, to wait or to change it."""
