"""A study of subset sizes on files: volumes in, a folder with table, figure and recommendation out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from volcorr.result import build_result, write_json
from volcorr.run_record import record_run

if TYPE_CHECKING:
    from volcorr.settings import Lengths
    from volcorr.subset_result import SubsetStudy

__all__ = ["DrawStudy", "run_subset_study"]

#: Draws a study into a file.
DrawStudy = Callable[["SubsetStudy", Path], Any]

TABLE: Final = "subsets.csv"
STUDY: Final = "subsets.json"
FIGURE: Final = "subsets.png"


def run_subset_study(
    reference: Path,
    deformed: Path,
    output: Path,
    *,
    repeat: Path | None = None,
    mask: Path | None = None,
    dataset: str | None = None,
    voxel_size: "Lengths | None" = None,
    overwrite: bool = False,
    draw: DrawStudy | None = None,
    **options: Any,
) -> "SubsetStudy":
    """Study the sizes of subsets on files and write a folder.

    The folder holds ``subsets.csv`` (one line a size), ``subsets.json`` (the same with the recommendation, the
    settings, checksums of the inputs and versions of the software) and, with `draw`, ``subsets.png``. It appears
    when it is complete.

    Parameters
    ----------
    reference, deformed : Path
        The two volumes, of the same shape.
    output : Path
        Folder to make.
    repeat, mask : Path, optional
        A second scan of the unloaded sample, and the specimen.
    dataset : str, optional
        Path of the array inside the scans, for formats that hold several.
    voxel_size : float, str or three of them, optional
        Voxel size, in micrometres where it has no unit; replaces what the files state.
    overwrite : bool
        Replace an earlier study.
    draw : callable, optional
        ``draw(study, file)`` draws the figure.
    **options
        Of `volcorr.subset_study.study_subsets`.

    Returns
    -------
    SubsetStudy

    Raises
    ------
    InputError, FormatError
        An input or an option is not usable.
    OutputError
        The folder exists, or cannot be written.
    """
    from volcorr.subset_study import study_subsets
    from volio import read

    roles = {"reference": reference, "deformed": deformed, "repeat": repeat, "mask": mask}
    inputs = {role: path for role, path in roles.items() if path is not None}
    with build_result(
        output, overwrite=overwrite, inputs=inputs.values(), marker=STUDY, kind="a study of subsets"
    ) as folder:
        volumes: dict[str, Any] = {
            role: read(path, voxel_size=voxel_size, dataset=None if role == "mask" else dataset)
            for role, path in inputs.items()
        }
        record = record_run(inputs, {"dataset": dataset, "voxel_size": voxel_size, **options})
        study = study_subsets(**volumes, **options)
        study.to_table().to_csv(folder / TABLE, index=False)
        write_json(study.as_dict() | record, folder / STUDY)
        if draw is not None:
            draw(study, folder / FIGURE)
    return study
