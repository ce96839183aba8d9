"""One page about the rows of one table, in one file that opens from disk: style and script inside, links within."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime

from markupsafe import Markup

from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.pages.dataset import beside
from matdisc.leaderboard.site.pages.methods import metric_groups
from matdisc.leaderboard.site.pages.model import items_by_model
from matdisc.leaderboard.site.pages.result import whole
from matdisc.leaderboard.site.settings import Settings
from matdisc.leaderboard.site.site import ASSETS, environment, set_up
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.leaderboard.site.tables.format import COVERAGE
from matdisc.tasks import TASKS

LINK = re.compile(
    r'<a(?P<css> class="[^"]*")? href="(?P<page>[a-z]+)(?:/(?P<key>[^"#]*?))?\.(?:html|json)'
    r'(?:\?t=(?P<table>[^"#&]*))?(?:#(?P<anchor>[^"]*))?"'
)


def render_report(content: Content, created: datetime) -> str:
    """Return the page about the results of one task on one dataset, which are all that `content` holds."""
    (table,) = make_tables(content, (), ())
    env = environment()
    set_up(env, Settings(title="matdisc"), [table], created)
    style, script = _text("site.css") + _text("pages.css"), _text("site.js")
    task = TASKS[table.task]
    page = env.get_template("report.html").render(
        root="",
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'",
        style=style,
        script=script,
        table=table,
        beside=beside(content, table),
        sections=[whole(content, item, {}) for items in items_by_model([table]).values() for item in items],
        coverage=COVERAGE,
        coverage_help=COVERAGE,
        metrics=metric_groups([task]),
    )
    return _within(page)


def _text(asset: str) -> Markup:
    return Markup((ASSETS / asset).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    """A source expression of a content security policy that allows this text alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _within(page: str) -> str:
    """Turn links to other pages of a site into links within this one; those to files of data lose their target."""

    def target(found: re.Match[str]) -> str:
        start, page, key = f"<a{found['css'] or ''}", found["page"], found["key"]
        if page == "data":
            return start
        places = {
            "models": f"m-{(key or '').partition('/')[0]}",
            "compare": f"pairs-{found['table'] or key}",
            "datasets": found["anchor"] or "data",
        }
        return f'{start} href="#{places.get(page, found["anchor"] or "top")}"'

    return LINK.sub(target, page)
