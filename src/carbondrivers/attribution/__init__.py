"""The statistics: pixel sample or raster stack in, frozen result out."""

from carbondrivers.attribution.accounts import AccountResult, account
from carbondrivers.attribution.boosted_trees import BoostedTrees
from carbondrivers.attribution.carbon_forest import CarbonForestResult, carbon_forest
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
from carbondrivers.attribution.influence import influence
from carbondrivers.attribution.influence_result import InfluenceResult
from carbondrivers.attribution.latent_model import LatentResult, latent_model
from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.optimal_strata import OptimalStrataResult, apply_strata, optimise_strata
from carbondrivers.attribution.optimal_zones import OptimalZonesResult, optimal_zones
from carbondrivers.attribution.optimum import OptimumResult, optimum
from carbondrivers.attribution.optimum_windows import OptimumWindowsResult, optimum_windows
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_model import path_model
from carbondrivers.attribution.path_moments import streamed_moments
from carbondrivers.attribution.path_result import PathResult
from carbondrivers.attribution.path_streamed import fit_moments
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.profile import profile
from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.registry import Method, methods
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.scale_curve import ScaleCurveResult, scale_curve
from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult, seasonal_trend
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.attribution.sem_export import model_text
from carbondrivers.attribution.spatial_association import SpatialAssociationResult, spatial_association
from carbondrivers.attribution.stability import StabilityResult, stability
from carbondrivers.attribution.time_correlation import TimeCorrelationResult, time_correlation
from carbondrivers.attribution.transitions import transitions
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.attribution.validation import ValidationResult, validate
from carbondrivers.attribution.validation_folds import Folds, make_folds
from carbondrivers.attribution.weighted_clusters import weighted_clusters
from carbondrivers.attribution.yearly_q import YearlyQResult, yearly_q
from carbondrivers.attribution.zone_rules import ZoneRule
from carbondrivers.attribution.zoning import ZoningResult, zoning

__all__ = [
    "AccountResult",
    "BoostedTrees",
    "CarbonForestResult",
    "CarbonStorageForest",
    "ClusterResult",
    "CollinearityResult",
    "CorrelationResult",
    "DrivingRule",
    "DrivingTypesResult",
    "EvaluationResult",
    "Folds",
    "FutureResult",
    "GeodetectorResult",
    "InfluenceResult",
    "LatentModel",
    "LatentResult",
    "Method",
    "OptimalStrataResult",
    "OptimalZonesResult",
    "OptimumResult",
    "OptimumWindowsResult",
    "PathModel",
    "PathResult",
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
    "ValidationResult",
    "YearlyQResult",
    "ZoneRule",
    "ZoningResult",
    "account",
    "apply_strata",
    "carbon_forest",
    "class_summary",
    "clusters",
    "collinearity",
    "correlate",
    "describe",
    "detect",
    "detect_grids",
    "driving_types",
    "evaluate",
    "fit_moments",
    "future",
    "group_series",
    "influence",
    "latent_model",
    "make_folds",
    "methods",
    "model_text",
    "optimal_zones",
    "optimise_strata",
    "optimum",
    "optimum_windows",
    "path_model",
    "persistence",
    "profile",
    "recovery",
    "scale_curve",
    "seasonal_trend",
    "seasonality",
    "spatial_association",
    "stability",
    "streamed_moments",
    "time_correlation",
    "transitions",
    "trend",
    "validate",
    "weighted_clusters",
    "yearly_q",
    "zoning",
]
