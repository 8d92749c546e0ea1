"""Evaluates IAM policy documents: identity policies, session policies and roles' trust policies.

moto checks actions only. This checks what the tests rely on: Action, Resource, Principal and the string
operators of Condition, with AWS's rule that an explicit Deny wins ("Policy evaluation logic", IAM User
Guide). Not here: policy variables (`${...}` is taken literally), permission boundaries, SCPs, and operators
other than strings and ARNs, which raise instead of being passed over.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """Whether one action on one resource is allowed.

    `principals` are the names by which a trust policy may mean the caller, as (type, value): ("AWS", ARN).
    They are not looked at for identity policies, which have no Principal. Condition keys are lower case.
    """

    action: str
    resource: str
    principals: frozenset[tuple[str, str]] = frozenset()
    context: dict[str, list[str]] = field(default_factory=dict)


def allows(documents: list[str], question: Question) -> bool:
    """Whether a statement allows it and none denies it."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in listed(json.loads(document)["Statement"])
        if concerns(statement, question)
    }
    return effects == {"Allow"}


def concerns(statement: dict[str, Any], question: Question) -> bool:
    """Whether all elements of a statement match."""
    return (
        element(statement, "Action", lambda pattern: like(pattern.lower(), question.action.lower()))
        and element(statement, "Resource", lambda pattern: like(pattern, question.resource))
        and principal(statement, question)
        and all(
            condition(operator, question.context.get(key.lower(), []), listed(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def element(statement: dict[str, Any], name: str, matches: Any) -> bool:
    """An element or its Not form; an element that is absent (Resource in a trust policy) limits nothing."""
    if f"Not{name}" in statement:
        return not any(map(matches, listed(statement[f"Not{name}"])))
    return name not in statement or any(map(matches, listed(statement[name])))


def principal(statement: dict[str, Any], question: Question) -> bool:
    """Whether a statement's Principal names the caller."""
    named = statement.get("Principal")
    if named is None:
        return not question.principals
    if named == "*":
        return True
    return any(
        value == "*" or (kind, value) in question.principals
        for kind, values in named.items()
        for value in listed(values)
    )


def condition(operator: str, actual: list[str], wanted: list[str]) -> bool:
    """One operator on one key, as "IAM JSON policy elements: Condition operators" has it."""
    quantifier, _, plain = operator.rpartition(":")
    if plain.endswith("IfExists"):
        if not actual:
            return True
        plain = plain.removesuffix("IfExists")
    negated = "Not" in plain
    test = OPERATORS.get(plain.replace("Not", ""))
    if test is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"condition operator {operator} is not known here")
    holds = [any(test(pattern, value) for pattern in wanted) != negated for value in actual]
    if quantifier == "ForAllValues":
        return all(holds)
    # A key that is absent matches nothing, so a negated operator holds.
    return any(holds) if quantifier or holds else negated


def like(pattern: str, value: str) -> bool:
    """`*` stands for any text, `?` for one character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    """Policies may write a list of one without the brackets."""
    return value if isinstance(value, list) else [value]


OPERATORS = {
    "StringEquals": lambda pattern, value: pattern == value,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
}
