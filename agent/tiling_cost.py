"""What tiling costs a station, as far as it is known without a frame: `linegate check` says it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config import Config, TilingConfig
from agent.segmenter import Segmenter
from agent.tiling import TilePlan


def tiling_cost(config: Config, tiling: TilingConfig, segmenter: Segmenter) -> Iterator[tuple[str, str | None]]:
    """Lines with their style: patches and time for the inspected image, and a warning when that is too long.

    `segmenter`: self-tested, for the time of a run on this computer.
    """
    spec = segmenter.contract.input
    patch = f"patches of {spec.width_px} × {spec.height_px} px"
    size = _inspected_px(config)
    if size is None:
        yield (f"  tiling   {patch}; how many is known with [view] region, or camera.width_px and height_px", None)
        return
    plan = TilePlan(size, spec, tiling)
    across, down = plan.grid
    took_ms = len(plan.batches) * segmenter.bare_ms
    yield (
        f"  tiling   {size[1]} × {size[0]} px in {across} × {down} {patch}: "
        f"{len(plan.batches)} runs, about {took_ms:.0f} ms on this computer",
        None,
    )
    limits = {"trigger.min_pitch_ms": config.trigger.min_pitch_ms}
    limits |= {} if config.has_plc else {"trigger.deadline_ms": config.trigger.deadline_ms}
    for name, limit_ms in limits.items():
        if took_ms > limit_ms:
            yield (
                f"  warning  that is longer than {name} = {limit_ms:.0f}: verdicts would come too late; inspect less "
                "([view] region), shrink (model.tiling.scale), or use a faster computer or provider",
                "yellow",
            )


def _inspected_px(config: Config) -> tuple[int, int] | None:
    """Height and width of the inspected image, where the file says it."""
    source = config.view.region or config.camera
    height_px, width_px = getattr(source, "height_px", None), getattr(source, "width_px", None)
    if height_px is None or width_px is None:
        return None
    return (width_px, height_px) if config.view.rotate_deg in (90, 270) else (height_px, width_px)
