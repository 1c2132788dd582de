"""What Python adds to the generated module: a device in an `async with`, its changes in an `async for`."""

import asyncio
import atexit
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from nghisu import (
    Change,
    ChangeListener,
    Device,
    DeviceConfig,
    DeviceSigner,
    EnrolmentListener,
    Identity,
    SyncListener,
    SyncStatus,
)

#: Changes that wait for a slow reader; further ones become one `Change.EVERYTHING`.
WAITING_MAX = 256
#: Seconds for which a program's end waits for threads of the library; one that is longer in it hangs in a listener.
LEAVING_S = 10


@asynccontextmanager
async def opened(
    config: DeviceConfig, signer: DeviceSigner | None = None, database_key: bytes | None = None
) -> AsyncIterator[Device]:
    """Opens a device, and shuts it down whatever happens."""
    device = await Device.open(config, signer, database_key)
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


async def sync_statuses(device: Device) -> AsyncIterator[SyncStatus]:
    """Yields how the automatic sync stands, from now on. A slow reader gets the newest state alone.

    It ends when the device is shut down.
    """
    newest = _Newest(asyncio.get_running_loop())
    subscription = device.subscribe_sync(newest)
    try:
        while (status := await newest.next()) is not None:
            yield status
    finally:
        subscription.cancel()


async def enrol_until_confirmed(device: Device, invitation: str, show: Callable[[str], None]) -> Identity:
    """Enrols a device and waits until the office has compared the six digits, which `show` gets on this loop.

    Cancelling stops the waiting; `resume_enrolment` goes on, also after a restart.
    """
    return await device.enrol_until_confirmed(invitation, _Digits(asyncio.get_running_loop(), show))


async def resume_enrolment(device: Device, show: Callable[[str], None]) -> Identity:
    """Goes on with an enrolment that was begun, as `enrol_until_confirmed` does."""
    return await device.resume_enrolment(_Digits(asyncio.get_running_loop(), show))


@atexit.register
def _come_back() -> None:
    """Waits until no thread of the library is in the interpreter.

    The one that told of a call's end may still wait for its turn to return. An interpreter that ends before
    that ends the thread, in the middle of the library, which aborts the process.
    """
    until = time.monotonic() + LEAVING_S
    while _visitors() and time.monotonic() < until:
        time.sleep(0.001)


def _visitors() -> set[int]:
    """Returns the threads that run Python and that Python has not started."""
    own = {thread.ident for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}
    return set(sys._current_frames()) - own


class _OnLoop:
    """Takes calls from a thread of the library to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def call(self, call: Callable, value: object) -> None:
        # A loop that is closed has no reader.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, value)


class _Digits(EnrolmentListener):
    """Shows digits on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, show: Callable[[str], None]) -> None:
        self.loop, self.show = _OnLoop(loop), show

    def digits(self, digits: str) -> None:
        self.loop.call(self.show, digits)


class _Waiting(ChangeListener):
    """Takes changes from the listener's thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = _OnLoop(loop)
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def changed(self, change: Change) -> None:
        self.loop.call(self._put, change)

    def ended(self) -> None:
        self.loop.call(self.queue.put_nowait, None)

    def _put(self, change: Change) -> None:
        if self.queue.qsize() == WAITING_MAX:
            while not self.queue.empty():
                self.queue.get_nowait()
            change = Change.EVERYTHING()
        self.queue.put_nowait(change)


class _Newest(SyncListener):
    """Takes the newest status from the listener's thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = _OnLoop(loop)
        self.came = asyncio.Event()
        self.status: SyncStatus | None = None

    def stands(self, status: SyncStatus) -> None:
        self.loop.call(self._put, status)

    def ended(self) -> None:
        self.loop.call(self._put, None)

    async def next(self) -> SyncStatus | None:
        await self.came.wait()
        self.came.clear()
        return self.status

    def _put(self, status: SyncStatus | None) -> None:
        self.status = status
        self.came.set()
