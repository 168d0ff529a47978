"""YAML that people edit, and strangers: read whole or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcai.base.errors import InputError
from dcai.base.yaml_text import MOST_VALUES, builtin, parse_yaml

PATH = Path("settings.yaml")


@pytest.mark.parametrize(
    "value", ["2024-02-30", "!!bool x", "0x_", "!!int x", "!!float .", "!!timestamp x", "[" * 5000]
)
def test_what_is_no_value_is_refused_and_never_crashes(value: str) -> None:
    try:
        found = builtin(parse_yaml(f"default: {value}", PATH))
    except InputError as error:
        assert str(error).startswith(("settings.yaml", "The file holds"))  # noqa: PT017 (either is right: read, or refused)
    else:
        assert set(found) == {"default"}


@pytest.mark.parametrize("value", ["2024-02-30", "!!bool x", "0x_"])
def test_impossible_values_name_the_file(value: str) -> None:
    with pytest.raises(InputError, match=r"settings\.yaml.* is not valid YAML: .+ Correct it by hand\."):
        parse_yaml(f"default: {value}", PATH)


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(InputError, match=f"The file holds more than {MOST_VALUES:,} values, its aliases written out"):
        builtin(parse_yaml("\n".join(lines), PATH))


def test_a_large_plain_list_is_read() -> None:
    assert builtin(parse_yaml(f"a: {list(range(5000))}", PATH)) == {"a": list(range(5000))}
