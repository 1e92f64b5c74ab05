"""The Python API as a program uses it. mypy --strict reads this file; nothing runs it."""

from __future__ import annotations

import slr_tune


def best_of(name: str) -> tuple[float | None, dict[str, object]]:
    study: slr_tune.Study = slr_tune.load(name, storage="sqlite:///studies/slr-tune.db")
    trial: slr_tune.Trial = study.best
    curve = trial.curve["val/wer"]
    print(study.trials["loss_weights.alpha"].mean(), curve.min(), study.curves.shape)
    if study.baseline is not None and study.baseline.value is not None:
        print(study.baseline.value - (trial.value or 0.0))
    return trial.value, trial.config


def figures(study: slr_tune.Study) -> None:
    importance: slr_tune.Importances = study.importance(epoch=9)
    importance.plot().show()
    print(importance.frame["share"], importance.verdict, *importance.warnings)
    plots: slr_tune.StudyPlots = study.plot
    for draw in (plots.history, plots.curves, plots.parallel, plots.rungs, plots.schedules):
        draw().show()
    plots.weights("loss_weights").show()
    print(study.report()[0].name, study.summary(), study.refresh().running, study.url)


def search() -> slr_tune.Study | None:
    try:
        return slr_tune.run(
            "search_spaces/distill.yaml",
            trials=24,
            settings={"fixed.batch_size": 8, "space.dropout.float": [0.0, 0.2]},
            progress=False,
        )
    except slr_tune.SlrTuneError as error:
        print(error, error.exit_code)
    except slr_tune.Stopped as stopped:
        print(stopped.exit_code)
    return None


def compare(study: slr_tune.Study) -> str:
    result: slr_tune.Ablation = slr_tune.ablate(study, factors=["temperature"], seeds=3)
    result.plot().show()
    print(result.table, result.runs, result.folder.name)
    honest: slr_tune.Confirmation = slr_tune.confirm(study, top=3, seeds=5)
    print(honest.table, honest.verdicts, slr_tune.studies().index)
    verdicts: dict[str, str] = result.verdicts
    return "\n".join(verdicts.values())
