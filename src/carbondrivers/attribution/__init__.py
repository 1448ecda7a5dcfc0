"""The statistics: pixel sample or raster stack in, frozen result out."""

from carbondrivers.attribution.accounts import AccountResult, account
from carbondrivers.attribution.class_summary import class_summary
from carbondrivers.attribution.clusters import ClusterResult, clusters
from carbondrivers.attribution.collinearity import CollinearityResult, collinearity
from carbondrivers.attribution.correlation import CorrelationResult, correlate
from carbondrivers.attribution.descriptive import SampleResult, describe
from carbondrivers.attribution.driving_types import DrivingRule, DrivingTypesResult, driving_types
from carbondrivers.attribution.evaluation import EvaluationResult, evaluate
from carbondrivers.attribution.future import FutureResult, future
from carbondrivers.attribution.geodetector import GeodetectorResult, detect
from carbondrivers.attribution.group_series import group_series
from carbondrivers.attribution.latent_model import LatentResult, latent_model
from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_model import path_model
from carbondrivers.attribution.path_moments import streamed_moments
from carbondrivers.attribution.path_result import PathResult
from carbondrivers.attribution.path_streamed import fit_moments
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.profile import profile
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.registry import Method, methods
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult, seasonal_trend
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.attribution.sem_export import model_text
from carbondrivers.attribution.stability import StabilityResult, stability
from carbondrivers.attribution.time_correlation import TimeCorrelationResult, time_correlation
from carbondrivers.attribution.transitions import transitions
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.attribution.weighted_clusters import weighted_clusters

__all__ = [
    "AccountResult",
    "ClusterResult",
    "CollinearityResult",
    "CorrelationResult",
    "DrivingRule",
    "DrivingTypesResult",
    "EvaluationResult",
    "FutureResult",
    "GeodetectorResult",
    "LatentModel",
    "LatentResult",
    "Method",
    "PathModel",
    "PathResult",
    "PersistenceResult",
    "RecoveryResult",
    "Result",
    "SampleResult",
    "SeasonalTrendResult",
    "SeasonalityResult",
    "StabilityResult",
    "TimeCorrelationResult",
    "TrendResult",
    "account",
    "class_summary",
    "clusters",
    "collinearity",
    "correlate",
    "describe",
    "detect",
    "driving_types",
    "evaluate",
    "fit_moments",
    "future",
    "group_series",
    "latent_model",
    "methods",
    "model_text",
    "path_model",
    "persistence",
    "profile",
    "recovery",
    "seasonal_trend",
    "seasonality",
    "stability",
    "streamed_moments",
    "time_correlation",
    "transitions",
    "trend",
    "weighted_clusters",
]
