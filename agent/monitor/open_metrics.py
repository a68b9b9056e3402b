"""Everything for Prometheus, where the station's file has a table [metrics]; nothing of it is imported where not."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterator, Mapping
from importlib import metadata

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from agent.archive.kept_images import archive_folder
from agent.config import Config
from agent.ending import Ending
from agent.identity import Identity
from agent.log.about import about
from agent.log.happening import Happening
from agent.monitor.endpoint import MetricsEndpoint
from agent.monitor.monitor import Monitor
from agent.monitor.part_metrics import PartMetrics
from agent.monitor.pulse import Pulse
from agent.monitor.station_metrics import StationMetrics
from agent.results.exposure import figures_exposed
from agent.results_config import MetricsConfig

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""Whoever asks again within it gets the same page: writing one takes the interpreter some milliseconds."""


def open_metrics(
    wanted: MetricsConfig, config: Config, identity: Identity, monitor: Monitor, pulse: Pulse, opened: Ending
) -> None:
    """Serve until `opened` is closed. ConfigError when the endpoint cannot be had."""
    registry = CollectorRegistry()
    monitor.on_part(PartMetrics(registry, identity.setup.classes[1:]).count)
    folders = {"state": config.station.state_dir}
    if config.archive:
        folders["archive"] = archive_folder(config)
    journal = config.station.journal
    registry.register(StationMetrics(pulse, monitor.drift, folders, journal))
    registry.register(Facts(identity, config.model.provider))
    ProcessCollector(registry=registry)
    page = Page(registry, {"line": identity.line, "station": identity.station})
    endpoint = MetricsEndpoint(wanted.endpoint, page.read)
    opened.closes(endpoint)
    log.info("figures for Prometheus at http://%s/metrics", wanted.endpoint)
    if warning := figures_exposed(wanted):
        log.warning("%s", warning, extra=about(Happening.ACCESS))
    registry.register(Scrapes(endpoint))


class Facts(Collector):
    """What the station is, with the model and the recipes in force."""

    def __init__(self, identity: Identity, provider: str) -> None:
        self._identity, self._provider = identity, provider
        build = {"version": _version(), "python": platform.python_version()}
        self._build = InfoMetricFamily("linegate_build", "The program.", build)

    def collect(self) -> Iterator[Metric]:
        setup = self._identity.setup
        model = {"sha256": setup.model_sha256, "provider": self._provider, "precision": setup.precision}
        recipes = InfoMetricFamily("linegate_recipe", "What counts as a defect.", labels=["number"])
        for job, (name, sha256) in setup.recipes.items():
            recipes.add_metric([str(job)], {"recipe": name, "sha256": sha256})
        yield from (self._build, InfoMetricFamily("linegate_model", "The model file.", model), recipes)


class Scrapes(Collector):
    """What the endpoint says of itself."""

    def __init__(self, endpoint: MetricsEndpoint) -> None:
        self._endpoint = endpoint

    def collect(self) -> Iterator[Metric]:
        about = "Connections to this endpoint; refused: asked for something else, or too slow."
        scrapes = CounterMetricFamily("linegate_scrapes", about, labels=["outcome"])
        scrapes.add_metric(["served"], self._endpoint.served)
        scrapes.add_metric(["refused"], self._endpoint.refused)
        yield scrapes


class Page(Collector):
    """The registry's figures, each with the labels that say of which station it is."""

    def __init__(self, registry: CollectorRegistry, labels: Mapping[str, str]) -> None:
        self._registry, self._labels = registry, dict(labels)
        self._content, self._written_s = b"", -FRESH_S

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            labelled = Metric(family.name, family.documentation, family.type, family.unit)
            labelled.samples = [
                sample._replace(labels=self._labels | sample.labels)
                for sample in family.samples
                if not sample.name.endswith("_created")  # process_start_time_seconds says as much
            ]
            yield labelled

    def read(self) -> tuple[str, bytes]:
        """Content type and content, no older than FRESH_S."""
        if time.monotonic() - self._written_s >= FRESH_S:
            self._content, self._written_s = generate_latest(self), time.monotonic()
        return CONTENT_TYPE_PLAIN_0_0_4, self._content


def _version() -> str:
    try:
        return metadata.version("linegate")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
