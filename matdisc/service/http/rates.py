"""Limits that live in the memory of one process: how often somebody asks, and how much goes on at once."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Lock

from matdisc.service.http.problems import Problem

MOST_KNOWN = 10_000
PATIENCE, LOOK_SECONDS = 10.0, 0.1


class Rates:
    """Token buckets by name: `per_minute` calls at once, then one each 60 / `per_minute` seconds.

    The least recently seen name is forgotten beyond `most` names, so that memory is bounded.
    """

    def __init__(self, per_minute: int, most: int = MOST_KNOWN, clock: Callable[[], float] = time.monotonic) -> None:
        self._full, self._per_second, self._most, self._clock = float(per_minute), per_minute / 60, most, clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, name: str) -> float:
        """Count a call and return 0, or return the seconds until one is free."""
        with self._lock:
            now = self._clock()
            left, seen = self._known.pop(name, (self._full, now))
            left = min(self._full, left + (now - seen) * self._per_second)
            free = left >= 1
            self._known[name] = (left - 1 if free else left, now)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
            return 0.0 if free else (1 - left) / self._per_second

    def take(self, name: str) -> None:
        """Count a call.

        Raises:
            Problem: If there were too many.
        """
        if (seconds := self.wait(name)) > 0:
            said = f"more than {self._full:g} requests in a minute; wait, and ask less often"
            raise Problem(429, "Too many requests", said, retry_after=seconds)


class Slots:
    """How much of something goes on at once: `most` in all, `each` for one name."""

    def __init__(self, what: str, most: int, each: int) -> None:
        self._what, self._most, self._each = what, most, each
        self._taken: Counter[str] = Counter()
        self._waiting = 0
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """How many go on now."""
        return self._taken.total()

    @contextmanager
    def slot(self, name: str) -> Iterator[None]:
        """Take one of them for a while.

        Raises:
            Problem: If none is free.
        """
        self.take(name)
        try:
            yield
        finally:
            self.give_back(name)

    @asynccontextmanager
    async def waited_for(self, name: str, seconds: float = PATIENCE) -> AsyncIterator[None]:
        """As `slot`, after up to so many seconds in which one may come free; few may wait at once.

        Raises:
            Problem: If none has come free.
        """
        until = time.monotonic() + seconds if self._waiting < self._most else 0.0
        self._waiting += 1
        try:
            while True:
                try:
                    self.take(name)
                    break
                except Problem:
                    if time.monotonic() >= until:
                        raise
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self.give_back(name)

    def take(self, name: str) -> None:
        """Take one of them, until `give_back`.

        Raises:
            Problem: If none is free.
        """
        with self._lock:
            if self._taken[name] >= self._each:
                said = f"{self._each} {self._what} at once are the limit; wait until one has ended"
                raise Problem(429, "Too many requests", said, retry_after=5)
            if self._taken.total() >= self._most:
                said = f"the service has all {self._most} {self._what} that it can serve at once; try again"
                raise Problem(503, "Not available", said, retry_after=5)
            self._taken[name] += 1

    def give_back(self, name: str) -> None:
        """Give one back."""
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


class Turns:
    """Lets threads do something one after the other, by a name; few names share a turn by chance."""

    def __init__(self, n: int = 64) -> None:
        self._locks = [Lock() for _ in range(n)]

    def of(self, name: str) -> Lock:
        """Return the lock of a name."""
        return self._locks[hash(name) % len(self._locks)]


def network_of(address: str) -> str:
    """Return what one subscriber has of the internet: an address of IPv4, or the first 64 bits of one of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
