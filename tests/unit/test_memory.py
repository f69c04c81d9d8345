"""What survives a full collection is spared the next ones, and looked through again after a while."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, weakref
from app.gateway import memory

class Node:
    pass

def cycle():
    node = Node(); node.itself = node
    return node

gc.disable()
memory.spare_the_bulk()
old = cycle()
gc.collect()
assert gc.get_freeze_count() > 1000
gone = weakref.ref(old)
del old
young = weakref.ref(cycle())
gc.collect()
assert young() is None, "what is new is collected"
assert gone() is not None, "what is old is not searched"
memory.THAW_SECONDS = 0.0
gc.collect()
assert gone() is None, "unless it is time to"
"""


def test_old_objects_are_searched_only_now_and_then() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
