"""What tiling costs a station, as far as it is known without a frame: `linegate check` says it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.cameras.open_camera import ordered_size
from agent.config import Config, TilingConfig
from agent.segmenter import Segmenter
from agent.tiling import TilePlan
from agent.view import View


def tiling_cost(
    config: Config, tiling: TilingConfig, segmenter: Segmenter, view: View
) -> Iterator[tuple[str, str | None]]:
    """Lines with their style: patches and time for the inspected image, and a warning when that is too long.

    `segmenter`: self-tested, for the time of a run on this computer.
    """
    spec = segmenter.contract.input
    patch = f"patches of {spec.width_px} × {spec.height_px} px"
    size = view.size_px[::-1] if view.size_px else ordered_size(config.camera)
    if size is None:
        yield (f"  tiling   {patch}; how many is known with view.region, or camera.width_px and height_px", None)
        return
    height_px, width_px = size
    plan = TilePlan(size, spec, tiling)
    across, down = plan.grid
    took_ms = len(plan.batches) * segmenter.bare_ms
    yield (
        f"  tiling   {width_px} × {height_px} px in {across} × {down} {patch}: "
        f"{len(plan.batches)} runs, about {took_ms:.0f} ms on this computer",
        None,
    )
    limits = {"trigger.min_pitch_ms": config.trigger.min_pitch_ms}
    limits |= {} if config.has_plc else {"trigger.deadline_ms": config.trigger.deadline_ms}
    for name, limit_ms in limits.items():
        if took_ms > limit_ms:
            yield (
                f"  warning  that is longer than {name} = {limit_ms:.0f}: verdicts would come too late; inspect less "
                "(view.region), shrink (model.tiling.scale), or use a faster computer or provider",
                "yellow",
            )
