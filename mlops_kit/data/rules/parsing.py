"""Numbers and times as people of different countries write them, as SQL over texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mlops_kit.artifacts.duck import literal
from mlops_kit.data.rules.model import ParseNumber, ParseTime
from mlops_kit.errors import SpecError

_WHITE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_SPACES = "\u0020\u00a0\u202f\u2009"  # plain, no-break, narrow no-break, thin
SIGNS: dict[str, tuple[str, str]] = {
    "en": (".", ","),
    **dict.fromkeys(("de", "es", "it", "nl", "pt", "da", "id", "tr"), (",", ".")),
    **dict.fromkeys(("fr", "pl", "ru", "sv", "nb", "fi", "cs", "uk"), (",", _SPACES)),
    "ch": (".", "'\u2019"),
}
"""Language -> sign before the fraction, signs between groups of digits; after the Unicode CLDR."""
DATES: dict[str, str] = {
    "en": "%m/%d/%Y",
    **dict.fromkeys(("en-GB", "es", "fr", "it", "pt"), "%d/%m/%Y"),
    "nl": "%d-%m-%Y",
    **dict.fromkeys(("de", "ch", "pl", "ru", "nb", "fi", "cs", "uk", "da", "tr"), "%d.%m.%Y"),
    "sv": "%Y-%m-%d",
}
"""Language -> how a date is written in numbers."""
_MONTHS_EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTHS: dict[str, str] = {
    "de": "januar|jänner|jan feb(?:ruar)? märz|mrz april|apr mai jun(?:i)? jul(?:i)? aug(?:ust)? sept?(?:ember)? okt(?:ober)? nov(?:ember)? dez(?:ember)?",
    "es": "ene(?:ro)? feb(?:rero)? mar(?:zo)? abr(?:il)? may(?:o)? jun(?:io)? jul(?:io)? ago(?:sto)? sept?(?:iembre)? oct(?:ubre)? nov(?:iembre)? dic(?:iembre)?",
    "fr": "janv(?:ier)? févr(?:ier)?|fevrier mars avr(?:il)? mai juin juil(?:let)? août|aout sept(?:embre)? oct(?:obre)? nov(?:embre)? déc(?:embre)?|decembre",
    "it": "gen(?:naio)? feb(?:braio)? mar(?:zo)? apr(?:ile)? mag(?:gio)? giu(?:gno)? lug(?:lio)? ago(?:sto)? sett?(?:embre)? ott(?:obre)? nov(?:embre)? dic(?:embre)?",
    "nl": "jan(?:uari)? feb(?:ruari)? maart|mrt apr(?:il)? mei jun(?:i)? jul(?:i)? aug(?:ustus)? sept?(?:ember)? okt(?:ober)? nov(?:ember)? dec(?:ember)?",
    "pt": "jan(?:eiro)? fev(?:ereiro)? mar(?:ço)? abr(?:il)? mai(?:o)? jun(?:ho)? jul(?:ho)? ago(?:sto)? set(?:embro)? out(?:ubro)? nov(?:embro)? dez(?:embro)?",
}
"""Language -> patterns of the names of months, in order, without accents lost; after the Unicode CLDR."""


def trimmed_text(cell: str) -> str:
    """Return the SQL of a text without white space (of Unicode) at its ends."""
    return f"trim({cell}, {literal(_WHITE)})"


def parse_number(text: str, rule: ParseNumber, *, where: str) -> tuple[str, str]:
    """Return the SQL expression that reads `text` (the name of a trimmed text) as a number, NULL where it cannot, and its type.

    Raises SpecError for an unknown locale and for signs that clash.
    """
    decimal, grouping = _signs(rule, where)
    text = f"replace({text}, '\u2212', '-')"  # the minus sign of typography
    digits = rf"\d{{1,3}}(?:{_class(grouping)}\d{{3}})+|\d+" if grouping else r"\d+"
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    exponent = "" if rule.type == "integer" else r"(?:[eE][-+]?\d+)?"
    shape = rf"[-+]?(?:(?:{digits}){fraction}|{re.escape(decimal)}\d+){exponent}"
    plain = f"regexp_replace({text}, {literal(_class(grouping))}, '', 'g')" if grouping else text
    plain = f"ltrim(replace({plain}, {literal(decimal)}, '.'), '+')"
    fits = f"regexp_full_match({text}, {literal(shape)})"
    if rule.type == "number":
        return f"CASE WHEN {fits} THEN TRY_CAST({plain} AS DOUBLE) END", "DOUBLE"
    whole = rf"regexp_replace({plain}, '\.0*$', '')"
    fits += rf" AND regexp_full_match({whole}, '-?\d{{1,18}}')"  # a cast would round a fraction
    return f"CASE WHEN {fits} THEN TRY_CAST({whole} AS BIGINT) END", "BIGINT"


def _signs(rule: ParseNumber, where: str) -> tuple[str, str]:
    language = _language(rule.locale, SIGNS, where)
    decimal = SIGNS[language][0] if rule.decimal is None else rule.decimal
    grouping = SIGNS[language][1] if rule.grouping is None else rule.grouping
    odd = len(decimal) != 1 or set(decimal + grouping) & set("0123456789+-eE")
    if odd or decimal in grouping:
        raise SpecError(
            f"`decimal` is {decimal!r} and `grouping` {grouping!r}",
            where=where,
            fix="give one sign before the fraction, and others between groups; no digits and no + - e",
        )
    return decimal, grouping


def _class(signs: str) -> str:
    return "[" + "".join(re.escape(sign) for sign in signs) + "]"


def parse_time(text: str, rule: ParseTime, *, where: str) -> tuple[str, str]:
    """Return the SQL expression that reads `text` (the name of a trimmed text) as a time, NULL where it cannot, and its type.

    Raises SpecError for an unknown locale.
    """
    formats = [rule.format] if isinstance(rule.format, str) else list(rule.format)
    language = _language(rule.locale, {**DATES, **MONTHS}, where)
    if not formats:
        date = DATES[language]
        formats = [f"{date} %H:%M:%S.%f", f"{date} %H:%M:%S", f"{date} %H:%M", date]
    values = [_one_format(_english(text, language, one), one, rule.timezone) for one in formats]
    return f"coalesce({', '.join(values)})" if len(values) > 1 else values[0], "TIMESTAMP WITH TIME ZONE"


def _one_format(text: str, form: str, zone: str) -> str:
    parsed = f"try_strptime({text}, {literal(form)})"
    if "%z" in form or "%Z" in form:
        return parsed
    if zone == "UTC":
        return f"timezone('UTC', {parsed})"
    moved = f"timezone({literal(zone)}, {parsed})"
    # An hour that summer time skips is moved forward; reading the clock back tells.
    return f"CASE WHEN timezone({literal(zone)}, {moved}) = {parsed} THEN {moved} END"


def _english(text: str, language: str, form: str) -> str:
    """Return the text with the names of months in English, the only ones that DuckDB knows, if the format has names."""
    if "%b" not in form and "%B" not in form:
        return text
    for number, pattern in enumerate(MONTHS.get(language, "").split()):
        # Longer names first: `januar` before `jan`. A dot after an abbreviation goes with it.
        names = "|".join(sorted(pattern.split("|"), key=len, reverse=True))
        found = rf"(?i)(^|[^\pL])(?:{names})\.?($|[^\pL.])"
        english = _MONTHS_EN[number] if "%B" in form else _MONTHS_EN[number][:3]
        spelled = literal(rf"\1{english}\2")
        text = f"regexp_replace({text}, {literal(found)}, {spelled})"
    return text


def _language(locale: str, known: Mapping[str, object], where: str) -> str:
    name = locale.replace("_", "-")
    for choice in (name, {"de-CH": "ch"}.get(name, ""), name.split("-")[0]):
        if choice in known:
            return choice
    raise SpecError(f"unknown locale `{locale}`", where=where, fix=f"one of {', '.join(sorted(known))}")


def check_zone(zone: str, known: Sequence[str], *, where: str) -> None:
    """Raise SpecError, with the nearest names, if the time zone `zone` is not among `known`."""
    from difflib import get_close_matches

    if zone not in known:
        close = ", ".join(get_close_matches(zone, known, n=3)) or "a name such as Europe/Berlin"
        raise SpecError(f"unknown time zone `{zone}`", where=where, fix=close)
