"""What personal data look like: patterns, and the check digits of those that have some."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Check = Callable[[str], bool]

# Length of an IBAN in the countries of its registry (ISO 13616).
_IBAN = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 "
    "GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 "
    "MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
LARGE_PART = 100
_SHOWN = 30
_FIRST = 1
IBAN_LENGTHS = {text[:2]: int(text[2:]) for text in _IBAN.split()}


class Identifier(NamedTuple):
    """A kind of personal data.

    Attributes
    ----------
    name, plural : str
        What it is called.
    pattern : re.Pattern
        Finds candidates in a text.
    check : callable
        Says whether a candidate is one.
    chance : float
        The share of random candidates that pass the check.
    alone : bool
        It is only one where it fills the cell.
    sign : str
        A character that each holds, if there is one: what has none of it need not be searched.
    """

    name: str
    plural: str
    pattern: re.Pattern[str]
    check: Check
    chance: float
    alone: bool = False
    sign: str = ""


def digits_of(text: str) -> list[int]:
    """List the digits of a text."""
    return [int(c) for c in text if c.isascii() and c.isdigit()]


def passes_luhn(text: str) -> bool:
    """Check the last digit by Luhn's formula (ISO/IEC 7812): payment cards, Swedish and Canadian numbers.

    Examples
    --------
    >>> passes_luhn("4111 1111 1111 1111"), passes_luhn("4111 1111 1111 1112")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits_of(text))):
        doubled = digit * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 (the sum of its two digits)
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Check length and remainder of an international bank account number (ISO 13616).

    Examples
    --------
    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    bare = re.sub(r"\s", "", text).upper()
    if IBAN_LENGTHS.get(bare[:2]) != len(bare):
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Check that digits are those of a payment card: a known issuer's prefix and length, and Luhn's digit."""
    bare = "".join(map(str, digits_of(text)))
    lengths = {"3": (14, 15), "4": (13, 16, 19), "5": (16,), "2": (16,), "6": (16, 19)}.get(bare[:1], ())
    known = re.match(r"3[4-7]|30[0-5]|4|5[1-5]|2[2-7]|6011|6[45]", bare)
    return known is not None and len(bare) in lengths and len(set(bare)) > 1 and passes_luhn(bare)


def is_public_address(text: str) -> bool:
    """Say whether an IP address is one that leads to somebody: neither private nor reserved."""
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # Versions of programs look the same; their parts are small.
    large = address.version != 4 or any(int(part) >= LARGE_PART for part in text.split("."))  # noqa: PLR2004 (of four parts)
    return large and address.is_global


def is_tax_number(text: str) -> bool:
    """Check the German tax identification number (ISO 7064, MOD 11,10; one digit stands two or three times)."""
    given = digits_of(text)
    times = sorted(given[:10].count(d) for d in set(given[:10]))
    if given[0] == 0 or times[-1] not in (2, 3) or times[:-1] != [1] * (len(times) - 1):
        return False
    rest = 10
    for digit in given[:10]:
        rest = ((digit + rest) % 10 or 10) * 2 % 11
    return (11 - rest) % 10 == given[10]


def is_dni(text: str) -> bool:
    """Check the letter of a Spanish DNI or NIE (remainder by 23)."""
    bare = text.upper().replace("-", "")
    number = bare[:-1].translate(str.maketrans("XYZ", "012"))
    return bare[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def is_cpf(text: str) -> bool:
    """Check both digits of a Brazilian CPF."""
    given = digits_of(text)
    if len(set(given)) == 1:
        return False
    for size in (9, 10):
        rest = sum(d * (size + 1 - i) for i, d in enumerate(given[:size])) * 10 % 11 % 10
        if rest != given[size]:
            return False
    return True


def is_pesel(text: str) -> bool:
    """Check the last digit of a Polish PESEL, and that it begins with a date."""
    given = digits_of(text)
    month, day = (given[2] % 2) * 10 + given[3], given[4] * 10 + given[5]
    total = sum(d * w for d, w in zip(given, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True))
    return 1 <= month <= 12 and 1 <= day <= 31 and total % 10 == 0  # noqa: PLR2004 (a calendar)


def is_nir(text: str) -> bool:
    """Check the key of a French social security number (remainder by 97)."""
    bare = re.sub(r"\s", "", text).upper().replace("2A", "19").replace("2B", "18")
    return bare.isdigit() and 97 - int(bare[:13]) % 97 == int(bare[13:])


def is_fiscal_code(text: str) -> bool:
    """Check the last letter of an Italian codice fiscale."""
    odd = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", _ODD, strict=True))
    bare = text.upper()
    total = sum(odd[c] if i % 2 == 0 else int(c, 36) - (10 if c.isalpha() else 0) for i, c in enumerate(bare[:15]))
    return chr(65 + total % 26) == bare[15]


# What a sign counts for at an odd place, for 0 to 9 and A to Z.
_ODD = bytes.fromhex("01000507090d0f11131501000507090d0f111315020412140b0306080c0e100a16191817")


def is_bsn(text: str) -> bool:
    """Check a Dutch citizen service number (the eleven test)."""
    given = digits_of(text)
    return (
        len(set(given)) > 1 and sum(d * w for d, w in zip(given, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0
    )


def is_ssn(text: str) -> bool:
    """Check the parts of a United States social security number that are never given out."""
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_phone(text: str) -> bool:
    """Say whether a number that begins with a plus has the digits of an international one (ITU-T E.164)."""
    return 8 <= len(digits_of(text)) <= 15  # noqa: PLR2004 (as E.164 says)


def _always(_: str) -> bool:
    return True


# Numbers that are part of a longer one are none of these.
_B, _E = r"(?<![\w.+-])", r"(?![\w-]|\.\d)"


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern whose digits and letters are ASCII: the checks count with no others."""
    return re.compile(pattern, re.ASCII)


