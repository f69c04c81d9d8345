"""What the demo agents do with a prompt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.demo.turn import Turn

STREAMED_CHUNKS = 40

# Shaped like a credential so that redaction must find it; no issuer has ever signed it.
PLANTED_SECRET = "sk-ant-api03-" + "NotARealKey0" * 7 + "-AAAA"

LONG_LINE = "A" * 16_384  # wider than any screen and than any buffer that reads by lines

HOSTILE_TEXTS = (
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    '<div hx-get="/logout" hx-trigger="load">click</div>',
    "</template></td></tr><tr id='topbar' hx-swap-oob='true'><td>owned</td></tr>",
    "{{ 7 * 7 }} ${7 * 7} <%= 7 * 7 %>",
    "\x1b[2J\x1b[31mall is red\x1b[0m\x07",
    "invoice\u202efdp.exe and \u200bzero\u200bwidth",
    f"my key is {PLANTED_SECRET}, keep it safe",
    LONG_LINE,
)


async def echo(turn: Turn) -> None:
    """Show every kind of update once: thought, plan, tool call with permission, text, usage."""
    find, answer = "Find what was asked", "Answer"
    await turn.think("The user wants to hear it again.")
    await turn.plan((find, "in_progress"), (answer, "pending"))
    found = await turn.use_tool("Search the notes", query=turn.text, output="One note found.")
    await turn.plan((find, "completed"), (answer, "in_progress"))
    await turn.say(f"echo: {turn.text}" if found else "I was not allowed to look.")
    await turn.plan((find, "completed"), (answer, "completed"))
    await turn.use_context(len(turn.text))


async def stream(turn: Turn) -> None:
    """Answer in many small pieces, slowly, as a model does."""
    for number in range(1, STREAMED_CHUNKS + 1):
        await turn.say(f"{turn.text} {number}/{STREAMED_CHUNKS}\n")
        await asyncio.sleep(turn.pace)


async def attack(turn: Turn) -> None:
    """Say what would harm a page, a terminal or a log that trusts it."""
    for text in HOSTILE_TEXTS:
        await turn.say(text)
    await turn.use_tool(HOSTILE_TEXTS[1], query=HOSTILE_TEXTS[0], output=HOSTILE_TEXTS[2])
