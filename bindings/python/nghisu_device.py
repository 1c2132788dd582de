"""What Python adds to the generated module: a device in an `async with`, its changes in an `async for`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nghisu import Change, ChangeListener, Device, DeviceConfig

#: Changes that wait for a slow reader; further ones become one `Change.EVERYTHING`.
WAITING_MAX = 256


@asynccontextmanager
async def opened(config: DeviceConfig) -> AsyncIterator[Device]:
    """Opens a device, and shuts it down whatever happens."""
    device = await Device.open(config)
    try:
        yield device
    finally:
        await device.shut_down()


async def changes(device: Device) -> AsyncIterator[Change]:
    """Yields what changes, from `Change.EVERYTHING` on: so a reader reads the current state first.

    It ends when the device is shut down.
    """
    waiting = _Waiting(asyncio.get_running_loop())
    subscription = device.subscribe(waiting)
    try:
        while (change := await waiting.queue.get()) is not None:
            yield change
    finally:
        subscription.cancel()


class _Waiting(ChangeListener):
    """Takes changes from the listener's thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def changed(self, change: Change) -> None:
        self._on_loop(self._put, change)

    def ended(self) -> None:
        self._on_loop(self.queue.put_nowait, None)

    def _on_loop(self, call, value: Change | None) -> None:
        # A loop that is closed has no reader.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, value)

    def _put(self, change: Change) -> None:
        if self.queue.qsize() == WAITING_MAX:
            while not self.queue.empty():
                self.queue.get_nowait()
            change = Change.EVERYTHING()
        self.queue.put_nowait(change)
