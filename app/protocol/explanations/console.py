"""The console's own errors, one for each class of the exception tree, with the likely cause of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from app import errors
from app.protocol.explanations.entry import Explanation, Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.errors import ConsoleError

_CAUSES: Final[Mapping[type[ConsoleError], tuple[str, str]]] = {
    errors.ConsoleError: ("something that has no words of its own", "look into the log, and report it"),
    errors.BadSetting: (
        "a variable in the environment, or in .env, is misspelt or not of its kind",
        "correct what the message names, and start again",
    ),
    errors.Invalid: (
        "a value was entered that the rules do not allow",
        "correct the named field, send it again",
    ),
    errors.IllegalMove: ("somebody else, or the gateway, was faster", "reload the page and look again"),
    errors.NotFound: ("the address is not complete, or somebody removed it", "look for it in its list"),
    errors.Blocked: (
        "what the preflight looked at, rows or network, speaks against the protocol migration",
        "follow the remedy beside the check that blocks, and run the preflight again",
    ),
    errors.Conflict: (
        "another action, migration or name is in the way",
        "see what is under way, try again after",
    ),
    errors.Outdated: ("somebody else changed it while this page was open", "reload, look, and decide again"),
    errors.DatabaseUnavailable: (
        "PostgreSQL is stopped, restarting or unreachable, or DATABASE_URL is wrong",
        "see that PostgreSQL runs, and check DATABASE_URL",
    ),
    errors.DatabaseNotMigrated: (
        "the program was upgraded or went back, and the database was not",
        "run: flask --app wsgi db upgrade",
    ),
    errors.MissingAsset: ("the program was not installed as a whole", "run: make setup"),
    errors.LeaseLost: (
        "this gateway stood still or lost the database for longer than its lease",
        "nothing: the other gateway goes on; look for overload if it happens often",
    ),
    errors.DialError: (
        "the container does not run, or its address, network or TLS is not as configured",
        "follow the reason that stands with it",
    ),
    errors.EndpointRefused: (
        "a list of allowed addresses, an encryption level or a credential does not admit it",
        "change the address, or the setting that the reason names",
    ),
    errors.HandshakeRefused: (
        "another program answers there, or an agent of another generation",
        "check acp_path, the port and the agent's version",
    ),
    errors.CallerError: (
        "the gateway is away, too much is under way, or the agent refused",
        "follow the reason that stands with it",
    ),
}


def _slug(kind: type[ConsoleError]) -> str:
    return "error-" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


CONSOLE: Final = (
    *(
        Explanation(
            _slug(kind),
            Family.CONSOLE,
            kind.__name__,
            cause,
            advice,
            says=(kind.__doc__ or "").partition(".")[0],
        )
        for kind, (cause, advice) in _CAUSES.items()
    ),
    Explanation(
        "error-child-died",
        Family.CONSOLE,
        "ChildDied",
        "a process that flask serve had started failed, or its port is another program's",
        "read its last lines above the message, and start again",
        says="A part of the product has ended",
    ),
)
