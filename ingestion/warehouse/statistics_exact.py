"""Exact intervals of counts as SQL text: Poisson (Garwood 1936), shares (Clopper and Pearson 1934), rate ratios.

DuckDB has no quantile of the gamma or beta distribution. Small counts are solved by Newton's method on the finite
sum of probabilities; large ones come from an expansion whose error the tests state and hold:
- Poisson: up to 100 events to 1e-9 relative, above by the expansion of Goldberg and Levine (1946), within 3e-9.
- Shares: where at most 200 units are in the smaller part to 1e-8, above by Carter (1947), within 2e-6 of the share.
A column is bound once, as the element of a list of one, so that any expression may be passed, an aggregate too.
"""

from __future__ import annotations

from ingestion.warehouse.statistics import Z95

Z = f"{Z95}e0"
"""As a double: powers of a DECIMAL soon leave its range."""

SUMMED_EVENTS = 100
SUMMED_SHARES = 200
ROUNDS = 4
"""Newton on the logarithm of the tail is nearly linear: from these starts the fourth round changes nothing."""

TAIL = "0.025"


def let(name: str, expression: str, body: str) -> str:
    """`body` with `name` standing for the value of `expression`, which SQL cannot name within an expression."""
    return f"list_transform([{expression}], lambda {name}: {body})[1]"


def _rounds(name: str, start: str, step: str) -> str:
    """`start` improved by `step`, an expression over `name`, as many times as ROUNDS says."""
    value = start
    for _ in range(ROUNDS):
        value = let(name, value, step)
    return value


# --- Poisson -------------------------------------------------------------------------------------------------------


def _gamma_expanded(shape: str, z: str) -> str:
    """Quantile of the gamma distribution at the normal quantile `z`, by descending powers of the root of `shape`."""
    return f"""({shape} + {z} * sqrt({shape}) + ({z} * {z} - 1) / 3
        + (pow({z}, 3) - 7 * {z}) / (36 * sqrt({shape}))
        - (3 * pow({z}, 4) + 7 * {z} * {z} - 16) / (810 * {shape})
        + (9 * pow({z}, 5) + 256 * pow({z}, 3) - 433 * {z}) / (38880 * pow({shape}, 1.5))
        + (12 * pow({z}, 6) - 243 * pow({z}, 4) - 923 * {z} * {z} + 1472) / (204120 * {shape} * {shape}))"""


def _gamma_started(shape: str, z: str) -> str:
    """The same after Wilson and Hilferty: rough, but above 0 for every shape from 1."""
    return f"({shape} * pow(1 - 1 / (9 * {shape}) + {z} / (3 * sqrt({shape})), 3))"


def _poisson_below(mean: str, terms: str) -> str:
    """P(X < terms) for a Poisson count X of that mean."""
    return (
        f"list_sum(list_transform(range(cast({terms} as bigint)), "
        f"lambda st_i: exp(st_i * ln({mean}) - {mean} - lgamma(st_i + 1.0))))"
    )


def _poisson_limits(count: str) -> tuple[str, str]:
    """Exact 95 % limits of the mean of a Poisson count; `count` is a bound double."""
    summed = f"least({count}, {SUMMED_EVENTS})"
    # Lower: P(X >= count) = 2.5 %, solved for the logarithm of the mean.
    tail = f"(1 - {_poisson_below('st_m', summed)})"
    slope = f"exp({summed} * ln(st_m) - st_m - lgamma({summed}))"
    lower = _rounds(
        "st_m", _gamma_started(summed, f"(-{Z})"), f"st_m * exp((ln({TAIL}) - ln({tail})) * {tail} / {slope})"
    )
    # Upper: P(X <= count) = 2.5 %, solved for the mean itself.
    left = _poisson_below("st_m", f"{summed} + 1")
    fall = f"exp({summed} * ln(st_m) - st_m - lgamma({summed} + 1))"
    upper = _rounds(
        "st_m", _gamma_started(f"({summed} + 1)", Z), f"st_m + (ln({left}) - ln({TAIL})) * {left} / {fall}"
    )
    large = f"{count} > {SUMMED_EVENTS}"
    far = _gamma_expanded(count, f"(-{Z})"), _gamma_expanded(f"({count} + 1)", Z)
    return (
        f"case when {count} = 0 then 0.0 when {large} then {far[0]} when {count} > 0 then {lower} end",
        f"case when {large} then {far[1]} when {count} >= 0 then {upper} end",
    )


def poisson_interval(count: str, exposure: str) -> tuple[str, str]:
    """Exact 95 % interval of the rate `count` / `exposure`; NULL where there is no exposure.

    `count` is a whole number from 0 on, `exposure` any number: units / 1000 gives a rate per 1,000.
    """
    lower, upper = _poisson_limits("st_c")
    return (
        f"{let('st_c', f'cast({count} as double)', lower)} / nullif(greatest(cast({exposure} as double), 0), 0)",
        f"{let('st_c', f'cast({count} as double)', upper)} / nullif(greatest(cast({exposure} as double), 0), 0)",
    )


