"""matdisc: the referee for models that promise to find new stable materials."""

__version__ = "0.1.0"
