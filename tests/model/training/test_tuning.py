from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model.run.folder import read_run
from model.run.progress import Silence
from model.training.calibration import fit_temperature
from model.training.recipe import train_classifier
from model.training.settings import ClassifierSettings
from model.training.tuning import calibrated_losses, compare_answers
from tests.pictures import make_data


class Lines(Silence):
    """A reporter that keeps the lines it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


def answers(count: int, margin: float, seed: int) -> torch.Tensor:
    """Logits [count, 2] that speak for class 0 by `margin`, more or less."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack(
        [margin + torch.randn(count, generator=generator), torch.zeros(count)], dim=1
    )


def test_losses_are_the_mean_over_the_splits_by_one_temperature():
    labels = torch.arange(40) % 2
    splits = [answers(40, 0.5, seed) * (1 - 2 * labels[:, None]) for seed in range(3)]
    temperature = fit_temperature(torch.cat(splits), labels.repeat(3))
    expected = sum(
        F.cross_entropy(each.double() / temperature, labels, reduction="none") for each in splits
    )
    assert torch.allclose(calibrated_losses(splits, labels), expected / 3)
    # however sure of themselves the models are: only what the temperature cannot mend counts
    louder = calibrated_losses([4 * each for each in splits], labels).mean().item()
    assert louder == pytest.approx(expected.mean().item() / 3, rel=0.01)


def test_the_standard_error_is_of_the_pictures_differences():
    """Not of the two NLLs as if they were of other pictures: what is hard for both takes away
    from neither."""
    labels = torch.arange(60) % 2
    signs = 1 - 2 * labels[:, None]
    hard = torch.linspace(-2, 4, 60)[:, None] * torch.tensor([1.0, 0.0])
    frozen, tuned = (
        [(hard + 0.1 * answers(60, margin, seed)) * signs for seed in seeds]
        for margin, seeds in ((0, (0, 1)), (3, (2, 3)))
    )
    before, after, error = compare_answers(frozen, tuned, labels)
    first, second = (calibrated_losses(each, labels) for each in (frozen, tuned))
    assert (before, after) == pytest.approx((first.mean().item(), second.mean().item()))
    differences = (first - second).tolist()
    mean = sum(differences) / 60
    variance = sum((each - mean) ** 2 for each in differences) / 59
    assert error == pytest.approx((variance / 60) ** 0.5)
    assert error < 0.3 * (first.std() ** 2 / 60 + second.std() ** 2 / 60) ** 0.5
    assert before - after > 2 * error > 0


def test_a_difference_that_all_pictures_share_has_no_error():
    labels = torch.arange(30) % 3
    frozen = F.one_hot(labels, 3).double()
    before, after, error = compare_answers([frozen], [frozen.clone()], labels)
    assert before == after
    assert error == 0


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [2, 3])
def test_auto_does_what_its_comparison_says(initial_weights, tmp_path, kinds):
    data = make_data(tmp_path / "data", ("a", "b", "c")[:kinds], train=6, val=1)
    settings = ClassifierSettings(
        epochs=1, folds=2, device="cpu", workers=0, train_body="auto", batch_size=6
    )
    reporter = Lines()
    output = tmp_path / "run"
    metrics = train_classifier(
        settings, data, output, init_weights=initial_weights, reporter=reporter
    )
    found = metrics["comparison"]
    assert set(found["candidates"]) == {"gentle", "bold"}
    assert found["candidates"][found["boldness"]] == min(found["candidates"].values())
    gain = found["frozen_nll"] - found["tuned_nll"]
    assert found["tuned"] == (gain > 2 * found["standard_error"])
    assert found["splits"] == 3 or (found["splits"] == 1 and gain <= 0)
    initial = torch.load(initial_weights, weights_only=True)
    kept = torch.equal(read_run(output).weights["conv1.weight"], initial["conv1.weight"])
    assert kept == (not found["tuned"])
    assert bool(metrics["history"]) == found["tuned"] == bool(metrics["body"])
    (cost,) = [line for line in reporter.lines if "at most 5 epochs in all, about" in line]
    told = [line for line in reporter.lines if line.startswith("the whole network, ")]
    assert reporter.lines.index(cost) < reporter.lines.index(told[0])
