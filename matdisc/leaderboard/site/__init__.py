"""The static leaderboard: one folder of plain files that opens from disk and at any address."""

from matdisc.leaderboard.site.history import History
from matdisc.leaderboard.site.previous import history_of, read_history
from matdisc.leaderboard.site.publish import build
from matdisc.leaderboard.site.server import serve

__all__ = ["History", "build", "history_of", "read_history", "serve"]
