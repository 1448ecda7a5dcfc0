"""The statistics: pixel sample or raster stack in, frozen result out."""

from carbondrivers.attribution.accounts import AccountResult, account
from carbondrivers.attribution.correlation import CorrelationResult, pearson
from carbondrivers.attribution.descriptive import SampleResult, describe
from carbondrivers.attribution.evaluation import EvaluationResult, evaluate
from carbondrivers.attribution.geodetector import GeodetectorResult, detect
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.registry import Method, methods
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.attribution.trend import TrendResult, trend

__all__ = [
    "AccountResult",
    "CorrelationResult",
    "EvaluationResult",
    "GeodetectorResult",
    "Method",
    "RecoveryResult",
    "Result",
    "SampleResult",
    "SeasonalityResult",
    "TrendResult",
    "account",
    "describe",
    "detect",
    "evaluate",
    "methods",
    "pearson",
    "recovery",
    "seasonality",
    "trend",
]
