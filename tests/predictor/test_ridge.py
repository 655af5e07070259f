import numpy as np

from dagsmith.predictor.ridge import PENALTIES, Ridge


def problem(count: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 5.0, 1.0, 0.0]
    Y = np.stack([X @ [1.0, -0.2, 0.0, 0.5], X @ [0.0, 0.0, 30.0, 0.0]], axis=1)
    return X, Y + 0.3 * rng.normal(size=Y.shape), rng.uniform(0.5, 2.0, count)


def test_left_out_by_leaving_out() -> None:
    X, Y, weights = problem()
    weights /= weights.mean()
    penalty = np.array([0.5, 20.0])
    whole = Ridge.fit(X, Y, weights, penalty)
    for out in range(len(X)):
        # The same standard deviations, and the penalty that the mean weight 1 stands for.
        kept = np.delete(np.arange(len(X)), out)
        A = np.concatenate([(X - whole.centre) * whole.factor, np.ones((len(X), 1))], axis=1)
        for column in range(2):
            P = np.diag([penalty[column]] * 4 + [0.0])
            W = np.diag(weights[kept])
            w = np.linalg.solve(A[kept].T @ W @ A[kept] + P, A[kept].T @ W @ Y[kept, column])
            np.testing.assert_allclose(whole.left_out[out, column], A[out] @ w)


def test_every_target_has_its_own_penalty() -> None:
    X, Y, _ = problem()
    noise = np.random.default_rng(1).normal(size=len(X))
    found = Ridge.fit(X, np.stack([X @ [1.0, 1.0, 1.0, 1.0], noise], axis=1))
    assert found.penalty[0] == len(X) * min(PENALTIES)
    assert found.penalty[1] > found.penalty[0]
    alone = Ridge.fit(X, noise[:, None])
    np.testing.assert_allclose(found.slope[:, 1:], alone.slope)
    errors = [
        np.square(Ridge.fit(X, Y, penalty=np.full(2, p * len(X))).left_out - Y).mean(axis=0)
        for p in PENALTIES
    ]
    best = np.array(PENALTIES)[np.argmin(errors, axis=0)] * len(X)
    np.testing.assert_array_equal(Ridge.fit(X, Y).penalty, best)


def test_weights_are_repetitions() -> None:
    X, Y, _ = problem(8)
    times = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    # Standard deviations are of the rows as given, and the penalty is in their unit: take none.
    none = np.full(2, 1e-9)
    weighted = Ridge.fit(X, Y, times.astype(float), none)
    repeated = Ridge.fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), None, none)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_a_column_that_never_varied_has_no_say() -> None:
    X, Y, _ = problem()
    X[:, 2] = 7.0
    found = Ridge.fit(X, Y)
    other = X.copy()
    other[:, 2] = -100.0
    np.testing.assert_array_equal(found.predict(other), found.predict(X))
