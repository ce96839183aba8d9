"""The static leaderboard: one folder of plain files that opens from disk and at any address."""

from matdisc.leaderboard.site.publish import build
from matdisc.leaderboard.site.server import serve

__all__ = ["build", "serve"]
