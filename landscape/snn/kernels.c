/* The passes of kernels.py, fused: inputs are read once, results written once.
 *
 * Compiled by native.py with the neuron as macros: REAL, T (time steps), B (elements of a block),
 * HARD and RESET or SOFT, TAU and DECAY_INPUT or neither, THRESHOLD, DETACHED, SMOOTH, SURROGATE
 * and ALPHA. Operations come in the order of kernels.py, so that both round alike. Work goes by
 * blocks of at most B elements that stay in cache; loops over a block are left to the compiler
 * to vectorise. Blocks are on the heap, since they grow with T; a pass returns 1 where there is no
 * memory for them, else 0.
 *
 * "plain" passes take (T, M) tensors; those of pooled.c a 2x2 max-pool along.
 */
#include <stdlib.h>
#include <tgmath.h> /* by type: expf for float */
#undef I /* the imaginary unit of complex.h */

#define ATAN 0
#define SIGMOID 1
#define ERF 2
#define FAST_SIGMOID 3
#define TRIANGLE 4
#define R(x) ((REAL)(x))
#define CHUNK (B < 256 ? B : 256)
/* No element depends on another, which the compiler cannot see where C is not known. */
#define EACH(b, n) _Pragma("omp simd") for (long b = 0; b < (n); ++b)

typedef REAL row[B], block[T][B]; /* a row: one time step of a block */

static inline REAL primitive(REAL u) {
#if SURROGATE == ATAN
    return R(atan(u * R(M_PI * ALPHA / 2))) / R(M_PI) + R(0.5);
#elif SURROGATE == SIGMOID
    return 1 / (1 + R(exp(-R(ALPHA) * u)));
#elif SURROGATE == ERF
    return R(erfc(-R(ALPHA) * u)) / 2;
#elif SURROGATE == FAST_SIGMOID
    REAL x = R(ALPHA) * u;
    return (1 + x / (1 + R(fabs(x)))) / 2;
#else
    REAL x = R(ALPHA) * u;
    x = x < -1 ? -1 : x > 1 ? 1 : x;
    return R(0.5) + x - x * R(fabs(x)) / 2;
#endif
}

static inline REAL derivative(REAL u) {
#if SURROGATE == ATAN
    REAL x = u * R(M_PI * ALPHA / 2);
    return R(ALPHA / 2) / (1 + x * x);
#elif SURROGATE == SIGMOID
    REAL s = primitive(u);
    return R(ALPHA) * s * (1 - s);
#elif SURROGATE == ERF
    REAL x = R(ALPHA) * u;
    return R(ALPHA / 1.7724538509055160273) * R(exp(-x * x));
#elif SURROGATE == FAST_SIGMOID
    REAL x = 1 + R(ALPHA) * R(fabs(u));
    return R(ALPHA / 2) / (x * x);
#else
    REAL x = 1 - R(ALPHA) * R(fabs(u));
    return R(ALPHA) * (x > 0 ? x : 0);
#endif
}

static inline REAL second_derivative(REAL u) {
    REAL sign = R((u > 0) - (u < 0));
    (void)sign;
#if SURROGATE == ATAN
    REAL d = derivative(u);
    return R(-M_PI * M_PI * ALPHA) * u * d * d;
#elif SURROGATE == SIGMOID
    REAL s = primitive(u);
    return R(ALPHA * ALPHA) * s * (1 - s) * (1 - 2 * s);
#elif SURROGATE == ERF
    return R(-2 * ALPHA * ALPHA) * u * derivative(u);
#elif SURROGATE == FAST_SIGMOID
    REAL x = 1 + R(ALPHA) * R(fabs(u));
    return R(-ALPHA * ALPHA) * sign / (x * x * x);
#else
    return R(fabs(R(ALPHA) * u)) <= 1 ? R(-ALPHA * ALPHA) * sign : 0;
#endif
}

static inline REAL charge(REAL v, REAL current) {
#ifndef TAU
    return v + current;
#elif DECAY_INPUT
    return v + (current - (v - R(RESET))) / R(TAU);
#else
    return v - (v - R(RESET)) / R(TAU) + current;
#endif
}

static inline REAL discharge(REAL h, REAL s) {
#if SOFT
    return h - s * R(THRESHOLD);
#else
    return (1 - s) * h + s * R(RESET);
#endif
}

/* dv_t/dh_t and its derivative, given σ' and σ''. */
static inline REAL slope(REAL h, REAL s, REAL d) {
#if DETACHED
    return SOFT ? 1 : 1 - s;
#else
    return SOFT ? 1 - R(THRESHOLD) * d : 1 - s - (h - R(RESET)) * d;
#endif
}

static inline REAL bend(REAL h, REAL d, REAL dd) {
#if DETACHED
    return 0;
#else
    return SOFT ? -R(THRESHOLD) * dd : -2 * d - (h - R(RESET)) * dd;
#endif
}

