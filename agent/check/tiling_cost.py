"""What tiling costs a station, as far as it is known without a frame."""

from __future__ import annotations

from agent.config import Config
from agent.segmenter import Segmenter
from agent.tiling import TilePlan


def tile_plan(config: Config, segmenter: Segmenter, size_px: tuple[int, int] | None) -> TilePlan | None:
    """How the inspected image is cut; None: it is not, or its size shows only in the first frame.

    `size_px`: its width and height, where the files say them.
    """
    if config.model.tiling is None or size_px is None:
        return None
    return TilePlan(size_px[::-1], segmenter.contract.input, config.model.tiling)


def tiling_cost(segmenter: Segmenter, plan: TilePlan | None) -> str:
    """Patches and time for the inspected image. `segmenter`: self-tested, for the time of a run on this computer."""
    spec = segmenter.contract.input
    patch = f"patches of {spec.width_px} × {spec.height_px} px"
    if plan is None:
        return f"{patch}; how many is known with view.region, or camera.width_px and height_px"
    height_px, width_px = plan.shape[:2]
    across, down = plan.grid
    runs = len(plan.batches)
    return (
        f"{width_px} × {height_px} px in {across} × {down} {patch}: {runs} runs, about "
        f"{runs * segmenter.bare_ms:.0f} ms on this computer"
    )
