"""The ledgers of agent and callers against the stored records: nothing lost, nothing twice, all in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from tests.soak.content import fingerprint, said, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from tests.soak.callers import Answer, Ledger

Row = dict[str, Any]

_ROWS = """
    SELECT id, connection_id, seq, direction, rpc_kind, payload, reply_to, local FROM acp_message
    ORDER BY connection_id, seq, id
"""
NOT_ON_THE_WIRE = {"transport", "unanswered", "gap"}
"""Kinds of records that are the gateway's own notes (protocol.rpc.RpcKind)."""


@dataclass
class Records:
    """What is stored, by what it is looked for."""

    count: int = 0
    faults: list[str] = field(default_factory=list)
    by_link: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Fingerprints in the order of the records, by the link's name and the direction."""
    requests: dict[str, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    """Records of callers' requests by their tag."""
    replies: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    """Records by the request that they answer."""
    contents: Counter[str] = field(default_factory=Counter)
    """How many records have a content that only one may have."""

    def add(self, row: Row, link: str | None) -> None:
        payload = row["payload"]
        self.count += 1
        if row["reply_to"]:
            self.replies[row["reply_to"]].append(row)
        if row["rpc_kind"] in NOT_ON_THE_WIRE:
            return
        if tag := tag_of(payload):
            self.contents[said(payload)] += 1
            if row["direction"] == "outbound" and row["rpc_kind"] == "request":
                self.requests[tag].append(row["id"])
        if not row["local"] and link is not None:
            self.by_link[link][row["direction"]].append(fingerprint(payload))


def read(database_url: str) -> Records:
    """Read all records, connection by connection, in the order of their numbers."""
    records = Records()
    for row, link in _with_link(records, database_url):
        records.add(row, link)
    twice = [content for content, times in records.contents.items() if times > 1]
    if twice:
        records.faults.append(f"{len(twice)} contents are stored more than once")
    return records


def _with_link(records: Records, database_url: str) -> Iterator[tuple[Row, str | None]]:
    """Yield every row with the link it went over; note where numbers have a gap or come twice."""
    with psycopg.connect(database_url) as connection, connection.cursor("r", row_factory=dict_row) as cursor:
        connection_id, number, link = None, 0, None
        for row in cursor.execute(_ROWS):
            if row["connection_id"] != connection_id:
                connection_id, number, link = row["connection_id"], 0, None
            number += 1
            if row["seq"] != number:
                records.faults.append(f"connection {connection_id} has {row['seq']} in the place of {number}")
                number = row["seq"]
            if name := _opened(row):
                link = name
                records.by_link[link] = {"inbound": [], "outbound": []}
            yield row, link


def _opened(row: Row) -> str | None:
    """Find the name of a link in the record of its opening."""
    opened = row["payload"].get("opened") if row["rpc_kind"] == "transport" else None
    headers = {name.lower(): value for name, value in opened["headers"].items()} if opened else {}
    return headers.get("acp-connection-id")


def faults_of_agent(records: Records, ledger: Path) -> list[str]:
    """Compare link by link: what the agent heard was recorded before, what is recorded the agent has said."""
    heard: dict[str, list[str]] = defaultdict(list)
    told: dict[str, list[str]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        link, direction, content = line.split()
        (heard if direction == "<" else told)[link].append(content)
    faults = []
    for link in heard.keys() | records.by_link.keys():
        stored = records.by_link.get(link, {"inbound": [], "outbound": []})
        if heard[link] != stored["outbound"][: len(heard[link])]:
            faults.append(f"{link}: the agent heard {len(heard[link])} frames which are not recorded so")
        if stored["inbound"] != told[link][: len(stored["inbound"])]:
            faults.append(f"{link}: {len(stored['inbound'])} records are not what the agent said")
    return faults


def faults_of_callers(records: Records, ledger: Ledger) -> list[str]:
    """Every answer and every notification that a caller has got is stored once, and so is its request."""
    faults = [fault for tag, answer in ledger.asked.items() if (fault := _fault(records, tag, answer))]
    lost = [content for content in ledger.heard if content not in records.contents]
    if lost:
        faults.append(f"{len(lost)} frames were delivered to callers that are not stored")
    if len(set(ledger.heard)) != len(ledger.heard):
        faults.append("a frame was delivered twice")
    return faults


def _fault(records: Records, tag: str, answer: Answer | None) -> str | None:
    requests = records.requests.get(tag, [])
    if not requests and answer is None:
        return None  # it was never acknowledged
    if len(requests) != 1:
        return f"the request of {tag} is stored {len(requests)} times, and was answered: {answer}"
    replies = records.replies.get(requests[0], [])
    if len(replies) != 1:
        return f"the request of {tag} has {len(replies)} answers stored, its caller got {answer}"
    payload = replies[0]["payload"]
    if answer is None or answer.result == said(payload):
        return None
    if answer.error is not None and answer.error == payload.get("error", {}).get("message"):
        return None
    return f"the request of {tag} was answered {answer}, but stored is {payload}"
