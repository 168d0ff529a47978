"""The user's own rules: what breaks them is found, what they cannot judge is said, and nothing of them is ever executed."""

import contextlib
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.findings.report import audit
from dcai.findings.rules.rulebook import read_rules
from dcai.shells.cli_find import audit as command


@pytest.fixture(scope="module")
def people():
    return pd.DataFrame(
        {
            "age": [30.0, 41.0, -3.0, None, 55.0] * 20,
            "country": ["DE", "FR", "XX", "DE", "IT"] * 20,
            "unit price": ["1", "2.5", "cheap", "4", None] * 20,
            "start": pd.to_datetime(["2020-01-05"] * 100),
            "end": ["2020-02-01"] * 99 + ["2019-01-01"],
            "member": [True, False, None, True, False] * 20,
            "code": [f"{i:05d}" for i in range(99)] + ["00000"],
            "from": range(100),
        }
    )


def check(frame, *rules, **more):
    return audit(frame, rules=list(rules), detectors="rules", progress=False, **more)


def broken(frame, rule):
    findings = check(frame, rule).findings
    return set(findings["row"])


EVERY = {2 + 5 * i for i in range(20)}


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("age >= 0", EVERY),
        ("0 <= age <= 60", EVERY),
        ("age > -1 and age < 100", EVERY),
        ("not age < 0", EVERY),
        ("(age >= 0) & (age < 1e9)", EVERY),
        ("country in ['DE', 'FR', 'IT']", EVERY),
        ("country not in ('XX',)", EVERY),
        ("country != 'XX' or `from` < 50", {r for r in EVERY if r >= 50}),
        ("`from` < 50 if country == 'XX' else `from` >= 0", {r for r in EVERY if r >= 50}),
        ("age in [30, 41, 55]", EVERY),
        ("age in [-3, 30, 41, 55]", set()),
        ("age in [30, 41, 55, None]", EVERY),
        ("`unit price` > 1", {5 * i for i in range(20)}),
        ("start <= end", {99}),
        ("end - start <= 30", set()),
        ("start >= '2020-01-05'", set()),
        ("end in ['2020-02-01']", {99}),
        ("year(end) == 2020", {99}),
        ("len(code) == 5 and code matches '[0-9]{5}'", set()),
        ("code not matches '0009[0-9]'", set(range(90, 99))),
        ("matches(code, '000..')", set()),
        ("code contains '0'", set()),
        ("code not startswith '0009'", set(range(90, 99))),
        ("endswith(lower(country), 'e') or country != 'DE'", set()),
        ("unique(code)", {0, 99}),
        ("unique(code, `from`)", set()),
        ("not missing(age)", {3 + 5 * i for i in range(20)}),
        ("age is not None", {3 + 5 * i for i in range(20)}),
        ("abs(age) <= 55 and round(age) == age", set()),
        ("max(age, `from`) >= `from`", set()),
        ("member == True or member == False", set()),
        ("`from` % 100 == `from` and `from` // 1 * 2 / 2 - 0 == `from`", set()),
        ("number(code) == `from` or `from` == 99", set()),
    ],
)
def test_what_breaks_a_rule_is_found(people, rule, rows):
    assert broken(people, rule) == rows


def test_a_broken_cell_says_the_rule_and_what_stands_behind_it(people):
    found = check(people, "age >= 0").findings.iloc[0]
    assert (found["column"], found["given"], found["row"] in EVERY) == ("age", -3.0, True)
    assert found["reason"] == "The rule 'age >= 0' does not hold: 'age' is -3. It holds in 60 of 80 rows."
    assert found["doubt"] == pytest.approx(0.75)


def test_a_rule_about_two_columns_speaks_of_the_row(people):
    found = check(people, "start <= end").findings
    assert found["column"].tolist() == [None]
    assert "'start' is '2020-01-05' and 'end' is '2019-01-01'. It holds in 99 of 100 rows." in found["reason"].item()


def test_rules_have_names_and_a_cell_is_listed_once(people):
    rules = {"old enough": "age >= 0", "a whole life": "age > -2"}
    found = audit(people, rules=rules, detectors="rules", progress=False).findings
    assert len(found) == 20
    assert "The rule 'old enough' (age >= 0) does not hold" in found["reason"].iloc[0]
    assert "The rule 'a whole life' (age > -2) does not hold" in found["reason"].iloc[0]