# --- shares --------------------------------------------------------------------------------------------------------


def beta_quantile(a: str, b: str, z: str) -> str:
    """Quantile of the beta distribution at the normal quantile `z` (Carter; Abramowitz and Stegun 26.5.22)."""
    harmonic = f"(2 / (1 / (2 * {a} - 1) + 1 / (2 * {b} - 1)))"
    bend = f"(({Z} * {Z} - 3) / 6)"
    w = (
        f"({z} * sqrt({harmonic} + {bend}) / {harmonic}"
        f" + (1 / (2 * {b} - 1) - 1 / (2 * {a} - 1)) * ({bend} + 5 / 6.0 - 2 / (3 * {harmonic})))"
    )
    return f"({a} / ({a} + {b} * exp(-2 * {w})))"


def _binomial_below(share: str, n: str, terms: str) -> str:
    """P(X < terms) among `n` units of that share."""
    return (
        f"list_sum(list_transform(range(cast({terms} as bigint)), lambda st_i: exp("
        f"lgamma({n} + 1) - lgamma(st_i + 1.0) - lgamma({n} - st_i + 1) + st_i * ln({share})"
        f" + ({n} - st_i) * ln(1 - {share}))))"
    )


def _binomial_limits(part: str, n: str) -> tuple[str, str]:
    """Exact 95 % limits of a share whose numerator `part` is at most half of `n`; both are bound doubles."""
    summed = f"least({part}, {SUMMED_SHARES})"
    tail = f"(1 - {_binomial_below('st_m', n, summed)})"
    slope = (  # d tail / d ln(share)
        f"exp(lgamma({n} + 1) - lgamma({summed}) - lgamma({n} - {summed} + 1)"
        f" + {summed} * ln(st_m) + ({n} - {summed}) * ln(1 - st_m))"
    )
    lower = _rounds(
        "st_m",
        beta_quantile(summed, f"({n} - {summed} + 1)", f"(-{Z})"),
        f"st_m * exp((ln({TAIL}) - ln({tail})) * {tail} / {slope})",
    )
    left = _binomial_below("st_m", n, f"{summed} + 1")
    fall = (  # d left / d ln(1 - share)
        f"exp(lgamma({n} + 1) - lgamma({summed} + 1) - lgamma({n} - {summed})"
        f" + {summed} * ln(st_m) + ({n} - {summed}) * ln(1 - st_m))"
    )
    upper = _rounds(
        "st_m",
        beta_quantile(f"({summed} + 1)", f"({n} - {summed})", Z),
        f"1 - (1 - st_m) * exp((ln({TAIL}) - ln({left})) * {left} / {fall})",
    )
    large = f"{part} > {SUMMED_SHARES}"
    return (
        f"case when {part} = 0 then 0.0 when {large}"
        f" then {beta_quantile(part, f'({n} - {part} + 1)', f'(-{Z})')} else {lower} end",
        f"case when {large} then {beta_quantile(f'({part} + 1)', f'({n} - {part})', Z)} else {upper} end",
    )


def clopper_pearson(numerator: str, denominator: str) -> tuple[str, str]:
    """Exact 95 % interval of a share, as two SQL expressions (NULL where the denominator is 0)."""
    lower, upper = _binomial_limits("least(st_p.k, st_p.n - st_p.k)", "st_p.n")
    # Whatever is the smaller part is summed; the limits of the other are its complement.
    is_small = "st_p.k <= st_p.n - st_p.k"
    pair = f"{{'k': cast({numerator} as double), 'n': cast({denominator} as double)}}"
    ends = (
        f"case when st_p.n > 0 and st_p.k >= 0 then case when {is_small} then {lower} else 1 - ({upper}) end end",
        f"case when st_p.n > 0 and st_p.k >= 0 then case when {is_small} then {upper} else 1 - ({lower}) end end",
    )
    return let("st_p", pair, ends[0]), let("st_p", pair, ends[1])


def poisson_rate_ratio(count: str, exposure: str, base_count: str, base_exposure: str) -> tuple[str, str, str]:
    """Ratio of two rates with its exact 95 % interval (NULL: no events or exposure to divide by).

    Given the sum of both counts, the first is binomial with share r e1 / (r e1 + e0) (Przyborowski and Wilenski
    1940), so the ends of that share turn into the ends of the ratio r. Without events below there is no upper end.
    """
    lower, upper = clopper_pearson(count, f"({count} + {base_count})")
    scale = f"(cast({base_exposure} as double) / nullif(cast({exposure} as double), 0))"

    def turned(end: str) -> str:
        return let("st_e", end, "case when st_e < 1 then st_e / (1 - st_e) end") + f" * {scale}"

    ratio = f"cast({count} as double) / nullif(cast({base_count} as double), 0) * {scale}"
    return ratio, turned(lower), turned(upper)
