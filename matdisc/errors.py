"""The errors a user can act on; everything else is a bug and keeps its traceback.

    MatdiscError
    ├── CardError          a model or dataset card says something impossible
    ├── DataError          a data file is missing, damaged or not what its card says
    ├── SubmissionError    a predictions file cannot be scored
    ├── ExtraError         an optional package is not installed
    ├── RunError           a run cannot start or go on
    │   └── BudgetSpent    it has used what it may, and materials are open
    ├── ServiceError       the submission service cannot start or refuses a request
    ├── TrackerError       an experiment tracker did not take a result
    └── UnknownName        there is nothing of that name (a KeyError, too)

Each message says who, where, which value, and what to do. The command line prints it without a
traceback and exits with code 2.
"""


class MatdiscError(Exception):
    """Base of all errors that say what the reader can do."""


class CardError(MatdiscError):
    """A card is missing, malformed or refused."""


class DataError(MatdiscError):
    """A data file cannot be had, or its content is not what the card promises."""


class SubmissionError(MatdiscError):
    """A predictions file cannot be scored as it is."""


class ExtraError(MatdiscError):
    """A model needs a package that is not installed."""


class RunError(MatdiscError):
    """A run cannot start, or cannot go on."""


class BudgetSpent(RunError):
    """A run has used the CPU hours it may; the command line exits with code 3."""


class ServiceError(MatdiscError):
    """The submission service cannot start, cannot be reached, or refuses what is asked of it."""


class TrackerError(MatdiscError):
    """An experiment tracker did not take a result, which is kept all the same."""


class UnknownName(MatdiscError, KeyError):
    """Something is asked for by a name that it does not have."""

    def __str__(self) -> str:
        return str(self.args[0])
