"""Personal data are found by pattern and check digits, never shown in full, and numbers of things are left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.findings.report import audit
from dcai.findings.tables import identifiers
from dcai.findings.tables.identifiers import mask

ROWS = 60


def judge(frame):
    found = audit(frame, detectors="personal_data", progress=False)
    assert (found.findings["row"] == -1).all()
    return found.findings


def with_check(make, check):
    """The first numbers that pass a check."""
    return [t for t in map(make, range(100_000)) if check(t)][:ROWS]


def luhn(i):
    return f"4{i * 7919 % 10**14:014d}"


def complete(prefix):
    return next(f"{prefix}{d}" for d in "0123456789" if identifiers.passes_luhn(f"{prefix}{d}"))


PLANTED = {
    "e-mail addresses": [f"user.{i}@mail.example.org" for i in range(ROWS)],
    "IBANs": ["DE89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606"] * 20,
    "payment card numbers": [complete(luhn(i)) for i in range(ROWS)],
    "telephone numbers": [f"+49 30 12345{i:03d}" for i in range(ROWS)],
    "IP addresses": [f"81.{i}.200.{i + 7}" for i in range(ROWS)],
    "US social security numbers": [f"{i + 123}-45-{i + 6789}" for i in range(ROWS)],
    "German tax numbers": with_check(lambda i: f"{86095742000 + i}", identifiers.is_tax_number),
    "Spanish identity numbers": with_check(lambda i: f"{12345678 + i // 23}{'TRWAGMYFPDXBNJZSQVHLCKE'[i % 23]}", identifiers.is_dni),
    "Brazilian CPFs": with_check(lambda i: f"{52998224000 + i * 3}", identifiers.is_cpf),
    "Polish PESELs": with_check(lambda i: f"{44051401000 + i}", identifiers.is_pesel),
    "Italian codici fiscali": with_check(lambda i: f"RSSMRA85T{10 + i // 26 % 20}A562{chr(65 + i % 26)}", identifiers.is_fiscal_code) * 3,
    "Dutch BSNs": with_check(lambda i: f"{111222300 + i}", identifiers.is_bsn),
    "names of people": ["Ann Lee", "Bob O'Hara", "Eva-Maria Ott"] * 20,
    "postal addresses": [f"{i} Main Street, Springfield" for i in range(1, ROWS + 1)],
    "dates of birth": [f"19{i + 20}-03-04" for i in range(ROWS)],
}  # fmt: skip
NAMES = {"names of people": "customer_name", "dates of birth": "dateOfBirth"}


@pytest.mark.parametrize("plural", PLANTED)
def test_personal_data_are_found_and_masked(plural):
    name = NAMES.get(plural, "value")
    values = (PLANTED[plural] * ROWS)[:ROWS]
    found = judge(pd.DataFrame({name: values, "other": np.arange(ROWS) * 17 % 101}))
    assert found["column"].tolist() == [name]
    reason = found["reason"].item()
    assert f" {plural}" in reason
    assert f"{ROWS} of {ROWS} filled cells" in reason
    assert "(masked)" in reason
    assert not any(value in reason for value in values)
    assert found["given"].item() is None
    assert len(found["peers"].item()) == ROWS


def test_known_numbers_pass_and_their_neighbours_do_not():
    for check, right, wrong in [
        (identifiers.is_iban, "NL91ABNA0417164300", "NL91ABNA0417164301"),
        (identifiers.is_card, "378282246310005", "378282246310006"),
        (identifiers.is_tax_number, "86095742719", "86095742718"),
        (identifiers.is_dni, "X1234567L", "X1234567M"),
        (identifiers.is_cpf, "529.982.247-25", "529.982.247-26"),
        (identifiers.is_pesel, "44051401359", "44051401358"),
        (identifiers.is_nir, "255081416802538", "255081416802539"),
        (identifiers.is_fiscal_code, "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        (identifiers.is_bsn, "111222333", "111222334"),
        (identifiers.is_public_address, "8.8.200.8", "192.168.200.8"),
    ]:
        assert check(right), right
        assert not check(wrong), wrong


def test_one_address_in_a_text_is_enough():
    frame = pd.DataFrame({"note": ["call back", "sent to jo.doe@example.org today", "nothing"] + ["no answer"] * 40})
    found = judge(frame)
    assert "holds e-mail addresses: 1 of 43 filled cells" in found["reason"].item()
    assert found["peers"].item() == [1]


def test_numbers_of_things_are_nobodys():
    for seed in range(8):
        draw = np.random.default_rng(seed)
        columns = {f"n{k}": draw.integers(10 ** (k - 1), 10**k, ROWS) for k in range(6, 17)}
        columns["version"] = [".".join(map(str, draw.integers(0, 20, 4))) for _ in range(ROWS)]
        columns["part"] = ["".join(draw.choice(list("ABCXYZ0123456789"), 22)) for _ in range(ROWS)]
        columns["item"] = [
            f"{a}{b}" for a, b in zip(draw.integers(10**7, 10**8, ROWS), draw.choice(list("ABCDE"), ROWS), strict=True)
        ]
        columns["price"] = draw.normal(size=ROWS)
        columns["name"] = ["ford pinto", "vw golf"] * 30
        columns["when"] = [f"2020-03-{i % 28 + 1:02d}" for i in range(ROWS)]
        assert not len(judge(pd.DataFrame(columns)))


def test_key_and_label_are_looked_at_too():
    frame = pd.DataFrame({"mail": PLANTED["e-mail addresses"], "y": ["a", "b"] * 30})
    found = audit(frame, "y", key="mail", detectors="personal_data", progress=False)
    assert found.findings["column"].tolist() == ["mail"]


def test_a_table_of_pictures_has_nothing_to_search():
    check = audit(
        pd.DataFrame({"p": [b"\x89PNG1", b"\x89PNG2"]}), detectors="personal_data", progress=False
    ).checks.iloc[0]
    assert (check["status"], check["reason"]) == (
        "skipped",
        "there is no column of texts, categories, numbers or dates",
    )


@given(st.text(min_size=1, max_size=80))
@settings(max_examples=200, deadline=None)
def test_a_mask_shows_one_sign_at_most(text):
    shown = mask(text)
    signs = [c for c in shown if c.isalnum()]
    assert len(signs) <= 1
    assert len([c for c in text[:30] if c.isalnum()]) > 1 or not signs


@given(st.text(alphabet="0123456789 -", max_size=30), st.sampled_from([i.name for i in identifiers.IDENTIFIERS]))
@settings(max_examples=200, deadline=None)
def test_no_digits_break_a_check(text, name):
    for kind in identifiers.IDENTIFIERS:
        found = kind.pattern.search(text)
        if kind.name == name and found is not None:
            assert kind.check(found[0]) in (True, False)


def test_digits_of_other_scripts_fail_no_check():
    arabic = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")
    texts = {name: [t.translate(arabic) for t in (values * 99)[:ROWS]] for name, values in PLANTED.items()}
    texts["eleven"] = ["12345678901".translate(arabic)] * ROWS
    texts["codes"] = ["RSSMRA85T10A562S".translate(arabic)] * ROWS
    found = audit(pd.DataFrame(texts), detectors="personal_data", progress=False)
    assert found.checks["status"].tolist() == ["ran"]


@given(
    st.lists(
        st.text(st.characters(categories=["Nd", "Lu", "Ll", "Zs", "Pd", "Po"]), min_size=5, max_size=24), min_size=3
    )
)
@settings(max_examples=60, deadline=None)
def test_no_text_makes_it_fail(texts):
    assert audit(pd.DataFrame({"x": texts}), detectors="personal_data", progress=False).checks["status"].tolist() == [
        "ran"
    ]


def test_what_stands_far_down_in_a_column_or_far_back_in_a_text_is_found():
    texts = [f"note number {i}" for i in range(30_000)]
    texts[-1] += " write to ann.smith@example.org"
    texts[0] += " and" * 2000 + " call bob@example.com"
    found = judge(pd.DataFrame({"note": texts}))
    assert found["peers"].tolist() == [[0, 29_999]]


def test_what_is_too_long_to_be_searched_is_said():
    found = audit(pd.DataFrame({"note": ["x" * 30_000, "y"]}), detectors="personal_data", progress=False)
    assert (
        "of 'note' only 200,000 different values were looked at, each up to 20,000 characters"
        in found.checks["reason"][0]
    )
