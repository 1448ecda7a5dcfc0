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
from carbondrivers.attribution.geodetector_grids import detect_grids
from carbondrivers.attribution.group_series import group_series
from carbondrivers.attribution.optimal_strata import OptimalStrataResult, apply_strata, optimise_strata
from carbondrivers.attribution.optimal_zones import OptimalZonesResult, optimal_zones
from carbondrivers.attribution.optimum_windows import OptimumWindowsResult, optimum_windows
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.profile import profile
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.registry import Method, methods
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.scale_curve import ScaleCurveResult, scale_curve
from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult, seasonal_trend
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.attribution.spatial_association import SpatialAssociationResult, spatial_association
from carbondrivers.attribution.stability import StabilityResult, stability
from carbondrivers.attribution.time_correlation import TimeCorrelationResult, time_correlation
from carbondrivers.attribution.transitions import transitions
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.attribution.weighted_clusters import weighted_clusters
from carbondrivers.attribution.yearly_q import YearlyQResult, yearly_q

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
    "Method",
    "OptimalStrataResult",
    "OptimalZonesResult",
    "OptimumWindowsResult",
    "PersistenceResult",
    "RecoveryResult",
    "Result",
    "SampleResult",
    "ScaleCurveResult",
    "SeasonalTrendResult",
    "SeasonalityResult",
    "SpatialAssociationResult",
    "StabilityResult",
    "TimeCorrelationResult",
    "TrendResult",
    "YearlyQResult",
    "account",
    "apply_strata",
    "class_summary",
    "clusters",
    "collinearity",
    "correlate",
    "describe",
    "detect",
    "detect_grids",
    "driving_types",
    "evaluate",
    "future",
    "group_series",
    "methods",
    "optimal_zones",
    "optimise_strata",
    "optimum_windows",
    "persistence",
    "profile",
    "recovery",
    "scale_curve",
    "seasonal_trend",
    "seasonality",
    "spatial_association",
    "stability",
    "time_correlation",
    "transitions",
    "trend",
    "weighted_clusters",
    "yearly_q",
]
