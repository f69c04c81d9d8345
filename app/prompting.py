"""A caller of the gateway, for the console itself: one socket, one session, one prompt.

The command line waits for the answer (`ask`). A page waits until the agent has opened a session, so that
errors are shown at once; a thread then waits for the end, for an agent may work for minutes (`send`).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from app.errors import CallerError
from app.protocol.frames import METHOD_NOT_FOUND
from app.version import VERSION

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 10
"""For the handshake, `initialize` and `session/new` together: as long as a person looks at a loading page."""

PROMPT_SECONDS: Final = 600
MOST_PROMPTS: Final = 8
"""Prompts that one web process waits for at a time, a thread each."""

LARGEST_FRAME: Final = 16 * 1024 * 1024  # wire.md, Transport

_NONSENSE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What reading an answer raises that is not of ACP's shape."""

_free = threading.BoundedSemaphore(MOST_PROMPTS)


class Prompt:
    """A prompt to be sent to `url`; `allows` answers the agent's permission requests with yes, once each."""

    def __init__(self, url: str, token: str, *, allows: bool) -> None:
        self._url = url
        self._deadline = time.monotonic() + ANSWER_SECONDS
        self._headers = {"Authorization": f"Bearer {token}"}
        self._allows = allows
        self._last_id = 0
        self._said: list[str] = []

    def ask(self, text: str) -> str:
        """Send the prompt, wait for its end and return what the agent said.

        Raises:
            CallerError: the gateway is away or refuses, or the agent answers with an error or not at all.
        """
        socket, session_id = self._open()
        try:
            with socket:
                asked = self._ask(socket, "session/prompt", _prompt(session_id, text))
                result = self._answer(socket, asked, time.monotonic() + PROMPT_SECONDS)
        except (TimeoutError, WebSocketException, *_NONSENSE) as error:
            raise CallerError(f"the prompt ended early: {_words(error)}") from error
        return "".join([*self._said, *_texts(result.get("content"))])

    def send(self, text: str) -> None:
        """Send the prompt and return once the agent has it.

        Raises:
            CallerError: the gateway is away or refuses, the agent does not open a session, or too many
                prompts are under way.
        """
        free = _free
        if not free.acquire(blocking=False):
            raise CallerError(f"{MOST_PROMPTS} prompts are under way; wait until one has ended")
        try:
            socket, session_id = self._open()
            asked = self._ask(socket, "session/prompt", _prompt(session_id, text))
        except BaseException:
            free.release()
            raise
        threading.Thread(target=self._wait, args=(socket, asked, free), name="prompt", daemon=True).start()

    def _open(self) -> tuple[ClientConnection, str]:
        """Return a socket and the id of the session opened over it."""
        socket = self._connect()
        try:
            self._call(socket, "initialize", _HELLO)
            opened = self._call(socket, "session/new", {"cwd": "/", "mcpServers": []})
            return socket, str(opened["sessionId"])
        except BaseException as error:
            socket.close()
            raise _explained(error) from error

    def _connect(self) -> ClientConnection:
        try:
            return connect(
                self._url,
                additional_headers=self._headers,
                open_timeout=ANSWER_SECONDS,
                max_size=LARGEST_FRAME,
                compression=None,
                proxy=None,
                legacy=True,  # no `with` here: the thread that waits for the answer closes it
            )
        except (OSError, InvalidHandshake) as error:
            raise CallerError(f"the gateway cannot be reached: {_words(error)}") from error

    def _wait(self, socket: ClientConnection, asked: int, free: threading.BoundedSemaphore) -> None:
        try:
            with socket:
                self._answer(socket, asked, time.monotonic() + PROMPT_SECONDS)
        except (CallerError, TimeoutError, WebSocketException, *_NONSENSE) as error:
            log.warning("a prompt to %s ended early: %s", self._url, error)
        finally:
            free.release()

    def _call(self, socket: ClientConnection, method: str, params: Any) -> Any:
        return self._answer(socket, self._ask(socket, method, params), self._deadline)

    def _ask(self, socket: ClientConnection, method: str, params: Any) -> int:
        self._last_id += 1
        _send(socket, id=self._last_id, method=method, params=params)
        return self._last_id

    def _answer(self, socket: ClientConnection, asked: int, deadline: float) -> Any:
        """Return the result of a request, answering what the agent asks meanwhile."""
        while True:
            frame = json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if not isinstance(frame, dict):
                continue  # an agent's nonsense is relayed as it came
            if "method" in frame and "id" in frame:
                _send(socket, id=frame["id"], **self._reply(frame))
            elif "method" not in frame and frame.get("id") == asked:
                if "error" in frame:
                    raise CallerError(f"the agent answered: {frame['error']['message']}")
                return frame["result"]
            elif frame.get("method") == "session/update":
                update = frame["params"]["update"]
                if update["sessionUpdate"] == "agent_message_chunk":
                    self._said += _texts(update["content"])

    def _reply(self, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["method"] != "session/request_permission":
            return {
                "error": {"code": METHOD_NOT_FOUND, "message": "the console's prompt form offers nothing"}
            }
        options = frame.get("params", {}).get("options", [])
        allowed = [option["optionId"] for option in options if option.get("kind") == "allow_once"]
        if self._allows and allowed:
            return {"result": {"outcome": {"outcome": "selected", "optionId": allowed[0]}}}
        return {"result": {"outcome": {"outcome": "cancelled"}}}


_HELLO: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "console", "title": "LumiLink ACP Console", "version": VERSION},
}


def _prompt(session_id: str, text: str) -> dict[str, Any]:
    return {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}


def _texts(content: Any) -> list[str]:
    """Return the text of a content block, or of a list of them (HTTP answers a prompt with one)."""
    blocks = content if isinstance(content, list) else [content]
    return [block["text"] for block in blocks if isinstance(block, dict) and block.get("type") == "text"]


def _send(socket: ClientConnection, **members: Any) -> None:
    socket.send(json.dumps({"jsonrpc": "2.0", **members}))


def _explained(error: BaseException) -> BaseException:
    """Say what went wrong before the agent had a session; what is nobody's fault there stays as it is."""
    if isinstance(error, TimeoutError):
        return CallerError(f"the agent has not opened a session in {ANSWER_SECONDS} s")
    if isinstance(error, WebSocketException):
        return CallerError(f"the gateway closed the connection: {error}")
    if isinstance(error, _NONSENSE):
        return CallerError("the agent opened no session: its answer is not what ACP says")
    return error


def _words(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        body = (error.response.body or b"").decode(errors="replace").strip()
        return f"it answered {error.response.status_code} {body}"
    return str(error)
