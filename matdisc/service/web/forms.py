"""What browsers send: small forms, whose length the application limits, and only from our own pages."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from matdisc.service.settings import Settings
from matdisc.service.web.sessions import is_form_key, session_of
from matdisc.service.web.shell import STALE, Refusal

FIELDS = 40
KEY = "form_key"
ENCODED = "application/x-www-form-urlencoded"


async def read_form(request: Request, settings: Settings) -> dict[str, str]:
    """Return the fields of a small form that one of our own pages has sent.

    Raises:
        Refusal: If another site sent it, or it is none or out of date.
    """
    refuse_other_sites(request, settings)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != ENCODED:
        raise Refusal(415, "This is no form", "The page's own button sends it as a form; use that.")
    try:
        body = (await request.body()).decode()
        fields = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=FIELDS, errors="strict"))
    except ValueError:
        raise Refusal(400, "This form cannot be read", "It is not what the page sends; load the page again.") from None
    if not is_own_form(request, settings, fields.get(KEY, "")):
        raise STALE
    return fields


def is_own_form(request: Request, settings: Settings, key: str) -> bool:
    """Whether a form's key is that of the session that comes with it."""
    session = session_of(request, settings)
    return session is not None and is_form_key(settings, session, key)


def refuse_other_sites(request: Request, settings: Settings) -> None:
    """Raise a Refusal if the browser says that a page of another site sent a request."""
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise STALE
    origin = request.headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    ours = {_host(settings.web.public_url), request.headers.get("host", "").lower()}
    if _host(origin) not in ours:
        raise STALE


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
