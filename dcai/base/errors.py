"""The errors that dcai raises, and the sentences they say.

Every message says what is wrong with the value, what was expected, and the next step. The shells map
each class to an exit code, an HTTP status and a widget message; nothing else needs to know how.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DcaiError(Exception):
    """Base class of every error that dcai raises on purpose.

    Parameters
    ----------
    says : str
        What is wrong, and what was expected.
    step : str
        The next step in Python, where it does not stand in `says`.
    command : str
        The next step at the command line, where it is another.

    Examples
    --------
    >>> error = DcaiError("It does not fit.", "Pass stale='skip'.", command="Pass --stale skip.")
    >>> str(error), error.at_command_line
    ("It does not fit. Pass stale='skip'.", 'It does not fit. Pass --stale skip.')
    """

    def __init__(self, says: object = "", step: str = "", *, command: str = "") -> None:
        super().__init__(f"{says} {step}" if step else says)
        self.at_command_line = f"{says} {command}" if command else str(self)


class InputError(DcaiError, ValueError):
    """A value given by the user cannot be used: wrong type, wrong range, unknown name, unreadable file."""

    @classmethod
    def wrong_value(cls, name: str, caller: str, expected: str, got: object, hint: str = "") -> InputError:
        """Say that one parameter has a value it must not have."""
        sentence = f"The {name!r} parameter of {caller} must be {expected}. Got {shorten(repr(got))} instead."
        return cls(f"{sentence} {hint}".strip())

    @classmethod
    def unknown_name(cls, what: str, name: object, known: Iterable[object], hint: str = "") -> InputError:
        """Say that a name does not exist, offer the nearest one, and list what there is."""
        names = [str(k) for k in known]
        alike = [n for n in names if n.casefold().strip() == str(name).casefold().strip()]
        near = alike or difflib.get_close_matches(str(name), names, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(shorten(repr(n), 60) for n in names[:12]) + (", ..." if len(names) > 12 else "")  # noqa: PLR2004 (a dozen names fit on a line)
        return cls(f"There is no {what} {shorten(repr(name))}.{guess} Known: {listed or 'none'}. {hint}".strip())


class MissingError(InputError):
    """Something that was named is not there: a file, a pipeline, a run, a finding."""


class LogError(DcaiError):
    """A correction log cannot be read or written as it stands."""


class StaleError(DcaiError):
    """Corrections no longer fit the data they were made for, or reviewers disagree."""


class AlignmentError(InputError):
    """Probabilities, labels and rows do not belong together as given."""


class GitError(DcaiError):
    """The git repository is in a state in which the asked for step would do harm, or git refused."""


class RunError(DcaiError):
    """A pipeline run could not be carried out as asked."""


def shorten(text: str, limit: int = 120) -> str:
    """Cut a text for a message, keeping its beginning and saying that it was cut.

    Examples
    --------
    >>> shorten("abcdef", 3)
    'abc... (6 characters)'
    """
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