static void membranes(const REAL *I, long step, long n, block h, block s) {
    for (long t = 0; t < T; ++t) {
        const REAL *x = I + t * step;
        EACH(b, n) {
            REAL v = t ? discharge(h[t - 1][b], s[t - 1][b]) : R(RESET);
            h[t][b] = charge(v, x[b]);
            REAL u = h[t][b] - R(THRESHOLD);
            s[t][b] = SMOOTH ? primitive(u) : R(u >= 0);
        }
    }
}

/* step == 0: a current constant in time, whose gradients add up. */
static inline void emit(REAL *out, long step, long t, long n, const REAL *g) {
    REAL *o = out + t * step;
    if (step || t == T - 1)
        EACH(b, n) o[b] = R(GAIN) * g[b];
    else
        EACH(b, n) o[b] += R(GAIN) * g[b];
}

static void backward(block h, block s, block gs, long n, REAL *out, long step) {
    REAL g[B];
    for (long t = T - 1; t >= 0; --t) {
        EACH(b, n) {
            REAL d = derivative(h[t][b] - R(THRESHOLD)), direct = gs[t][b] * d;
            REAL m = R(KEEP) * slope(h[t][b], s[t][b], d);
            g[b] = t == T - 1 ? direct : direct + m * g[b];
        }
        emit(out, step, t, n, g);
    }
}

/* Leaves the cotangent of gs in a. */
static void double_backward(block h, block s, block gs, const REAL *c, long n, block a,
                            REAL *out, long step) {
    REAL g[B], G[B], carry[B];
    for (long t = 0; t < T; ++t) {
        const REAL *ct = c + t * step;
        EACH(b, n) {
            REAL direct = R(GAIN) * ct[b];
            a[t][b] = t ? direct + carry[b] * a[t - 1][b] : direct;
            REAL d = derivative(h[t][b] - R(THRESHOLD));
            carry[b] = R(KEEP) * slope(h[t][b], s[t][b], d);
        }
    }
    for (long t = T - 1; t >= 0; --t) {
        EACH(b, n) {
            REAL u = h[t][b] - R(THRESHOLD), d = derivative(u), dd = second_derivative(u);
            REAL m = R(KEEP) * slope(h[t][b], s[t][b], d), e = gs[t][b] * dd;
            if (t == T - 1) {
                G[b] = a[t][b] * e;
                g[b] = gs[t][b] * d;
            } else {
                e = e + R(KEEP) * bend(h[t][b], d, dd) * g[b];
                G[b] = a[t][b] * e + m * G[b];
                g[b] = gs[t][b] * d + m * g[b];
            }
            a[t][b] *= d;
        }
        emit(out, step, t, n, G);
    }
}

static void load(const REAL *x, long step, long n, block to) {
    for (long t = 0; t < T; ++t) EACH(b, n) to[t][b] = x[t * step + b];
}

static void store(block from, long n, REAL *x, long step) {
    for (long t = 0; t < T; ++t) EACH(b, n) x[t * step + b] = from[t][b];
}

static inline long least(long x, long y) { return x < y ? x : y; }

/* Room for n blocks, each at the start of a cache line, or NULL. */
static block *blocks(size_t n) { return aligned_alloc(64, n * sizeof(block)); }

int plain_forward(long begin, long end, long M, int constant, const REAL *I, REAL *spikes) {
    block *room = blocks(2);
    if (!room) return 1;
    row *h = room[0], *s = room[1];
    for (long i = begin; i < end; i += CHUNK) {
        long n = least(CHUNK, end - i);
        membranes(I + i, constant ? 0 : M, n, h, s);
        store(s, n, spikes + i, M);
    }
    free(room);
    return 0;
}

int plain_backward(long begin, long end, long M, int constant, const REAL *I, const REAL *gs,
                   REAL *out) {
    block *room = blocks(3);
    if (!room) return 1;
    row *h = room[0], *s = room[1], *g = room[2];
    long step = constant ? 0 : M;
    for (long i = begin; i < end; i += CHUNK) {
        long n = least(CHUNK, end - i);
        membranes(I + i, step, n, h, s);
        load(gs + i, M, n, g);
        backward(h, s, g, n, out + i, step);
    }
    free(room);
    return 0;
}

int plain_double(long begin, long end, long M, int constant, const REAL *I, const REAL *gs,
                 const REAL *c, REAL *to_gs, REAL *out) {
    block *room = blocks(4);
    if (!room) return 1;
    row *h = room[0], *s = room[1], *g = room[2], *a = room[3];
    long step = constant ? 0 : M;
    for (long i = begin; i < end; i += CHUNK) {
        long n = least(CHUNK, end - i);
        membranes(I + i, step, n, h, s);
        load(gs + i, M, n, g);
        double_backward(h, s, g, c + i, n, a, out + i, step);
        store(a, n, to_gs + i, M);
    }
    free(room);
    return 0;
}

#include "pooled.c"
