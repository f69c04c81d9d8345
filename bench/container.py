"""A demo container that speaks both protocols, over TLS, as a process of its own.

`python -m bench.container FILE` serves it with the key and the certificate in a PEM file, and prints its URL.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.server import serve

NAME: Final = "plain"


async def main(certificate: Path) -> None:
    async with serve(Bind("127.0.0.1", 0), [FLEET[NAME]], certificate) as url:
        print(f"{url}/{NAME}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
