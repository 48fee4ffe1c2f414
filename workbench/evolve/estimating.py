"""What a run of evolution would send and cost, and what earlier ones left out. Sends nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.evolve.checking import check_sampling, template
from workbench.evolve.deciding import state_of
from workbench.evolve.journal import Journal, Kept, journal_path, read_lines
from workbench.evolve.lines import advance, ask, check, sampling_of, seeds, start_lines
from workbench.evolve.spec import EvolveSpec
from workbench.progress import Estimate
from workbench.records import Model, Row
from workbench.scope import CHARS_PER_TOKEN, price
from workbench.store import Store

#: Fewer kept answers than this say too little about the length of the next.
ENOUGH_OBSERVED = 5


def estimate_evolve(store: Store, spec: EvolveSpec) -> Estimate:
    """Requests, tokens and cost of what is missing.

    Requests are exact unless a run was stopped in the middle of a round: one that is answered and undecided counts as
    answered, the rounds behind it as unanswered. Answers are taken to be as long as those kept, or of full length
    where there are too few; prompts as four characters a token, with the instruction that each line has come to. With a
    checker a check of every answer that is not decided yet is counted: those that break a rule will need none.

    Raises:
        Unknown, BadInput: as ``evolve``.
    """
    model, _, checker = check(store, spec)
    sampling = sampling_of(model)
    there = store.query("evolve_there", bench=spec.target)
    accepted = {row["request"]: (row["question_id"], row["instruction"]) for row in there if row["request"]}
    answers = {key: Kept("ok", "{}") for key in accepted} | Journal(store, spec.target).read()
    lines = start_lines(seeds(store, spec), spec)
    decided = {*accepted, *(row.get("request") for row in rejected(store, spec.target))}
    items = already = chars = checks = 0
    for number in range(1, spec.rounds + 1):
        asks = [ask(line, number, model, sampling, spec) for line in lines]
        for asked in asks:
            kept = answers.get(asked.key)
            again = spec.retry_failed and asked.key not in accepted and kept is not None and state_of(kept) != "ok"
            checks += checker is not None and (again or asked.key not in decided)
            if kept is not None and not again:
                already += 1
                continue
            items += 1
            chars += sum(len(m.content) for m in asked.messages)
        advance(lines, asks, accepted)
    prompt = chars // CHARS_PER_TOKEN
    completion = items * _length(answers, sampling.max_tokens or 0)
    cost = price(model.params, prompt, completion)
    found = Estimate("evolve", items, items, already, prompt, completion, cost)
    return found if checker is None else _with_checks(store, spec, checker, checks, found, completion // (items or 1))


def _with_checks(store: Store, spec: EvolveSpec, checker: Model, checks: int, found: Estimate, length: int) -> Estimate:
    """The estimate with so many checks of instructions of ``length`` tokens."""
    own = sum(len(m.content) for m in template().render("")) // CHARS_PER_TOKEN
    longest = check_sampling(checker).max_tokens or 0
    prompt, completion = (
        checks * (own + length),
        checks * _length(Journal(store, spec.target, "checks").read(), longest),
    )
    both = (found.cost, price(checker.params, prompt, completion))
    return replace(
        found, requests=found.requests + checks, prompt_tokens=found.prompt_tokens + prompt,
        completion_tokens=found.completion_tokens + completion,
        cost=None if None in both else sum(cost for cost in both if cost is not None),
        unknown="counted with a check of every answer; those left out by rule need none" if checks else None,
    )  # fmt: skip


def _length(answers: dict[str, Kept], most: int) -> int:
    """Tokens an answer is likely to have."""
    seen = [kept.completion_tokens for kept in answers.values() if kept.completion_tokens]
    return round(sum(seen) / len(seen)) if len(seen) >= ENOUGH_OBSERVED else most


def rejected(store: Store, bench: str) -> list[Row]:
    """Answers for this benchmark that became no question, in the order they were asked for: rule, why, instruction,
    raw text, and what it was asked for."""
    return list(read_lines(journal_path(store, bench, "rejected")))


def evolution(store: Store, bench: str) -> dict[str, Any]:
    """Numbers of a benchmark's evolution, over all runs: accepted, left out by rule, accepted by round, and those of
    the accepted whose check could not be read."""
    by_rule: dict[str, int] = {}
    for row in rejected(store, bench):
        by_rule[str(row.get("rule"))] = by_rule.get(str(row.get("rule")), 0) + 1
    rows = store.query("evolve_rounds", bench=bench)
    rounds = {str(row["round"]): row["questions"] for row in rows}
    return {
        "bench": bench, "accepted": sum(rounds.values()), "by_round": rounds, "left_out": by_rule,
        "unread_checks": sum(row["unread_checks"] for row in rows),
    }  # fmt: skip
