"""A data set of one's own from labelled structures, without a card written by hand."""

from matdisc.datasets.new.make import make
from matdisc.datasets.new.options import NewOptions

__all__ = ["NewOptions", "make"]
