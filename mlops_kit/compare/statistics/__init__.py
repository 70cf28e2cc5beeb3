"""Intervals of the difference of two models on the same test rows.

Every interval follows the law of the paired bootstrap (Efron & Tibshirani 1993, chapter 16; paired use: Koehn 2004, ACL W04-3250):
test rows are drawn with replacement, as many as there are, the same rows for both models, and the metric's difference is read off
each draw. Rows that belong together (several of one customer) are drawn together, as whole groups (Davison & Hinkley 1997,
section 3.8). How a draw is made differs, the law does not:

| metric | how | modules |
|---|---|---|
| accuracy, precision, recall, F-scores | counts of the cells (truth, old says, new says) are multinomial: drawn as such, exact | `cells` |
| Brier, log loss, MAE, RMSE, R2, quantile loss, calibration error | functions of sums over rows; up to 10,000 rows are drawn one by one, above that rows with extreme values one by one and the sum of the others from its normal limit | `sums`, `drawing` |
| average precision | rows drawn one by one; on large tables its linear part (influence of each row), drawn as a sum | `ranking` |
| ROC AUC, same labels on both sides | the normal interval of DeLong, with groups that of Obuchowski | `delong` |
| ROC AUC, labels differ | as average precision | `ranking` |

Several runs of a side (training seeds) are replicates: the metric is their mean, and what they vary by is added (`seeds`).
An interval depends on the set of rows alone: not on their order, on threads, or on which other metrics are asked for. Swapped sides
give the mirror image.
"""

from mlops_kit.compare.statistics.delong import delong_interval
from mlops_kit.compare.statistics.intervals import difference_intervals
from mlops_kit.compare.statistics.values import RESAMPLES, SEED, Interval, Scores

__all__ = ["RESAMPLES", "SEED", "Interval", "Scores", "delong_interval", "difference_intervals"]