def test_what_cannot_be_evaluated_is_counted_and_not_flagged(people):
    found = check(people, "age >= -5", "`unit price` >= 0")
    assert not len(found)
    reason = found.checks["reason"].item()
    assert "2 rules" in reason
    assert "'age >= -5' could not be evaluated in 20 rows, where a cell is empty or of another kind" in reason
    assert "'`unit price` >= 0' could not be evaluated in 40 rows" in reason


def test_a_rule_that_fails_mostly_is_one_question(people):
    found = check(people, "`from` < 6").findings
    assert found["row"].tolist() == [-1]
    assert found["column"].item() == "from"
    assert "fails in 94 of 100 rows (94 %): is the rule right?" in found["reason"].item()
    assert sorted(found["peers"].item()) == list(range(6, 100))


def test_without_rules_the_check_says_so(people):
    line = audit(people, detectors="rules", progress=False).checks.iloc[0]
    assert (line["status"], line["reason"]) == (
        "skipped",
        "no rules were given: audit(..., rules=['age >= 0', 'start <= end'])",
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("__import__('os').system('ls')", "calls something that is no function of rules"),
        ("age.mean() > 0", "calls something that is no function of rules"),
        ("age.real > 0", "holds a name with a point"),
        ("(lambda: age)() > 1", "calls something that is no function of rules"),
        ("[x for x in age] == 1", "holds the construct ListComp"),
        ("age[0] > 1", "holds square brackets after a name"),
        ("9**9**9 > age", "holds a power"),
        ("f'{age}' == 1", "holds the construct JoinedStr"),
        ("(x := age) > 1", "holds the construct NamedExpr"),
        ("age > 1j", "neither a number nor a text"),
        (f"age > {'9' * 400}", "holds a number that is too large"),
        ("round(age, 1e400) > 1", "holds a number that is too large"),
        ("1 in [1] < age", "compares with a list"),
        ("country in ['DE'] == True", "compares with a list"),
        ("country matches 'a{4294967295}'", "is no regular expression that can be used"),
        (f"country matches '{'(' * 900}{')' * 900}'", "is no regular expression that can be used"),
        ("country matches '(a+)+$'", "repeats a repetition without end"),
        ("country matches '(?:x|(?:y*z)*)*'", "repeats a repetition without end"),
        ("ages > 1", "There is no column 'ages'. Did you mean 'age'?"),
        ("`Unit price` > 1", "There is no column 'Unit price'. Did you mean 'unit price'?"),
        ("lenn(country) == 2", "There is no function 'lenn'. Did you mean 'len'?"),
        ("len(country, code) == 2", "gives len 2 values. Expected 1"),
        ("round(age, 1, 2) == 2", "gives round 3 values. Expected 1 to 2"),
        ("len(*country) == 2", "calls something that is no function"),
        ("age >", "cannot be read: invalid syntax"),
        ("from > 1", "stand between backticks"),
        ("age", "it is no condition: it gives numbers, not yes or no"),
        ("not age", "'and', 'or', 'not' and 'if' join conditions, and 'age' is none"),
        ("age == 'abc'", "'abc' is no number"),
        ("country > 5", "'country' holds texts, not numbers"),
        ("start > 3", "3 is no date"),
        ("start > 'soon'", "'soon' is no date such as '2020-01-31'"),
        ("start + 1 > 3", "'start' is a date, not a number"),
        ("country - start > 3", "'country' holds no dates"),
        ("1 > 0", "names no column"),
        ("age is 3", "Write 'x is None'"),
        ("age == None", "Write 'x is None'"),
        ("age == [1, 2]", "Write 'x in [...]'"),
        ("[1, 2] == age", "Write 'x in [...]'"),
        ("age > 1, 2", "a comma outside of a function or list"),
        ("len([1, 2]) == age", "a list that nothing is looked up in"),
        ("age in [1j]", "neither a number nor a text"),
        ("age in [1, `from`]", "a list that holds more than numbers and texts"),
        ("country matches '('", "is no regular expression"),
        ("matches(country, code)", "must be a text between quotes"),
        ("matches(country)", "matches is not told where to look"),
        ("unique('a') and age > 0", "unique takes columns"),
        ("x" * 2001, "longer than 2,000 characters"),
        ("-" * 100 + "age > 0", "nested too deeply"),
        ("(" * 300 + "age" + ")" * 300 + " > 0", "cannot be read"),
    ],
)
def test_what_is_no_rule_is_refused_in_a_sentence(people, rule, message):
    with pytest.raises(InputError) as error:
        check(people, rule)
    assert message in str(error.value)


