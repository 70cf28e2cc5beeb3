"""Rules about chance: numbers that no seed decides."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_kit.steps.lint.module import Module, argument, is_none, is_open, keyword

SEED = "random_state"

# What draws numbers whenever it is used, by the name within scikit-learn.
_ALWAYS = """RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor RandomTreesEmbedding IsolationForest
    GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier HistGradientBoostingRegressor AdaBoostClassifier
    AdaBoostRegressor BaggingClassifier BaggingRegressor DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier
    ExtraTreeRegressor KMeans MiniBatchKMeans BisectingKMeans SpectralClustering SpectralBiclustering SpectralCoclustering
    SpectralEmbedding AffinityPropagation GaussianMixture BayesianGaussianMixture MLPClassifier MLPRegressor BernoulliRBM SGDClassifier
    SGDRegressor SGDOneClassSVM Perceptron PassiveAggressiveClassifier PassiveAggressiveRegressor RANSACRegressor TheilSenRegressor
    TruncatedSVD NMF MiniBatchNMF FastICA DictionaryLearning MiniBatchDictionaryLearning SparsePCA MiniBatchSparsePCA
    LatentDirichletAllocation TSNE MDS RBFSampler Nystroem SkewedChi2Sampler PolynomialCountSketch GaussianRandomProjection
    SparseRandomProjection QuantileTransformer IterativeImputer MinCovDet EllipticEnvelope TargetEncoder ShuffleSplit
    StratifiedShuffleSplit GroupShuffleSplit RepeatedKFold RepeatedStratifiedKFold RandomizedSearchCV HalvingRandomSearchCV
    ParameterSampler permutation_importance resample shuffle make_classification make_regression make_blobs make_moons make_circles
    make_friedman1 make_friedman2 make_friedman3 make_gaussian_quantiles make_hastie_10_2 make_low_rank_matrix make_multilabel_classification
    make_s_curve make_swiss_roll make_sparse_uncorrelated"""
ALWAYS = frozenset(_ALWAYS.split())

# What draws numbers only with one of these values of a parameter: name -> (parameter, values).
SOMETIMES: dict[str, tuple[str, frozenset[object]]] = {
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV"), ("solver", frozenset({"sag", "saga", "liblinear"}))),
    **dict.fromkeys(("Ridge", "RidgeClassifier"), ("solver", frozenset({"sag", "saga"}))),
    **dict.fromkeys(("Lasso", "ElasticNet", "LassoCV", "ElasticNetCV", "MultiTaskLasso"), ("selection", frozenset({"random"}))),
    **dict.fromkeys(("SVC", "NuSVC"), ("probability", frozenset({True}))),
    **dict.fromkeys(("KFold", "StratifiedKFold", "StratifiedGroupKFold", "learning_curve"), ("shuffle", frozenset({True}))),
    "PCA": ("svd_solver", frozenset({"randomized", "arpack"})),
    "DummyClassifier": ("strategy", frozenset({"stratified", "uniform"})),
    "LinearSVC": ("dual", frozenset({True})),
    "LinearSVR": ("dual", frozenset({True})),
}  # fmt: skip


class UnseededModel:
    """Without `random_state` scikit-learn draws from the system: another model, or another test set, on every run."""

    id = "unseeded"
    fix = "random_state=params.seed"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield estimators, splits and samples without a seed."""
        if any(_method(call) == "set_params" and keyword(call, SEED) for call in module.calls):
            return
        for call, name in module.called:
            last = name.rsplit(".", 1)[-1]
            if (
                name.startswith("sklearn.")
                and not is_open(call)
                and is_none(keyword(call, SEED))
                and self._draws(call, last)
            ):
                yield call

    def _draws(self, call: ast.Call, last: str) -> bool:
        if last == "train_test_split":
            shuffle = keyword(call, "shuffle")
            return not (isinstance(shuffle, ast.Constant) and shuffle.value is False)
        if last in ALWAYS:
            return True
        parameter, values = SOMETIMES.get(last, ("", frozenset()))
        given = keyword(call, parameter)
        return isinstance(given, ast.Constant) and given.value in values


class UnseededSample:
    """Without `random_state` a sample of rows is another on every run."""

    id = "unseeded-sample"
    fix = "frame.sample(..., random_state=params.seed)"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield samples of frames without a seed."""
        for call in module.calls:
            if _method(call) != "sample" or module.name_of(call.func) or is_open(call):
                continue
            given = {k.arg for k in call.keywords}
            if given & {"n", "frac", "fraction", "replace", "weights"} and is_none(
                keyword(call, SEED) or keyword(call, "seed")
            ):
                yield call


class GlobalNumpy:
    """`numpy.random` without a seed draws from the system."""

    id = "numpy-random"
    fix = "rng = numpy.random.default_rng(params.seed), then rng.normal(...)"

    _makers = frozenset(
        {"default_rng", "RandomState", "SeedSequence", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
    )
    _harmless = frozenset({"seed", "Generator", "BitGenerator", "get_state", "set_state"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield generators without a seed, and draws from the global one where the file never seeds it."""
        draws = [
            (call, name.removeprefix("numpy.random."))
            for call, name in module.called
            if name.startswith("numpy.random.")
        ]
        seeded = any(name == "seed" and call.args and not is_none(call.args[0]) for call, name in draws)
        for call, name in draws:
            if name in self._makers:
                if (
                    is_none(argument(call, 0, "seed"))
                    and is_none(keyword(call, "entropy"))
                    and not is_open(call)
                ):
                    yield call
            elif name not in self._harmless and not seeded:
                yield call


class GlobalRandom:
    """`random` without a seed draws from the system."""

    id = "random"
    fix = "rng = random.Random(params.seed), then rng.choice(...)"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield draws from the global generator where the file never seeds it, and generators without a seed."""
        draws = [
            (call, name.removeprefix("random.")) for call, name in module.called if name.startswith("random.")
        ]
        seeded = any(name == "seed" and call.args and not is_none(call.args[0]) for call, name in draws)
        for call, name in draws:
            if name in ("Random", "SystemRandom"):
                if name == "SystemRandom" or is_none(argument(call, 0, "x")):
                    yield call
            elif name not in ("seed", "getstate", "setstate") and not seeded:
                yield call


class UnseededTorch:
    """Without `torch.manual_seed` weights and permutations are others on every run."""

    id = "torch-random"
    fix = "torch.manual_seed(params.seed) at the start of the step"

    _draws = frozenset({"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield draws without a generator where the file never seeds torch."""
        if any(name in ("torch.manual_seed", "torch.random.manual_seed") for _, name in module.called):
            return
        for call, name in module.called:
            if (
                name.startswith("torch.")
                and name.removeprefix("torch.") in self._draws
                and not keyword(call, "generator")
            ):
                yield call


class FreshName:
    """A random identifier is another on every run."""

    id = "uuid"
    fix = "uuid.uuid5(namespace, text), or a hash of the content"

    _functions = ("uuid.uuid1", "uuid.uuid4", "os.urandom")

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield identifiers and bytes from the system."""
        for call, name in module.called:
            if name in self._functions or name.startswith("secrets."):
                yield call


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
