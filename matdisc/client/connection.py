"""Asking a service, again where a connection or a proxy failed, and never on another's behalf."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matdisc.client.answers import Refusal, Unreachable, json_of, refusal
from matdisc.errors import ServiceError
from matdisc.version import __version__

if TYPE_CHECKING:
    from requests import Response, Session

CONNECT, READ = 20.0, 90.0
"""Seconds until a connection stands or takes something, and until an answer goes on."""
LONGEST_PAUSE = 15.0


def silent(line: str) -> None:
    return None


@dataclass(frozen=True)
class Connection:
    """A service and the token that opens it.

    Attributes:
        address: As `client.address.service_address` returns it.
        token: Sent to this address alone: redirections are refused, and `.netrc` is not looked at.
        patience: Seconds for which a request that failed by the network or an overloaded service is sent again.
        say: Tells the user what is waited for.
    """

    address: str
    token: str = field(repr=False)
    patience: float = 60.0
    say: Callable[[str], None] = silent

    @cached_property
    def _session(self) -> Session:
        import requests

        session = requests.Session()
        session.trust_env = self.address.startswith("https:")  # no proxy reads what goes to this machine itself
        session.headers.update({"User-Agent": f"matdisc/{__version__}", "Accept-Encoding": "identity"})
        return session

    def json(self, method: str, path: str, **request: Any) -> Any:
        """Return the JSON that answers a request, sent again with growing pauses while the patience lasts.

        Args:
            method, path: Of the request; the path begins with a slash.
            request: As for `opened`.

        Raises:
            Refusal: If the service says no.
            Unreachable: If it could not be reached in time.
            ServiceError: If what answers is no service.
        """
        until, tries = time.monotonic() + self.patience, 0
        while True:
            try:
                with self.opened(method, path, **request) as response:
                    return json_of(response)
            except (Unreachable, Refusal) as err:
                pause = max(err.pause or 0.0, min(0.5 * 2**tries, LONGEST_PAUSE) * random.uniform(0.75, 1.25))
                if err.pause is None or time.monotonic() + pause > until:
                    raise
                trouble = err
            self.say(f"{trouble}; trying again in {pause:.1f} s")
            time.sleep(pause)
            tries += 1

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float = READ,
    ) -> Iterator[Response]:
        """Ask once and yield the answer, whose content is not read yet.

        Args:
            method, path: Of the request.
            params: Behind the question mark; None is left out.
            json: Sent as JSON.
            body: Sent as it is.
            headers: Beside those that every request has.
            read_timeout: Seconds without a byte after which the connection counts as broken.

        Raises:
            Refusal: If the service says no.
            Unreachable: If the connection cannot be made, or breaks while the answer is read within the block.
        """
        import requests
        import urllib3

        try:
            with self._session.request(
                method, self.address + path, params=params, json=json, data=body, headers=headers, stream=True,
                auth=self._with_token, allow_redirects=False, timeout=(CONNECT, read_timeout),
            ) as response:  # fmt: skip
                self._refuse(response)
                yield response
        except requests.exceptions.SSLError as err:
            raise ServiceError(
                f"no secure connection to {self.address} ({_reason(err)}); if its certificate is of an authority of "
                "your own, name that one's file in REQUESTS_CA_BUNDLE"
            ) from err
        except requests.exceptions.Timeout as err:
            raise Unreachable(f"{self.address} does not answer ({_reason(err)})", silent=True) from err
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as err:
            timed_out = bool(err.args) and isinstance(err.args[0], urllib3.exceptions.TimeoutError)
            raise Unreachable(f"no connection to {self.address} ({_reason(err)})", silent=timed_out) from err
        except (requests.RequestException, UnicodeError) as err:
            raise ServiceError(f"{self.address}: the request cannot be made ({_reason(err)})") from err

    def _with_token(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _refuse(self, response: Response) -> None:
        """Raise what an answer other than success means."""
        if 300 <= response.status_code < 400:
            place = response.headers.get("Location", "elsewhere")
            raise Refusal(
                response.status_code, f"{self.address} sends requests on to {place!r}",
                "the token is not sent there by itself; give that address if you trust it",
            )  # fmt: skip
        if not response.ok:
            raise refusal(response)


def _reason(err: Exception) -> str:
    """Return the innermost reason of an error of the network, without the objects that are around it."""
    seen: BaseException = err
    while (inner := _inner(seen)) is not None:
        seen = inner
    text = getattr(seen, "strerror", None) or getattr(seen, "verify_message", None) or str(seen)
    return " ".join(str(text).rpartition("): ")[2].split())[:200] or type(seen).__name__


def _inner(err: BaseException) -> BaseException | None:
    found = [getattr(err, "reason", None), *err.args, err.__cause__ if isinstance(err.__cause__, OSError) else None]
    return next((one for one in found if isinstance(one, BaseException)), None)