@pytest.mark.parametrize("rules", [5, [], [5], {}, {"a": 1}, ["age > 0", None]])
def test_what_are_no_rules_are_refused(people, rules):
    with pytest.raises(InputError, match="'rules' parameter of audit must be a list of conditions"):
        audit(people, rules=rules, detectors="rules", progress=False)


def test_pictures_have_no_rules():
    frame = pd.DataFrame({"image": [b"\x89PNG1", b"\x89PNG2"]})
    with pytest.raises(InputError, match="'image' holds images"):
        check(frame, "image == 'x'")


def test_rules_that_nothing_reads_are_refused(people):
    with pytest.raises(InputError, match="for the detector 'rules', which was not asked for"):
        audit(people, rules=["age >= 0"], detectors="duplicates", progress=False)


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_text_does_anything_but_hold_or_be_refused(text):
    table = make_table(pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    with contextlib.suppress(InputError):
        assert len(read_rules(table, text)) == 1


WORDS = ["a", "b", "1", "'x'", "and", "or", "not", "(", ")", ">", "==", "in", "[", "]", ",", "len", "matches", "-", "if", "else", "`a`", "is", "None", "%", "/", "0"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=9))
@settings(max_examples=400, deadline=None)
def test_no_words_of_rules_break_the_evaluator(words):
    table = make_table(pd.DataFrame({"a": [1, 2, None], "b": ["x", None, "2"]}))
    with contextlib.suppress(InputError):
        assert len(read_rules(table, " ".join(words))) == 1


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=30), st.integers(-5, 5))
@settings(max_examples=50, deadline=None)
def test_a_rule_and_its_contrary_part_the_rows_that_are_known(values, limit):
    frame = pd.DataFrame({"a": pd.array(values, dtype="Int64")})
    known = {i for i, v in enumerate(values) if v is not None}

    def fails(rule):
        table = make_table(frame)
        holds, sure = read_rules(table, rule)[0].holds(table)
        return set(np.flatnonzero(sure & ~holds))

    yes, no = fails(f"a < {limit}"), fails(f"not (a < {limit})")
    assert yes | no == known
    assert not yes & no
    assert fails(f"a < {limit} and a >= {limit}") == known
    assert fails(f"a < {limit} or a >= {limit}") == set()


def test_rows_may_stand_in_any_order(people):
    order = np.random.default_rng(0).permutation(len(people))
    one, other = check(people, "age >= 0", "start <= end"), check(people.iloc[order], "age >= 0", "start <= end")
    assert one.findings["finding"].tolist() == other.findings["finding"].tolist()
    assert {int(order[r]) for r in other.findings["row"]} == set(one.findings["row"])


def test_the_command_line_takes_rules(tmp_path, people):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    result = CliRunner().invoke(command, [str(path), "--rule", "age >= 0", "--rule", "len(country) == 2"])
    assert result.exit_code == 0, result.output
    assert "The rule 'age >= 0' does not hold: 'age' is -3." in result.stdout
    result = CliRunner().invoke(command, [str(path), "--rule", "agee >= 0"])
    assert isinstance(result.exception, InputError)


# ---------------------------------------------------------------- pandera


def test_a_schema_of_pandera_is_a_set_of_rules(people):
    pandera = pytest.importorskip("pandera.pandas")
    schema = pandera.DataFrameSchema(
        {
            "age": pandera.Column(float, pandera.Check.ge(0), nullable=True),
            "country": pandera.Column(str, pandera.Check.isin(["DE", "FR", "IT"])),
            "height": pandera.Column(float),
        },
        name="people",
    )
    frame = people.set_axis([0] * 100)
    found = audit(frame, rules=schema, detectors="rules", progress=False)
    assert found.checks["reason"].item() == "pandera schema people"
    by = found.findings.groupby("column", dropna=False)["row"].agg(set).to_dict()
    assert by["age"] == EVERY
    assert by["country"] == EVERY
    whole = found.findings[found.findings["row"] == -1]["reason"]
    assert whole.tolist() == ["The schema expects 'height', and the table has no such column."]
    held = pandera.DataFrameSchema({"country": pandera.Column(str)})
    assert not len(audit(people, rules=held, detectors="rules", progress=False))


def test_pandera_is_not_loaded_for_plain_rules(people):
    before = "pandera" in sys.modules
    check(people, "age >= 0")
    assert ("pandera" in sys.modules) == before
