"""Where the processes of one trial meet: a store of `torch.distributed` on this machine's loopback, at a free port.

The controller holds it, as torchrun's agent does, from before the first process is started: no other trial can take
the port meanwhile, and nobody on the network can reach it.
"""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Self

import psutil
from torch.distributed import TCPStore

LOOPBACK = "127.0.0.1"


class Rendezvous:
    """A place for the processes of one trial to meet."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._store: TCPStore | None = TCPStore(
            LOOPBACK,
            self.port,
            is_master=True,
            wait_for_workers=False,
            master_listen_fd=self._socket.detach(),  # the store closes it
        )

    def __enter__(self) -> Self:
        """It is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._store = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process has to find in its environment; its own rank comes on top."""
        found = {
            "MASTER_ADDR": LOOPBACK,
            "MASTER_PORT": str(self.port),
            "WORLD_SIZE": str(self.count),
            "LOCAL_WORLD_SIZE": str(self.count),
            "TORCHELASTIC_USE_AGENT_STORE": str(True),
        }
        name = loopback_name()
        if name is not None:
            found |= {key: os.environ.get(key, name) for key in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
        return found


def loopback_name() -> str | None:
    """Return the name of the loopback's interface, None where there is none."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.address == LOOPBACK for one in addresses):
            return name
    return None
