"""Why a rollout paused or went back, why a container takes no part, notifications that were not taken."""

from __future__ import annotations

from typing import Final

from app.protocol.explanations.entry import Explanation, Family


def _of(code: str, text: str, cause: str, advice: str) -> Explanation:
    return Explanation(code, Family.ROLLOUT, text, cause, advice)


ROLLOUT: Final = (
    _of(
        "rollout-limit",
        "wave {number}: {why}",
        "the wave has crossed a limit of the rollout's plan",
        "look at the containers that failed; then retry them, promote in spite of it, or roll back",
    ),
    _of(
        "rollout-failures",
        "{number} failed{which} (limit: {limit})",
        "more containers of the wave failed, or were not heard of while it baked, than the plan allows",
        "see each container's error on the rollout's page, mend the cause, and retry what failed",
    ),
    _of(
        "rollout-failure-rate",
        "{number} of {all} failed{which} (limit: {limit} of them)",
        "a greater part of the wave's containers failed than the plan allows",
        "see each container's error on the rollout's page, mend the cause, and retry what failed",
    ),
    _of(
        "rollout-success",
        "{part} % of the last hour's requests succeeded{limit}",
        "the containers that were moved answer more requests with an error than the plan allows",
        "look at their messages with status:error; roll back if the new protocol is the cause",
    ),
    _of(
        "rollout-latency",
        "the latency is {ratio} times what it was before{limit}",
        "the containers of the wave answer slower over the new protocol than the plan allows",
        "compare both on the statistics' page; roll back, or promote if it is expected",
    ),
    _of(
        "rollout-pause",
        "wave {number} has passed; resume to go on",
        "the plan says that somebody looks after this wave",
        "look at what was moved, then resume",
    ),
    _of(
        "rollout-done",
        "every wave has passed",
        "the rollout has come to its end",
        "nothing; retry what failed, if anything did",
    ),
    _of(
        "rollout-fallen",
        "it has left {protocol} after it was moved",
        "it fell back by itself, or somebody moved it",
        "see the container's protocol migrations, mend the cause, and retry what failed",
    ),
    _of(
        "rollout-not-taken-back",
        "could not be taken back: {why}",
        "the container is still on the new protocol",
        "follow the reason behind the colon, then roll back again",
    ),
    _of(
        "rollout-moved-on",
        "it has changed its protocol since; nothing is taken back",
        "it fell back by itself, or somebody moved it, before its turn to be taken back",
        "nothing: it is not on the protocol of the rollout",
    ),
    _of(
        "rollout-removed",
        "the container was removed",
        "somebody removed it while the rollout was under way",
        "nothing",
    ),
    _of(
        "rollout-takes-no-part",
        "bulk operations are off in its configuration",
        "enable_bulk_operations is off, so that it takes part in no action on many containers",
        "move it by itself, or switch enable_bulk_operations on",
    ),
    _of(
        "rollout-unsupported",
        "it does not support {protocol}",
        "the protocol is not among the container's supported protocols",
        "add it to the container if its image serves it",
    ),
    _of("rollout-already", "it is on {protocol} already", "there is nothing to be moved", "nothing"),
    _of(
        "rollout-competing",
        "a protocol migration of it is under way",
        "a container has one protocol migration at a time, also while it waits for its time or for a person",
        "wait for its end, or cancel it, and make another rollout for it",
    ),
    _of(
        "rollout-elsewhere",
        "another rollout that has not ended has it",
        "a container takes part in one rollout at a time",
        "wait for the other's end, or abort it",
    ),
    _of(
        "webhook-answer",
        "the receiver answered {status}",
        "the webhook did not take the notification: only a status from 200 to 299 does; redirects are not"
        " followed",
        "look at the receiver; it is tried again for some hours",
    ),
    _of(
        "webhook-nowhere",
        "no webhook is set (CONSOLE_WEBHOOK_URL)",
        "nobody is told of rollouts outside of the console",
        "set CONSOLE_WEBHOOK_URL, and CONSOLE_WEBHOOK_SECRET to sign what is sent",
    ),
)
