"""Step ``account``: the region's mean and total, year by year."""

from __future__ import annotations

from collections.abc import Mapping

from carbondrivers.attribution.accounts import AccountResult, account
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class AccountOptions(StepOptions):
    """The account has no options."""


def _run(inputs: Inputs, options: AccountOptions, results: Mapping[str, Result]) -> AccountResult:
    return account(inputs.required_stack, keep=inputs.keep)


register_step(Step("account", "Regional account", AccountOptions, "stack", (), ("account",), _run, automatic=True, order=20))
