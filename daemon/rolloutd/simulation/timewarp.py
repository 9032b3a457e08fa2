"""An asyncio event loop whose time jumps to the next timer; it must never look at a real clock, a file or a thread.

One run is one thread and one order of steps, so the same seed gives the same run. Tasks know which process they belong
to, so that a simulated crash can end all of them and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from rolloutd.core.values import Instant

T = TypeVar("T")
WALL_AT_START_MS = 1_700_000_000_000
CLOCK_AT_START_MS = 5_000_000
OWNER: ContextVar[TaskGroup | None] = ContextVar("owner", default=None)
"""The simulated process that the running task belongs to; None is the world."""


class Standstill(RuntimeError):
    """Nothing is due and nothing can happen any more: somebody waits for what nobody will do."""


class TaskGroup:
    """The tasks of one simulated process, in the order in which they were made."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that belongs to this process, and with it all that it starts."""
        context = copy_context()
        context.run(OWNER.set, self)
        return asyncio.get_running_loop().create_task(work, name=name, context=context)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Note a task until it ends. Its exception is fetched, so that none is reported late, by the collector."""
        self.tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        if not task.cancelled():
            task.exception()

    async def kill(self) -> bool:
        """Cancel every task until none is left, in no time; False when one does not end."""
        for _ in range(100):
            for task in list(self.tasks):
                task.cancel()
            if not self.tasks:
                return True
            await asyncio.sleep(0)
        return False


class _Selector:
    """What the loop asks to wait: nobody ever waits here, the loop's time moves instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        """Let ``timeout`` seconds have passed."""
        if timeout is None:
            raise Standstill("Nothing is due any more, and the run is not over.")
        self._loop.pass_s(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one simulated run. ``time()`` begins at zero."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._selector = _Selector(self)
        self.set_task_factory(_make_task)

    def time(self) -> float:
        """Virtual seconds since the run began."""
        return self._now_s

    def pass_s(self, seconds: float) -> None:
        """Move time on. Whatever was due in between is late, as after a suspend."""
        self._now_s += max(0.0, seconds)

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """There are no threads: the work is done at once."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except OSError as error:
            done.set_exception(error)
        return done

    def _process_events(self, event_list: list[object]) -> None:
        """There is no outside."""

    def _write_to_self(self) -> None:
        """There is nobody to wake."""


def _make_task(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[object, object, T] | Generator[object, None, T],
    *,
    name: str | None = None,
    context: Context | None = None,
) -> asyncio.Task[T]:
    """A task noted with its process, which is that of the task that makes it unless a context says otherwise."""
    owner = context.get(OWNER) if context is not None else OWNER.get()
    task = asyncio.Task(work, loop=loop, name=name, context=context)  # type: ignore[arg-type]  # only coroutines come
    if owner is not None:
        owner.adopt(task)
    return task


class VirtualClock:
    """The clocks as a process sees them. ``wall_jump_ms`` is how far the wall clock has been set from the true time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.wall_jump_ms = 0
        self.behind_ms = 0

    def now(self) -> Instant:
        """This moment on both clocks of the process. ``behind_ms`` is the time for which the host was off."""
        true_ms = self.true_ms()
        return Instant(CLOCK_AT_START_MS + true_ms - self.behind_ms, WALL_AT_START_MS + true_ms + self.wall_jump_ms)

    def true_of(self, at: Instant) -> int:
        """The true time of a moment that this process took from its clock."""
        return at.clock_ms - CLOCK_AT_START_MS + self.behind_ms

    def true_ms(self) -> int:
        """Milliseconds since the run began, whatever anybody's clock says."""
        return round(self._loop.time() * 1000)


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run to the end on a virtual clock. Raises Standstill when everything waits for nothing."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.close()