IDENTIFIERS = (
    Identifier(
        "an e-mail address",
        "e-mail addresses",
        _compile(
            r"(?<![\w.+-])[A-Za-z0-9_.+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b"
        ),
        _always,
        0.0,
        sign="@",
    ),
    Identifier("an IBAN", "IBANs", _compile(_B + r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}" + _E), is_iban, 0.0),
    Identifier(
        "a payment card number", "payment card numbers", _compile(_B + r"\d(?:[ -]?\d){12,18}" + _E), is_card, 0.05
    ),
    Identifier(
        "a telephone number",
        "telephone numbers",
        _compile(r"(?<![\w.+])\+[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}(?!\d)"),
        is_phone,
        0.0,
        sign="+",
    ),
    Identifier(
        "a telephone number",
        "telephone numbers",
        _compile(r"(?<![\w.+-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"),
        _always,
        0.0,
        alone=True,
    ),
    Identifier(
        "an IP address",
        "IP addresses",
        _compile(_B + r"(?:\d{1,3}\.){3}\d{1,3}" + _E),
        is_public_address,
        0.0,
        alone=True,
    ),
    Identifier(
        "an IP address",
        "IP addresses",
        _compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}:?[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4})*(?![\w:])"),
        is_public_address,
        0.0,
        alone=True,
    ),
    Identifier(
        "a US social security number",
        "US social security numbers",
        _compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        is_ssn,
        0.9,
        alone=True,
    ),
    Identifier(
        "a German tax number", "German tax numbers", _compile(_B + r"\d{11}" + _E), is_tax_number, 0.01, alone=True
    ),
    Identifier(
        "a Spanish identity number",
        "Spanish identity numbers",
        _compile(_B + r"[XYZ\d]\d{7}-?[A-Z]" + _E),
        is_dni,
        1 / 23,
        alone=True,
    ),
    Identifier(
        "a Brazilian CPF",
        "Brazilian CPFs",
        _compile(_B + r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}" + _E),
        is_cpf,
        0.01,
        alone=True,
    ),
    Identifier("a Polish PESEL", "Polish PESELs", _compile(_B + r"\d{11}" + _E), is_pesel, 0.1, alone=True),
    Identifier(
        "a French social security number",
        "French social security numbers",
        _compile(_B + r"[12] ?\d{2} ?[01]\d ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}" + _E),
        is_nir,
        1 / 97,
        alone=True,
    ),
    Identifier(
        "an Italian codice fiscale",
        "Italian codici fiscali",
        _compile(_B + r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]" + _E),
        is_fiscal_code,
        1 / 26,
        alone=True,
    ),
    Identifier("a Dutch BSN", "Dutch BSNs", _compile(_B + r"\d{9}" + _E), is_bsn, 1 / 11, alone=True),
)


def mask(text: str) -> str:
    """Hide all letters and digits of a value but the first.

    Examples
    --------
    >>> mask("ann@example.org"), mask("+49 30 1234")
    ('a**@*******.***', '+4* ** ****')
    """
    cut = text[:_SHOWN]
    signs = [i for i, c in enumerate(cut) if c.isalnum()]
    hidden = set(signs[_FIRST:] if len(signs) > _FIRST else signs)
    return "".join("*" if i in hidden else c for i, c in enumerate(cut)) + ("..." if len(text) > _SHOWN else "")
